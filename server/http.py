"""Streamable HTTP: the MCP server on a socket, for this machine only."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings

from server.dispatch import Dispatcher
from server.listening import url
from server.signals import stop_signal

_GRACE = 10  # seconds for calls in flight when the server is asked to stop


async def serve_http(server: Server[Dispatcher], listener: socket.socket) -> None:
    """Serve at /mcp on a listening socket until a signal comes; calls in flight may finish."""
    config = uvicorn.Config(
        server.streamable_http_app(transport_security=_of_this_machine(listener)),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    web = _WebServer(config)

    async def stop_on_signal() -> None:
        await stop_signal()
        web.should_exit = True

    sys.stderr.write(f"MCP at {url(listener)}/mcp\n")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_on_signal)
        await web.serve([listener])
        tasks.cancel_scope.cancel()


def _of_this_machine(listener: socket.socket) -> TransportSecuritySettings:
    """Lets in only requests whose Host and Origin name this machine, so that no web page can use the tools."""
    hosts = [f"{host}:*" for host in ("localhost", "127.0.0.1", "[::1]")]
    hosts.append(url(listener).removeprefix("http://"))
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts])


class _WebServer(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again and kill the process before it has cleaned up."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
