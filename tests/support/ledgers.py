"""The fixtures of tests that send: a ledger of each kind, and HTTP clients that start quickly."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.guarding import Place, postgres_place, sqlite_place


@pytest.fixture(autouse=True)
def _without_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Load no certificates, which takes each client long: all is plain http on this machine."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)  # it would be read instead


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


@pytest.fixture(params=["sqlite", "postgres"])
def any_ledger(request: pytest.FixtureRequest) -> Place:
    """A ledger of each kind."""
    place: Place = request.getfixturevalue("ledger" if request.param == "sqlite" else "postgres")
    return place
