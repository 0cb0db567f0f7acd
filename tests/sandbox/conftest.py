"""A sandbox on a real socket, served by a thread with an event loop of its own."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from anyio.from_thread import start_blocking_portal
from support.sandbox_client import MAX_WAIT, Sandbox, Web

from server.sandbox.serve import RunningSandbox, running_sandbox


@pytest.fixture(scope="session")
def running() -> Iterator[RunningSandbox]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running_sandbox()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[Sandbox]:
    """A fresh sandbox whose clock stands still."""
    client = Sandbox(running)
    with closing(client.http):
        client.control("POST", "reset")
        client.control("POST", "clock", {"stopped": True})
        yield client


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            site.requests.append((self.command, self.path, self.rfile.read(length).decode()))
            site.gate.wait(MAX_WAIT)
            content = site.files.get(self.path.partition("?")[0])
            self.send_response(404 if content is None else 200)
            self.send_header("content-length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Web(f"http://127.0.0.1:{server.server_port}")
    site.gate.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()
