"""What the tests of replicas need: the helpers of the tests of the server and of the guard, and one fleet for all."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "server"))  # hosting and guarding, also when only this folder is run
sys.path.append(str(Path(__file__).parents[1] / "guard"))

from fleet import Fleet, fleet
from guarding import Place, postgres_place


@pytest.fixture(autouse=True)
def _without_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All is plain http on this machine: certificates, which take long to load for each client, are not needed."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))


@pytest.fixture
def postgres() -> Iterator[Place]:
    """A ledger in a PostgreSQL schema of its own."""
    with postgres_place() as place:
        yield place


@pytest.fixture
async def two(postgres: Place, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Two replicas behind nginx."""
    async with fleet(tmp_path, postgres, 2) as running:
        yield running
