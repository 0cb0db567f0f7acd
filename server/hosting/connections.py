"""HTTP connections: how many there may be, how long a client may take (slowloris), and how they are drained."""

import asyncio
import socket
from typing import ClassVar

import anyio

from server.runtime.sockets import stop_accepting
from server.runtime.uvicorn_internals import Connection, Server

_MAX_CONNECTIONS = 2_000  # above these, requests other than for health are answered 503
_RESERVED_FOR_HEALTH = 50  # connections above these; with all in use, the one silent for longest is cut off
_HEADER_TIMEOUT = 10  # seconds for the head of a request
_READ_TIMEOUT = 30  # seconds in which a client reads nothing of a response
_HANDSHAKE_GRACE = 0.3  # seconds in which connections that have begun to open are still accepted
_REQUEST_GRACE = 2  # seconds in which a client that has just connected may begin to send


class TimedConnection(Connection):
    """An HTTP/1.1 connection with a deadline for the head of each request, and for reading each response."""

    _header_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    _silent: ClassVar[dict["TimedConnection", None]] = {}  # connections that send nothing, the oldest first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request; make room for it if there are too many connections."""
        super().connection_made(transport)
        self._watch_header()
        if self.open_connections > _MAX_CONNECTIONS + _RESERVED_FOR_HEALTH and self._silent:
            next(iter(self._silent)).abort()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._read_timer = self.call_later(_READ_TIMEOUT, self.abort)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        if self._read_timer is not None:
            self._read_timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of the head, unless it is complete."""
        super().data_received(data)
        self._watch_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        for timer in (self._header_timer, self._read_timer):
            if timer is not None:
                timer.cancel()
        self._silent.pop(self, None)
        super().connection_lost(exc)

    def _watch_header(self) -> None:
        """Start the timer of a head that is due; stop it once the head is complete."""
        if self._header_timer is None and self.is_idle:
            self._header_timer = self.call_later(_HEADER_TIMEOUT, self._give_up)
            self._silent[self] = None
        elif self._header_timer is not None and not self.is_idle:
            self._header_timer.cancel()
            self._header_timer = None
            self._silent.pop(self, None)

    def _give_up(self) -> None:
        self._header_timer = None
        if self.is_idle:
            self.close()


class WebServer(Server):
    """A server of such connections that can be drained before it ends."""

    @property
    def is_crowded(self) -> bool:
        """Whether only requests for health are answered."""
        return self.open_connections > _MAX_CONNECTIONS

    async def stop_listening(self, listener: socket.socket) -> None:
        """Accept the connections that have begun to open and no others; wait for the requests they bring."""
        stop_accepting(listener)
        await anyio.sleep(_HANDSHAKE_GRACE)
        self.close_listeners()
        with anyio.move_on_after(_REQUEST_GRACE):
            while self.awaits_first_request:  # noqa: ASYNC110
                await anyio.sleep(0.01)
