"""What this program uses of uvicorn beyond its documentation, with the reason for each; read in uvicorn 0.54.0.

Nothing else may touch these parts. `tests/hosting/test_internals.py` checks them against the installed version.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """An HTTP/1.1 connection that a subclass can time out.

    Uses: `H11Protocol.loop`, `.transport`, `.connections` and `.cycle`, and `response_complete` of a cycle.
    Why: uvicorn waits forever for the head of a request (slowloris) and for a client that does not read its response;
    `timeout_keep_alive` covers neither, and its counter of connections is not public.
    Until: uvicorn has a timeout for each (asked for in https://github.com/Kludex/uvicorn/issues/157, closed).
    """

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered: none has arrived yet, or the last response is complete."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def open_connections(self) -> int:
        """How many connections the server has, this one included."""
        return len(self.connections)

    def call_later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do something after so many seconds, unless the handle is cancelled."""
        return self.loop.call_later(seconds, action)

    def close(self) -> None:
        """Close once everything written has been sent."""
        self.transport.close()

    def abort(self) -> None:
        """Close at once; what has not been sent is lost."""
        self.transport.abort()


class ExposedTransport(H11Protocol):
    """An HTTP/1.1 connection that puts its transport into the state of each request, as `transport`.

    Uses: `H11Protocol.app_state`, which is copied into the `state` of each request's scope.
    Why: the sandbox simulates dropped connections; ASGI has no message for that.
    Until: ASGI or uvicorn has one.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expose the transport to the requests of this connection."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Server(uvicorn.Server):
    """A server that leaves signals alone and whose start and end its owner controls.

    Uses: `Server.capture_signals`, `.should_exit`, `.startup`, `.shutdown`, `.lifespan`, `.servers` and
    `.server_state.connections`; `Config.load` and `.lifespan_class`; `cycle` and `transport` of a connection.
    Why: uvicorn raises a captured signal again once it has ended, which would kill the process before it has cleaned
    up; it stops accepting and closes idle connections in one step; and it cannot start within a running event loop
    without also taking over the signals.
    Until: uvicorn can be told not to capture signals (https://github.com/Kludex/uvicorn/issues/526, closed), and stops
    accepting in a step of its own.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    @property
    def open_connections(self) -> int:
        """How many connections there are."""
        return len(self.server_state.connections)

    @property
    def awaits_first_request(self) -> bool:
        """Whether a client has connected and not yet sent the head of its first request."""
        return any(getattr(connection, "cycle", None) is None for connection in self.server_state.connections)

    def close_listeners(self) -> None:
        """Accept no further connections; those that are open stay."""
        for listener in getattr(self, "servers", ()):  # there are none before the server has started
            listener.close()

    def exit(self) -> None:
        """Have `serve` shut down and return."""
        self.should_exit = True

    async def start(self, listener: socket.socket) -> None:
        """Accept connections on a listening socket, within the running event loop; return once it does."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[listener])

    def abort_connections(self) -> None:
        """Close all connections at once, whatever they are doing."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def stop(self, listener: socket.socket) -> None:
        """End what `start` has begun: close the socket, and wait for what still runs."""
        await self.shutdown(sockets=[listener])
