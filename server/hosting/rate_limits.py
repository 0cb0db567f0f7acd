"""Traffic: how many requests a caller may make, how many are under way, and when none is inside any more."""

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

_STREAMS = 32  # of a caller, in one process

log = logging.getLogger("clicksend_mcp")


class Traffic:
    """The requests under way, within each caller's limits. `shared`: counts them for all replicas, if there are any."""

    def __init__(self, hosting: Hosting, shared: RequestCounter | None = None) -> None:
        self.draining = False
        self._at_once = hosting.http_calls_at_once
        self._per_minute = hosting.http_calls_per_minute
        self._local = LocalCounter()
        self._shared = shared or self._local
        self._under_way: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._inside = 0
        self._ended = anyio.Event()

    async def count(self, principal: str) -> None:
        """Count a request. Raises HttpRefusal (429) if it is one too many in this minute."""
        try:
            window = await self._shared.count(principal)
        except LedgerUnavailable:
            log.warning("requests are counted in this process alone: the ledger's database cannot be used")
            window = await self._local.count(principal)
        if window.count > self._per_minute:
            wait = max(1, math.ceil(window.seconds))
            raise _too_many(f"More than {self._per_minute} requests in a minute.", wait)

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """A request that an ending server has to answer, from its first line to the end of its answer."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._ended.set()

    def under_way(self, principal: str) -> AbstractContextManager[None]:
        """A request that is under way. Raises HttpRefusal (429) if too many of the caller's are."""
        return _counted(self._under_way, principal, self._at_once, "requests")

    def open(self, principal: str) -> AbstractContextManager[None]:
        """A stream that stays open. Raises HttpRefusal (429) if too many of the caller's do."""
        return _counted(self._open, principal, _STREAMS, "open streams")

    async def drained(self, seconds: float) -> None:
        """Wait until no request is inside, or so many seconds have passed."""
        with anyio.move_on_after(seconds):
            while self._inside:
                self._ended = anyio.Event()
                await self._ended.wait()


@contextmanager
def _counted(counter: Counter[str], principal: str, most: int, what: str) -> Iterator[None]:
    if counter[principal] >= most:
        raise _too_many(f"More than {most} {what} at once.", 1)
    counter[principal] += 1
    try:
        yield
    finally:
        counter[principal] -= 1
        if not counter[principal]:
            del counter[principal]


def _too_many(message: str, wait: int) -> HttpRefusal:
    return HttpRefusal(429, f"{message} Come back in {wait} s.", {"retry-after": str(wait)})
