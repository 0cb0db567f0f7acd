"""What the tests of progress need: the helpers of the server's, the guard's and trouble's tests, and a ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.guarding import Place, sqlite_place


@pytest.fixture(autouse=True)
def _without_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All is plain http on this machine: certificates, which take long to load for each client, are not needed."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Place]:
    """A SQLite ledger that nobody has opened yet."""
    with sqlite_place(tmp_path / "state" / "ledger.sqlite3") as place:
        yield place
