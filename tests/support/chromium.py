"""Chromium for the tests that look at a page: the one of this machine, which downloads nothing and calls nobody."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


def browser_program() -> str:
    """Where Chromium is; without it the test is skipped, unless it has to run."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail("Chromium is required")
        pytest.skip("Chromium is not installed")
    return found


@contextmanager
def launched(program: str, *switches: str) -> Iterator[Browser]:
    """A browser. As long as it is there, Playwright's event loop runs, and no other can on this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_SWITCHES, *switches])
        yield browser
        browser.close()
