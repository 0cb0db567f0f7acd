"""What all tests share: the event loop they run on, a ledger each, and a ClickSend sandbox on a socket."""

import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from server.sandbox.serve import RunningSandbox, running_sandbox


def pytest_sessionfinish() -> None:
    """Write down a worker's coverage while it is waited for: pytest-xdist kills one that takes 10 s to end."""
    if "PYTEST_XDIST_WORKER" in os.environ and (measured := coverage.Coverage.current()):
        measured.stop()
        measured.save()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A ledger of its own for each test: what one has sent is no repeat in another, nor anything of the user's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def _first_case_measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the coverage of processes in the first case of a test only: it doubles the time that one takes to start.

    The other cases run the same lines, but for those that other tests are about.
    """
    case = getattr(request.node, "callspec", None)
    if case is not None and any(case.indices.values()):
        for name in [name for name in os.environ if name.startswith("COVERAGE")]:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def _served_sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the whole run, in a thread with an event loop of its own."""
    served = running_sandbox(username="ana-of-acme", api_key="5EC2E7-of-the-sandbox")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(served) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_served_sandbox: RunningSandbox) -> RunningSandbox:
    """A sandbox as on its first day; its controls are at {url}/_sandbox/."""
    httpx.post(f"{_served_sandbox.url}/_sandbox/reset", trust_env=False).raise_for_status()
    return _served_sandbox
