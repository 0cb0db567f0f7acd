"""A ledger that cannot be used tells the operator why, and ends the start if only a person can change that."""

from pathlib import Path

import pytest
from support.guarding import POSTGRES, Place
from support.hosting import run, running
from support.scripted import SECRET, USERNAME

from server.ledger.errors import LedgerMisconfigured, LedgerUnavailable
from server.ledger.ledger import Ledger

pytestmark = pytest.mark.anyio

PASSWORD = "5EC2E7-of-the-database"
SERVER = f"postgresql://postgres:{PASSWORD}@127.0.0.1:5432"
ACCOUNT = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": "http://127.0.0.1:1"}

PERMANENT = {
    f"{SERVER}/no_such_database": 'database "no_such_database" does not exist',
    f"postgresql://nobody-here:{PASSWORD}@127.0.0.1:5432/test": 'role "nobody-here" does not exist',
    f"{SERVER}/test?options=-csearch_path%3Dno_such_schema": "no schema has been selected to create in",
    f"postgresql://postgres:{PASSWORD}%ZZ@127.0.0.1/test": "its URL is not one that PostgreSQL understands",
    f"{SERVER}/test?nonsense={PASSWORD}": "its URL is not one that PostgreSQL understands",
}
TRANSIENT = {
    f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/test": "Connection refused",
    f"postgresql://postgres:{PASSWORD}@no-such-host.invalid/test": "no-such-host.invalid",
}


@pytest.fixture
def without_driver(tmp_path: Path) -> dict[str, str]:
    """The environment of a program in which psycopg cannot be imported."""
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError('psycopg')")
    return {"PYTHONPATH": str(tmp_path)}


def fault_of(place: str) -> LedgerUnavailable:
    """What verifying a ledger raises."""
    ledger = Ledger(place)
    with pytest.raises(LedgerUnavailable) as fault:
        ledger.verify()
    ledger.close()
    return fault.value


@pytest.mark.parametrize("place", [*PERMANENT, *TRANSIENT])
def test_the_operator_is_told_the_server_s_reason_and_no_password(place: str, postgres: Place) -> None:
    """Which database, role or host it is, and whether waiting helps."""
    fault = fault_of(place)
    assert {**PERMANENT, **TRANSIENT}[place] in str(fault)
    assert PASSWORD not in str(fault)
    assert "\n" not in str(fault)
    assert isinstance(fault, LedgerMisconfigured) is (place in PERMANENT)


def test_a_missing_privilege_is_named(postgres: Place) -> None:
    """A role that may not create what is not there."""
    schema = postgres.text.rpartition("=")[2]
    postgres.run(f"CREATE ROLE role_of_{schema} LOGIN")
    try:
        postgres.run(f"GRANT USAGE ON SCHEMA {schema} TO role_of_{schema}")
        fault = fault_of(postgres.text.replace("postgres@", f"role_of_{schema}:{PASSWORD}@"))
    finally:
        postgres.run(f"DROP OWNED BY role_of_{schema}")
        postgres.run(f"DROP ROLE role_of_{schema}")
    assert str(fault) == f"PostgreSQL: permission denied for schema {schema}"
    assert isinstance(fault, LedgerMisconfigured)


@pytest.mark.parametrize("place", PERMANENT)
async def test_a_permanent_fault_ends_the_start(place: str, postgres: Place) -> None:
    """A server that could never send says so, instead of refusing each call."""
    status, out, errors = await run("http", "--port", "0", CLICKSEND_MCP_LEDGER=place, **ACCOUNT)
    assert (status, out) == (2, "")
    assert "CLICKSEND_MCP_LEDGER cannot be used: " in errors
    assert PERMANENT[place] in errors
    assert PASSWORD not in errors
    assert "Traceback" not in errors


async def test_a_missing_driver_ends_the_start_and_says_how_to_get_it(without_driver: dict[str, str]) -> None:
    """`http`, and `ledger` too."""
    for command in (("http", "--port", "0"), ("ledger",)):
        status, out, errors = await run(*command, CLICKSEND_MCP_LEDGER=POSTGRES, **ACCOUNT, **without_driver)
        assert (status != 0, out) == (True, "")
        assert "pip install 'clicksend-mcp[postgres]'" in errors
        assert len(errors.splitlines()) == 1


async def test_a_transient_fault_does_not_end_the_start() -> None:
    """Replicas may restart before it does, and serve reads meanwhile."""
    place = f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/test"
    async with running("http", "--port", "0", **ACCOUNT, CLICKSEND_MCP_LEDGER=place) as program:
        warning = await program.error_line()
        served = await program.error_line()
    assert "nothing can be sent until the ledger is there: PostgreSQL: Connection refused" in warning
    assert served.startswith("MCP at http://127.0.0.1:")
    assert PASSWORD not in program.errors


@pytest.mark.parametrize(("place", "reason"), [*PERMANENT.items(), *TRANSIENT.items()])
async def test_the_command_tells_it_in_a_line(place: str, reason: str, postgres: Place) -> None:
    """Where people look first."""
    status, out, errors = await run("ledger", CLICKSEND_MCP_LEDGER=place)
    assert (status, out, len(errors.splitlines())) == (1, "", 1)
    assert errors.startswith("clicksend-mcp: the ledger cannot be used (PostgreSQL: ")
    assert reason in errors
    assert PASSWORD not in errors


@pytest.mark.parametrize(
    ("content", "reason"), [(b"this is no database" * 100, "SQLite: file is not a database"), (None, "is no file")]
)
def test_a_file_that_is_no_database_is_named(content: bytes | None, reason: str, tmp_path: Path) -> None:
    """A SQLite ledger says why as well."""
    file = tmp_path / "ledger"
    file.mkdir() if content is None else file.write_bytes(content)
    assert reason in str(fault_of(str(file)))


def test_a_ledger_that_works_is_verified_and_used(any_ledger: Place) -> None:
    """Nothing is raised, and no transaction left open."""
    ledger = Ledger(any_ledger.text)
    ledger.verify()
    ledger.verify()
    assert ledger.entries() == []
    ledger.close()
    assert any_ledger.rows() == []
