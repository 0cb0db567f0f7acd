"""What the tests of views share: one browser and one host for all, and real results to show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from picture_browsing import Host, Opened, Showing, Shown, host, needs_a_browser
from picture_days import MESSAGES, PRICE, STATISTICS, PageAndResult, live_a_month, page_and_result
from playwright.sync_api import Browser
from support.chromium import launched

from server.protocol import apps
from server.sandbox.serve import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched(needs_a_browser()) as started:
        yield started


@pytest.fixture(scope="session")
def test_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    needs_a_browser()
    with host(tmp_path_factory.mktemp("host")) as served:
        yield served


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """Where MCP is spoken: the browser is driven from a loop of its own."""
    with start_blocking_portal() as started:
        yield started


@pytest.fixture(scope="session")
def month(portal: BlockingPortal) -> PageAndResult:
    """The statistics of a month, asked for once."""
    with portal.wrap_async_context_manager(running_sandbox(username="ana", api_key="of-the-month")) as sandbox:
        live_a_month(sandbox)
        return portal.call(page_and_result, sandbox, STATISTICS, {})


@pytest.fixture(scope="session")
def prices(portal: BlockingPortal) -> PageAndResult:
    """The price of some messages, asked for once."""
    with portal.wrap_async_context_manager(running_sandbox(username="ana", api_key="of-the-prices")) as sandbox:
        return portal.call(page_and_result, sandbox, PRICE, MESSAGES)


@pytest.fixture
def page() -> str:
    """The view as it is served."""
    return (Path(apps.__file__).parent / "view.html").read_text(encoding="utf-8")


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opened]:
    """Opens a page of some width in the browser, without anything in it."""
    contexts = []

    def make(width: int = 680) -> Showing:
        context = chromium.new_context(viewport={"width": width, "height": 400}, device_scale_factor=1.5)
        contexts.append(context)
        return Showing(context.new_page())

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def shown(test_host: Host, opened: Opened) -> Shown:
    """Shows in the browser what came of a call."""

    def show(what: PageAndResult, *, width: int = 680, **context: Any) -> Showing:
        html, result = what
        showing = opened(width)
        showing.start(test_host, html, **context)
        showing.tell({}, result)
        return showing

    return show


@pytest.fixture
def called(shown: Shown, portal: BlockingPortal, sandbox: RunningSandbox) -> Shown:
    """Calls a tool of the real program, and shows what came of it."""

    def show(slug: str, arguments: dict[str, Any], **own: str) -> Showing:
        return shown(portal.call(lambda: page_and_result(sandbox, slug, arguments, **own)))

    return show
