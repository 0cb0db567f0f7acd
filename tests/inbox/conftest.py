"""One sandbox process and one browser for the tests of the inbox, and a page that tells what went wrong on it."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from browsing import NAMES, Site, Tab, elsewhere
from playwright.sync_api import Browser
from support.chromium import browser_program, launched
from support.sandbox_client import Sandbox
from support.sandbox_process import sandbox_process

from server.sandbox.serve import RunningSandbox


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched(browser_program(), NAMES) as browser:
        yield browser


@pytest.fixture(scope="session")
def served() -> Iterator[RunningSandbox]:
    with sandbox_process() as running:
        yield running


@pytest.fixture
def sandbox(served: RunningSandbox) -> Iterator[Sandbox]:
    """The sandbox as on its first day, at a time of its own that stands still."""
    client = Sandbox(served)
    with closing(client.http):
        client.control("POST", "reset")
        client.control("POST", "clock", {"now": 1_790_000_000, "stopped": True})
        yield client


@pytest.fixture
def tab(browser: Browser, sandbox: Sandbox) -> Iterator[Tab]:
    """A tab with the inbox; at the end of the test nothing may have gone wrong on it."""
    with Tab.opened(browser, sandbox.url) as tab:
        yield tab


@pytest.fixture
def other_site() -> Iterator[Site]:
    with elsewhere() as site:
        yield site
