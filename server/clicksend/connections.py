"""One connection of aiohttp: what comes on it out of turn is never taken for an answer.

aiohttp keeps what comes while nothing was asked, and takes it for the answer to the next request. What follows knows
parts of aiohttp 3.14 that it does not promise, because it has no other way to see such bytes: `_factory` of a
connector, which makes the protocol of a connection; `set_response_params`, `should_close`, `force_close` and `_parser`
of that protocol. `tests/server/test_out_of_turn.py` fails where one of them is gone.
"""

import asyncio
import select
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from server.clicksend.flight import Flight, current_flight

_IDLE_FOR = 15  # seconds that a connection is kept for the next read


class SpokeFirst(aiohttp.ClientConnectionError):
    """Something came on a new connection before anything was asked."""


class Kept:
    """Counts the connections that are kept, of all accounts together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.number = 0


class _Attentive(ResponseHandler):
    """Takes bytes only while an answer is due, and notices an answer that comes before the request has left whole."""

    def __init__(self, kept: Kept | None, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._kept = kept
        self._due = False
        self._flight: Flight | None = None
        self.idle = False
        self.used = False
        self.out_of_turn = False

    def set_response_params(self, **params: Any) -> None:
        self._due = True  # aiohttp calls this just before it writes a request
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        if data and not self._due:
            self.out_of_turn = True
            self.force_close()
            self.abort()
            return
        flight = self._flight
        if data and flight is not None and not flight.early:
            waiting = self.transport.get_write_buffer_size() if self.transport else 0
            flight.early = waiting > 0 or flight.unwritten > 0 or not flight.departed
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._no_longer_idle()
        super().connection_lost(exc)

    def taken(self, flight: Flight) -> None:
        self._no_longer_idle()
        self._flight = flight

    def given_back(self) -> None:
        """The answer is there, or is given up."""
        self._due = False
        self._flight = None
        self.used = True
        if self._kept is None or self._kept.number >= self._kept.most:
            self.force_close()
        elif not self.should_close and self.is_connected():
            self.idle = True
            self._kept.number += 1

    def is_clean(self) -> bool:
        """Whether nothing has come that was not asked for, neither here nor as far as the socket."""
        if self.out_of_turn or self.should_close or self.transport is None or self._holds_a_beginning():
            return False
        return not _readable(self.transport.get_extra_info("socket"))

    def _holds_a_beginning(self) -> bool:
        """Whether the beginning of another answer came right behind the one that was asked for."""
        try:
            return self._parser is not None and self._parser.feed_eof() is not None
        except Exception:  # whatever it makes of half an answer
            return True

    def _no_longer_idle(self) -> None:
        if self.idle and self._kept is not None:
            self._kept.number -= 1
        self.idle = False


class Connector(aiohttp.TCPConnector):
    """Gives out connections on which nothing came out of turn. `kept` counts those for reuse; None: a new one each."""

    def __init__(self, kept: Kept | None, **options: Any) -> None:
        reuse: dict[str, Any] = {"force_close": True} if kept is None else {"keepalive_timeout": _IDLE_FOR}
        super().__init__(limit=0, **reuse, **options)
        self._factory: Any = partial(_Attentive, kept, loop=asyncio.get_running_loop())

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> Connection:
        """A connection, clean at this moment; the request is written before anything else is read from it."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if not isinstance(protocol, _Attentive):
                connection.close()
                raise TypeError("aiohttp makes its connections in another way than this was written for")
            if protocol.is_clean():
                protocol.taken(current_flight.get())
                connection.add_callback(protocol.given_back)
                return connection
            connection.close()
            if not protocol.used:
                raise SpokeFirst


def _readable(socket: Any) -> bool:
    """Whether there is something to read, or the other side has closed."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
