"""What the tests of replicas need: the helpers of the tests of the server and of the guard, and one fleet for all."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "server"))  # hosting and guarding, also when only this folder is run
sys.path.append(str(Path(__file__).parents[1] / "guard"))

from fleet import Fleet, fleet
from guarding import Place
from ledgers import _without_certificates, postgres  # noqa: F401 - fixtures


@pytest.fixture
async def two(postgres: Place, tmp_path: Path) -> AsyncIterator[Fleet]:  # noqa: F811 - the fixture itself
    """Two replicas behind nginx."""
    async with fleet(tmp_path, postgres, 2) as running:
        yield running
