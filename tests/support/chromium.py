"""Chromium for the tests of pages: the installed one, without downloads or calls to the network."""

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
    """The path of Chromium; without it the test is skipped, or fails if REQUIRE_SERVICES is set."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail("Chromium is required")
        pytest.skip("Chromium is not installed")
    return path


@contextmanager
def launched(program: str, *switches: str) -> Iterator[Browser]:
    """A browser. While it runs, Playwright's event loop does too, and no other can run on this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_SWITCHES, *switches])
        yield browser
        browser.close()
