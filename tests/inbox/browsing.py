"""A real browser on the inbox, and a web site of somebody else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from server.sandbox.inbox import page as page_module

expect.set_options(timeout=20_000)  # milliseconds; a busy machine is no failure

# What a web site does that makes its name point at this machine, and a host whose pictures are here too.
NAMES = "--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP pictures.example 127.0.0.1"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 740}
PICTURE = (page_module.FILES / "beach.jpg").read_bytes()

# Everything that would show that text became markup or script, counted from before the page's own scripts.
_WATCH = """
window.caught = {violations: [], handlers: 0};
document.addEventListener("securitypolicyviolation", (breach) => {
  caught.violations.push(`${breach.effectiveDirective} ${breach.blockedURI}`);
});
window.pwned = () => { caught.handlers += 1; };
"""


@dataclass
class Tab:
    """A browser's tab with the inbox, and what has gone wrong on it."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def opened(cls, browser: Browser, url: str, *, view: str = "", **context: Any) -> Iterator["Tab"]:
        """A tab in a window of its own."""
        settings: dict[str, Any] = {"viewport": DESKTOP, "locale": "en-AU", "timezone_id": "Australia/Perth"} | context
        window = browser.new_context(**settings)
        window.add_init_script(_WATCH)
        tab = cls(window.new_page(), url)
        tab.page.set_default_timeout(20_000)
        tab.page.on("pageerror", lambda fault: tab.faults.append(f"script: {fault}"))
        tab.page.on("dialog", lambda dialog: (tab.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.page.on("console", lambda line: line.type == "error" and tab.faults.append(f"console: {line.text}"))
        tab.page.on("request", lambda request: tab.requests.append(request.url))
        try:
            tab.go(view)
            yield tab
            tab.is_clean()
        finally:
            window.close()

    def go(self, view: str = "") -> None:
        """Open a view, such as `letters`, and wait until it is there."""
        self.page.goto(f"{self.url}{page_module.PATH}{'#/' + view if view else ''}")
        expect(self.page.get_by_role("main")).to_be_visible()
        expect(self.page.locator(".top .balance")).to_be_visible()

    def message(self, text: str) -> Locator:
        """The bubble with a text."""
        return self.page.locator("li.message").filter(has_text=text)

    def caught(self) -> dict[str, Any]:
        """What the page's watch has seen."""
        caught: dict[str, Any] = self.page.evaluate("caught")
        return caught

    def is_clean(self) -> None:
        """Nothing went wrong: no fault, no dialog, no breach of the policy, nothing loaded from elsewhere."""
        assert self.faults == []
        assert self.caught() == {"violations": [], "handlers": 0}
        assert [url for url in self.requests if not url.startswith(f"{self.url}/_sandbox/")] == []


@dataclass
class Site:
    """A web site of somebody else: it gives out one picture and one page, and remembers what it was asked for."""

    url: str
    html: str = ""
    requests: list[str] = field(default_factory=list)


@contextmanager
def elsewhere() -> Iterator[Site]:
    """A web site of somebody else on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            is_picture = self.path.endswith(".jpg")
            content = PICTURE if is_picture else site.html.encode()
            self.send_response(200)
            self.send_header("content-type", "image/jpeg" if is_picture else "text/html; charset=utf-8")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()
