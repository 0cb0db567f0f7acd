"""What this program uses of the MCP SDK beyond its documentation, with the reason for each; read in mcp 2.3.0.

Nothing else may touch these parts. `tests/hosting/test_internals.py` checks them against the installed version.
"""

from collections.abc import MutableMapping
from typing import Any

import anyio
from mcp.server import Server
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import HandlerResult, ServerMiddleware
from starlette.types import ASGIApp


class LineSource(anyio.AsyncFile[str]):
    """What `stdio_server` reads messages from: each line is what `readline` returns, and "" ends them.

    Uses: `stdio_server` iterates over the `stdin` it is given, and `anyio.AsyncFile` iterates by `self.readline()`.
    Why: the SDK reads each line in a thread, which costs a quarter of a millisecond a call, and drops a line that is
    no message, so that the host waits for its response forever.
    Until: the SDK answers such lines (https://github.com/modelcontextprotocol/python-sdk/pull/2766, closed) and reads
    pipes in the event loop.
    """

    async def readline(self) -> str:
        """The next line with its end; "" if there are no more."""
        raise NotImplementedError


class LineSink(anyio.AsyncFile[str]):
    """What `stdio_server` writes messages to.

    Uses: `stdio_server` awaits `write` with one message and its newline, then `flush`, and nothing else; it leaves
    file descriptor 1 alone where it is given a `stdout`.
    Why and until: as for LineSource.
    """

    async def write(self, b: str) -> int:
        """Write a message; the number of characters."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Nothing to do: `write` returns once all is written."""


def bind_principal(scope: MutableMapping[str, Any], principal: str) -> None:
    """Bind what a request opens (a session, the state of an approval) to a principal; `in_auth_context` passes it on.

    Uses: an AccessToken that nobody issued, of which the SDK compares `client_id`, `subject` and the claim `iss`;
    sessions find it in the scope's `user`, approvals by `get_access_token`.
    Why: the SDK knows bearer tokens alone, and makes no binding for a caller who was authenticated in another way.
    Until: a principal can be given to the SDK as such.
    """
    scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=principal, scopes=[]))


def in_auth_context(app: ASGIApp) -> ASGIApp:
    """The application with `get_access_token` giving the token of the scope's `user`; see `bind_principal`."""
    return AuthContextMiddleware(app)


def add_middleware(server: Server[Any], middleware: ServerMiddleware[Any]) -> None:
    """Run a middleware inside those that are there already.

    Uses: `Server.middleware`, which the SDK calls provisional: it may change in any 2.x.
    Why: the SDK refuses `arguments` that arrive as text before a handler sees them, and has no other place for
    `RequestStateBoundary` in its low-level server.
    Until: the SDK has settled on an interface for middleware.
    """
    server.middleware.append(middleware)


def advertise_extension(result: HandlerResult, extension: str) -> None:
    """Add an extension to the capabilities in the result of `initialize` or `server/discover`, which is then private.

    Uses: what reaches a middleware is the result as it goes onto the wire: a dict, with `capabilities` and, where
    others may cache it, `cacheScope`.
    Why: `Server.extensions` advertises to all clients; only those that declare the extension shall see it.
    Until: capabilities can depend on the client.
    """
    if isinstance(result, dict):
        result["capabilities"] = {**result["capabilities"], "extensions": {extension: {}}}
        if "cacheScope" in result:
            result["cacheScope"] = "private"
