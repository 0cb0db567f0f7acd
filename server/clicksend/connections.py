"""Connections to ClickSend, checked so that unsolicited bytes are never taken for a response.

HTTP/1.1 responses carry no id: a response belongs to the last request on its connection. A late or second response
would therefore answer the next request, perhaps another account's. A connection that received anything unsolicited is
closed.
"""

import asyncio
import select
from functools import partial
from typing import Any

import aiohttp

from server.clicksend.aiohttp_internals import Connection, Protocol, holds_partial_response, set_protocol
from server.clicksend.flight import Flight, current_flight

_KEEPALIVE = 15  # seconds that an idle connection is kept


class UnsolicitedData(aiohttp.ClientConnectionError):
    """Something arrived on a new connection before a request was sent."""


class IdleConnections:
    """Counts the idle connections of all accounts, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0


class _CheckedProtocol(Protocol):
    """Accepts bytes only while a response is due, and notices one that begins before its request was fully written.

    `idle_connections`: None if the connection serves one request and is closed.
    """

    def __init__(self, idle_connections: IdleConnections | None, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._idle_connections = idle_connections
        self._response_due = False
        self._flight: Flight | None = None
        self.idle = False
        self.used = False
        self.unsolicited = False

    def set_response_params(self, **params: Any) -> None:
        self._response_due = True
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        if data and not self._response_due:
            self.unsolicited = True
            self.force_close()
            self.abort()
            return
        flight = self._flight
        if data and flight is not None and not flight.early:
            unsent = self.transport.get_write_buffer_size() if self.transport else 0
            flight.early = unsent > 0 or flight.unwritten > 0 or not flight.departed
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._leave_idle()
        super().connection_lost(exc)

    def acquired(self, flight: Flight) -> None:
        """A request is about to be sent on it."""
        self._leave_idle()
        self._flight = flight

    def released(self) -> None:
        """The response was read, or given up."""
        self._response_due = False
        self._flight = None
        self.used = True
        if self._idle_connections is None or self._idle_connections.count >= self._idle_connections.limit:
            self.force_close()
        elif not self.should_close and self.is_connected():
            self.idle = True
            self._idle_connections.count += 1

    def is_clean(self) -> bool:
        """Whether nothing unsolicited has arrived, neither in aiohttp's parser nor in the socket's buffer."""
        if self.unsolicited or self.should_close or self.transport is None or holds_partial_response(self):
            return False
        return not _is_readable(self.transport.get_extra_info("socket"))

    def _leave_idle(self) -> None:
        if self.idle and self._idle_connections is not None:
            self._idle_connections.count -= 1
        self.idle = False


class Connector(aiohttp.TCPConnector):
    """Hands out only clean connections.

    `idle_connections` counts those kept for reuse; None makes a new connection for every request.
    """

    def __init__(self, idle_connections: IdleConnections | None, **options: Any) -> None:
        reuse: dict[str, Any] = {"force_close": True} if idle_connections is None else {"keepalive_timeout": _KEEPALIVE}
        super().__init__(limit=0, **reuse, **options)
        set_protocol(self, partial(_CheckedProtocol, idle_connections, asyncio.get_running_loop()))

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """A connection that is clean at this moment; aiohttp writes the request before it reads anything else.

        Raises UnsolicitedData if a new connection is not clean, and what aiohttp raises if none can be made.
        """
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if not isinstance(protocol, _CheckedProtocol):
                connection.close()
                raise TypeError("aiohttp did not create this connection with our protocol")
            if protocol.is_clean():
                protocol.acquired(current_flight.get())
                connection.add_callback(protocol.released)
                return connection
            connection.close()
            if not protocol.used:
                raise UnsolicitedData


def _is_readable(socket: Any) -> bool:
    """Whether the socket has bytes to read, or the peer has closed it."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
