"""The ledger's connections: a bounded pool, replaced when broken, for a PostgreSQL role with few privileges."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import anyio
import psycopg
import pytest
from support.guarding import POSTGRES, Place

from server.ledger import database, postgres_driver
from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import Entry, Ledger, new_id

pytestmark = pytest.mark.anyio

MAX_CONNECTIONS, MAX_IDLE = 15, 5
MANY = 40


async def send(ledger: Ledger) -> None:
    number = new_id()
    entry = Entry(account="", caller="caller", action="", fingerprint=number, recipients=1, id=number)
    await ledger.start(entry, window=600, budget=None, lasts=60)


async def test_many_sends_at_once_share_a_few_connections(postgres: Place) -> None:
    ledger = Ledger(postgres.text)
    await send(ledger)
    with psycopg.connect(postgres.text) as other:
        other.execute("SELECT * FROM callers FOR UPDATE")  # blocks all of them
        async with anyio.create_task_group() as tasks:
            for _ in range(MANY):
                tasks.start_soon(send, ledger)
            await postgres.become(MAX_CONNECTIONS + 1)  # and the other one
            other.rollback()
    assert len(ledger.entries()) == MANY + 1
    await postgres.become(MAX_IDLE)
    ledger.close()
    await postgres.become(0)


async def test_waiting_for_a_connection_times_out(postgres: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_POOL_TIMEOUT", 1)
    ledger = Ledger(postgres.text)
    await send(ledger)
    with psycopg.connect(postgres.text) as other:
        other.execute("SELECT * FROM callers FOR UPDATE")
        async with anyio.create_task_group() as tasks:
            for _ in range(MAX_CONNECTIONS):
                tasks.start_soon(send, ledger)
            await postgres.become(MAX_CONNECTIONS + 1)
            with pytest.raises(LedgerUnavailable, match="TimeoutError"):
                await ledger.check()
            other.rollback()
    assert len(ledger.entries()) == MAX_CONNECTIONS + 1
    ledger.close()


async def test_a_restarted_database_is_connected_to_again(postgres: Place) -> None:
    ledger = Ledger(postgres.text)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(send, ledger)
    ours = postgres.text.rpartition("=")[2]
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :ours"
    postgres.run(f"{query} AND pid <> pg_backend_pid()", ours=ours)
    await send(ledger)
    assert len(postgres.rows()) == 4
    ledger.close()


@pytest.fixture
def restricted(postgres: Place) -> Iterator[Place]:
    """The same ledger for a role that may read and write rows, and create nothing."""
    schema = postgres.text.rpartition("=")[2]
    role = f"role_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRES, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN")
        owner.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        owner.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
        )
        try:
            yield Place(postgres.text.replace("postgres@", f"{role}@"))
        finally:
            owner.execute(f"DROP OWNED BY {role}")
            owner.execute(f"DROP ROLE {role}")


async def test_a_role_that_cannot_create_tables_can_use_existing_ones(postgres: Place, restricted: Place) -> None:
    ledger = Ledger(restricted.text)
    with pytest.raises(LedgerUnavailable, match="InsufficientPrivilege"):
        await send(ledger)
    owner = Ledger(postgres.text)
    await owner.check()
    owner.close()
    await send(ledger)
    assert len(postgres.rows()) == 1
    ledger.close()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
async def test_a_url_may_say_postgresql_in_each_usual_way(scheme: str, postgres: Place) -> None:
    ledger = Ledger(postgres.text.replace("postgresql", scheme, 1))
    await ledger.check()
    ledger.close()


async def test_a_file_may_be_given_as_a_url(ledger: Place) -> None:
    as_url = Ledger(f"sqlite:///{ledger.text}")
    await send(as_url)
    as_url.close()
    assert len(ledger.rows()) == 1


async def test_a_ledger_is_never_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To SQLite, that name is a database that ends with its connection."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger(":memory:")
    await send(ledger)
    ledger.close()
    assert len(Place(str(tmp_path / ":memory:")).rows()) == 1


@pytest.mark.parametrize(("option", "milliseconds"), [("", 10_000), ("&tcp_user_timeout=3000", 3_000)])
async def test_an_unresponsive_machine_is_given_up_in_time(option: str, milliseconds: int, postgres: Place) -> None:
    """The kernel does it, which shows only when packets are lost; so this checks the socket options."""
    with (
        postgres_driver.connect(f"{postgres.text}{option}", 10) as connection,
        socket.socket(fileno=os.dup(connection.fileno())) as ours,
    ):
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == milliseconds
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
