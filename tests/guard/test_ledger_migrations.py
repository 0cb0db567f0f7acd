"""Migrations: a ledger from before there were versions is upgraded, one of a later version is refused."""

import threading
from collections.abc import Sequence
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from support.guarding import Place

from server.ledger.database import Database
from server.ledger.errors import LedgerMisconfigured
from server.ledger.ledger import Entry, Ledger, new_id
from server.ledger.migrations import Schema

pytestmark = pytest.mark.anyio

CURRENT = 2


def entry() -> Entry:
    return Entry(account="account", caller="caller", action="SEND", fingerprint=new_id(), recipients=1, id=new_id())


async def write(ledger: Ledger) -> None:
    await ledger.start(entry(), window=0, budget=None, lasts=60)


def versions(place: Place) -> Sequence[tuple[str, int]]:
    return [(row["component"], row["version"]) for row in place.run("SELECT * FROM schema_versions")]


async def test_a_new_ledger_has_the_version_of_this_one(any_ledger: Place) -> None:
    ledger = Ledger(any_ledger.text)
    await write(ledger)
    ledger.close()
    assert versions(any_ledger) == [("ledger", CURRENT)]


async def test_the_columns_of_a_send_are_the_fields_of_an_entry(any_ledger: Place) -> None:
    """A field without its column, or the reverse, needs a migration."""
    ledger = Ledger(any_ledger.text)
    await write(ledger)
    ledger.close()
    assert set(any_ledger.row()) == {field.name for field in fields(Entry)}


async def test_an_entry_is_read_as_it_was_written(any_ledger: Place) -> None:
    ledger = Ledger(any_ledger.text)
    full = replace(
        entry(), caller_name="ana", cost=Decimal("0.079201"), marks=("first", "second"), request='{"body":"\u20ac5"}'
    )
    written = await ledger.start(full, window=0, budget=None, lasts=60)
    read = ledger.entries()
    ledger.close()
    assert read == [written]
    assert replace(written, at=0.0) == full


async def test_a_ledger_from_before_there_were_versions_is_upgraded(any_ledger: Place) -> None:
    before = Ledger(any_ledger.text)
    await write(before)
    before.close()
    any_ledger.run("DROP TABLE schema_versions")
    after = Ledger(any_ledger.text)
    await write(after)
    after.close()
    assert versions(any_ledger) == [("ledger", CURRENT)]
    assert len(any_ledger.rows()) == 2


async def test_a_ledger_of_a_later_version_is_not_written_to(any_ledger: Place) -> None:
    first = Ledger(any_ledger.text)
    await first.check()
    first.close()
    any_ledger.run("UPDATE schema_versions SET version = 99")
    ledger = Ledger(any_ledger.text)
    later = "a later version of clicksend-mcp has written to it .schema 99; this version knows 2.: upgrade this server"
    with pytest.raises(LedgerMisconfigured, match=later):
        await write(ledger)
    with pytest.raises(LedgerMisconfigured, match=later):
        ledger.verify()
    ledger.close()
    assert any_ledger.rows() == []


async def test_only_new_migrations_run(any_ledger: Place) -> None:
    """A second migration keeps what the first one created."""
    first = ("CREATE TABLE things (name VARCHAR(10))",)
    second = ("ALTER TABLE things ADD COLUMN size INTEGER", "INSERT INTO things (name, size) VALUES ('one', 1)")
    for migrations in ((first,), (first, second), (first, second)):
        database = Database(any_ledger.text, Schema("things", migrations))
        database.verify()
        database.close()
    assert [tuple(dict(row).values()) for row in any_ledger.run("SELECT name, size FROM things")] == [("one", 1)]
    assert versions(any_ledger) == [("things", 2)]


async def test_concurrent_starts_migrate_once(any_ledger: Place) -> None:
    made = ("CREATE TABLE things (name VARCHAR(10))", "INSERT INTO things (name) VALUES ('one')")
    databases = [Database(any_ledger.text, Schema("things", (made,))) for _ in range(6)]
    together = threading.Barrier(len(databases))
    problems: list[Exception] = []

    def start(database: Database) -> None:
        together.wait()
        try:
            database.verify()
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=start, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert not problems
    assert len(any_ledger.run("SELECT * FROM things")) == 1
