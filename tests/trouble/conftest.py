"""What the tests of trouble need: the helpers of the server's and the guard's tests, and ledgers."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / "server"), str(TESTS / "guard")]

import hosting  # noqa: E402 - the path first
from guarding import Place, postgres_place, sqlite_place  # noqa: E402


@pytest.fixture(autouse=True)
def _without_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All is plain http on this machine: certificates, which take long to load for each client, are not needed."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program starts with shorter bounds, which `BOUNDS` in its environment names."""
    program = (sys.executable, str(Path(__file__).with_name("hurried.py")))
    monkeypatch.setattr(hosting, "PROGRAM", program)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Place]:
    """A SQLite ledger that nobody has opened yet."""
    with sqlite_place(tmp_path / "state" / "ledger.sqlite3") as place:
        yield place


@pytest.fixture
def postgres() -> Iterator[Place]:
    """A ledger in a PostgreSQL schema of its own."""
    with postgres_place() as place:
        yield place
