"""Streamable HTTP: the MCP server on a socket, for this machine only."""

import socket
import sys
from typing import Any

import uvicorn
from mcp.server import Server

from server.dispatch import Dispatcher

_GRACE = 10  # seconds for calls in flight when the server is stopped


async def serve_http(server: Server[Dispatcher], listener: socket.socket) -> None:
    """Serve at /mcp on a listening socket until a signal comes."""
    host, port = listener.getsockname()[:2]
    app = server.streamable_http_app(host=host)
    config: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
    sys.stderr.write(f"MCP at http://{f'[{host}]' if ':' in host else host}:{port}/mcp\n")
    await uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=_GRACE, **config)).serve([listener])
