"""Rate limits: requests of a caller in a minute and at once, open streams, and when the last request is done."""

import logging
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import anyio

from server.config.http import Hosting
from server.hosting.authentication import HttpRefusal
from server.hosting.counters import LocalCounter, RequestCounter
from server.ledger.errors import LedgerUnavailable

_MAX_STREAMS = 32  # of a caller, in one process

log = logging.getLogger("clicksend_mcp")


class Traffic:
    """The requests in flight, and each caller's limits. `shared` counts requests to all replicas, if any."""

    def __init__(self, hosting: Hosting, shared: RequestCounter | None = None) -> None:
        self.draining = False
        self._max_at_once = hosting.http_calls_at_once
        self._max_per_minute = hosting.http_calls_per_minute
        self._local = LocalCounter()
        self._shared = shared or self._local
        self._running: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()
        self._in_flight = 0
        self._idle = anyio.Event()

    async def count(self, principal: str) -> None:
        """Count a request. Raises HttpRefusal (429) if the caller has made too many in this minute."""
        try:
            window = await self._shared.count(principal)
        except LedgerUnavailable:
            log.warning("requests are counted in this process alone: the ledger's database cannot be used")
            window = await self._local.count(principal)
        if window.count > self._max_per_minute:
            wait = max(1, math.ceil(window.seconds))
            raise _too_many(f"More than {self._max_per_minute} requests in a minute.", wait)

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Hold `drained` up until the end of a request that must be answered even while the server shuts down."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    def running(self, principal: str) -> AbstractContextManager[None]:
        """Count a request while it runs. Raises HttpRefusal (429) if too many of the caller's do."""
        return _counted(self._running, principal, self._max_at_once, "requests")

    def streaming(self, principal: str) -> AbstractContextManager[None]:
        """Count a stream while it is open. Raises HttpRefusal (429) if too many of the caller's are."""
        return _counted(self._streams, principal, _MAX_STREAMS, "open streams")

    async def drained(self, seconds: float) -> None:
        """Wait until no request is in flight, or so many seconds have passed."""
        with anyio.move_on_after(seconds):
            while self._in_flight:
                self._idle = anyio.Event()
                await self._idle.wait()


@contextmanager
def _counted(counter: Counter[str], principal: str, most: int, kind: str) -> Iterator[None]:
    if counter[principal] >= most:
        raise _too_many(f"More than {most} {kind} at once.", 1)
    counter[principal] += 1
    try:
        yield
    finally:
        counter[principal] -= 1
        if not counter[principal]:
            del counter[principal]


def _too_many(message: str, wait: int) -> HttpRefusal:
    return HttpRefusal(429, f"{message} Come back in {wait} s.", {"retry-after": str(wait)})
