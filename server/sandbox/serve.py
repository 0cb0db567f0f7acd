"""The sandbox on a socket. Only this module needs uvicorn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import uvicorn
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Receive, Scope, Send

from server.runtime.sockets import BACKLOG, listen, url
from server.runtime.uvicorn_internals import ExposedTransport, Server
from server.sandbox.app import build_app
from server.sandbox.inbox import page
from server.sandbox.state.world import Limits, MayReach

_IDLE_FOR = 60  # seconds that a connection is kept, as services do; uvicorn's own 5 are less than clients keep theirs


@dataclass(frozen=True)
class RunningSandbox:
    """Where a sandbox listens, and the credentials of its ordinary account."""

    url: str  # "http://127.0.0.1:PORT"
    username: str
    api_key: str

    @property
    def inbox(self) -> str:
        """The address of the page that shows what would have been sent."""
        return f"{self.url}{page.PATH}"


@asynccontextmanager
async def running_sandbox(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    username: str = "sandbox",
    api_key: str = "sandbox",
    limits: Limits | None = None,
    may_reach: MayReach | None = None,
) -> AsyncIterator[RunningSandbox]:
    """Serve a fresh sandbox inside this event loop; it accepts connections before this yields.

    Port 0 stands for any free port. `may_reach` says which addresses imports and webhooks may go to: `is_public` where
    it serves strangers, who would else see what only this machine can reach. Raises OSError if the port is taken. On
    the way out open connections are cut and whatever still runs is cancelled.
    """
    listener = listen(host, port)
    running: set[anyio.CancelScope] = set()
    config = uvicorn.Config(
        _cancellable(build_app(username, api_key, limits=limits, host=host, may_reach=may_reach), running),
        http=ExposedTransport,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        backlog=BACKLOG,
        timeout_keep_alive=_IDLE_FOR,
    )
    server = Server(config)
    await server.start(listener)
    try:
        yield RunningSandbox(_reachable(url(listener)), username, api_key)
    finally:
        with anyio.CancelScope(shield=True):
            server.abort_connections()
            await checkpoint()  # lets the connections notice
            for scope in running:
                scope.cancel()
            await server.stop(listener)


def _reachable(address: str) -> str:
    """An address that can be opened on this machine, also where the sandbox listens on all of its addresses."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _cancellable(app: ASGIApp, running: set[anyio.CancelScope]) -> ASGIApp:
    """The app with each request in a scope of its own, listed in `running` while it lasts."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as cancel_scope:
            running.add(cancel_scope)
            try:
                await app(scope, receive, send)
            finally:
                running.discard(cancel_scope)

    return handle
