"""Traffic: how many requests a caller may make, how many are under way, and when none is inside any more."""

import logging
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import anyio
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter

from server.config.http import Hosting
from server.hosting.authentication import HttpRefusal
from server.ledger.errors import LedgerUnavailable

_STREAMS = 32  # of a caller, in one process

log = logging.getLogger("clicksend_mcp")


class Traffic:
    """The requests under way, within each caller's limits. `storage`: where all replicas count them, if they do."""

    def __init__(self, hosting: Hosting, storage: Storage | None = None) -> None:
        self.draining = False
        self._at_once = hosting.http_calls_at_once
        self._per_minute = RateLimitItemPerMinute(hosting.http_calls_per_minute)
        self._here = FixedWindowRateLimiter(MemoryStorage())
        self._everywhere = FixedWindowRateLimiter(storage) if storage is not None else self._here
        self._under_way: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._inside = 0
        self._ended = anyio.Event()

    async def count(self, principal: str) -> None:
        """Count a request. Raises HttpRefusal (429) if it is one too many in this minute."""
        limiter = self._everywhere
        try:
            within = await limiter.hit(self._per_minute, principal)
        except LedgerUnavailable:
            log.warning("requests are counted in this process alone: the ledger's database cannot be used")
            limiter = self._here
            within = await limiter.hit(self._per_minute, principal)
        if not within:
            window = await limiter.get_window_stats(self._per_minute, principal)
            wait = max(1, math.ceil(window.reset_time - time.time()))
            raise _too_many(f"More than {self._per_minute.amount} requests in a minute.", wait)

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
