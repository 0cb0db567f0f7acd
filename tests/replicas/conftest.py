"""What the tests of replicas need: the helpers of the tests of the server and of the guard, and one fleet for all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fleet import Fleet, fleet
from support.guarding import Place
from support.ledgers import _without_certificates, postgres  # noqa: F401 - fixtures


@pytest.fixture
async def two(postgres: Place, tmp_path: Path) -> AsyncIterator[Fleet]:  # noqa: F811 - the fixture itself
    """Two replicas behind nginx."""
    async with fleet(tmp_path, postgres, 2) as running:
        yield running
