"""What the tests with other people's clients share: one sandbox and one HTTP server, and the runs against them."""

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal
from client_runs import Runs, world
from conformance_runs import Suite
from environments import needs_clients


@pytest.fixture(scope="session")
def runs() -> Iterator[Runs]:
    """What every client did; each is run once, when it is first asked for."""
    needs_clients()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(world()) as served:
        yield Runs(portal, served)


@pytest.fixture(scope="session")
def suite(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """What the conformance suite says of the server, for each revision."""
    return Suite(runs.world.url, tmp_path_factory.mktemp("conformance"))
