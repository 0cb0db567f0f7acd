"""A host in a real browser: Chromium, the official host side of MCP Apps, and the two frames that views live in."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, expect
from support.chromium import browser_program

HERE = Path(__file__).parent / "host"
expect.set_options(timeout=30_000)  # milliseconds, for a busy machine
PLACE = Path(__file__).parents[2] / ".clients" / "pictures"
# What the specification has hosts allow a view that asks for nothing.
CSP = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; connect-src 'none'"
)


def needs_a_browser() -> str:
    """The path of Chromium; skips the test, or fails where it must be there."""
    program = browser_program()
    if not (PLACE / "ready").exists():
        assert os.environ.get("REQUIRE_CLIENTS") != "1", "REQUIRE_CLIENTS=1, and `make clients` has not been here"
        pytest.skip("needs the host side of MCP Apps: `make client-environments` installs it into .clients/")
    return program


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files, and forbids a view what hosts forbid it."""

    def log_message(self, *_: object) -> None:
        pass

    def end_headers(self) -> None:
        if self.path == "/sandbox.html":
            self.send_header("Content-Security-Policy", CSP)
        super().end_headers()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Host:
    """Where the host's page is served, and on another origin its sandbox."""

    url: str
    sandbox: str


@contextmanager
def host(folder: Path) -> Iterator[Host]:
    """The host's page with the bridge bundled for the browser, and the sandbox."""
    needs_a_browser()
    bundle = (PLACE / "node_modules" / ".bin" / "esbuild", HERE / "host.mjs", "--bundle", "--log-level=error")
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": str(PLACE / "node_modules")}
    subprocess.run((*bundle, f"--outfile={folder / 'host.js'}"), env=environment, check=True)
    shutil.copy(HERE / "host.html", folder)
    with ExitStack() as stack:
        url, sandbox = (stack.enter_context(_served(place)) for place in (folder, HERE))
        yield Host(f"{url}/host.html", f"{sandbox}/sandbox.html")


@dataclass
class Showing:
    """A view in its host. `complaints`: what the browser had to say of it, such as errors and forbidden loads."""

    page: Page
    host: Host = field(init=False)
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def view(self) -> FrameLocator:
        """What is inside both frames."""
        return self.page.frame_locator("iframe").frame_locator("iframe")

    def start(self, host: Host, html: str, **context: Any) -> Any:
        """Put a view into the sandbox, and wait until it has introduced itself."""
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("warning", "error") else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.host = host
        self.page.goto(host.url)
        self.page.on("request", lambda request: self.requests.append(request.url))
        given = {"html": html, "sandbox": host.sandbox, "context": {"theme": "light", "locale": "en-AU", **context}}
        return self.page.evaluate("given => window.start(given)", given)

    def tell(self, arguments: dict[str, Any], result: dict[str, Any]) -> None:
        """Hand on what the call was and what came of it."""
        self.page.evaluate("call => window.tell(call)", {"input": arguments, "result": result})
        expect(self.view.get_by_text("Waiting for ClickSend")).to_have_count(0)

    def change(self, **context: Any) -> None:
        self.page.evaluate("context => window.change(context)", context)

    def sizes(self) -> list[dict[str, int]]:
        """Every size that the view has asked for."""
        sizes: list[dict[str, int]] = self.page.evaluate("() => window.heard.sizes")
        return sizes

    def settled(self) -> None:
        """Wait until the frame is as high as the view, so that nothing of it is cut off."""
        inner = self.page.frames[-1]
        inner.wait_for_function(
            "() => Math.abs(innerHeight - document.documentElement.getBoundingClientRect().height) <= 1"
        )


Opened = Callable[..., Showing]  # with nothing in it yet
Shown = Callable[..., Showing]  # with what came of a call
