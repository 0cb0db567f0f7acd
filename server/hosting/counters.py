"""Counters of requests: a fixed window of a minute a caller, in this process or in the ledger's database."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from server.ledger.backend import Connection
from server.ledger.database import Database
from server.ledger.migrations import Schema

_WINDOW = 60  # seconds
_SWEPT_EVERY = 60  # seconds: how often windows that have ended are deleted

_FIRST = (
    """CREATE TABLE IF NOT EXISTS counters (
        key VARCHAR(200) NOT NULL PRIMARY KEY,
        count INTEGER NOT NULL,
        until FLOAT NOT NULL
    )""",
)
_COUNT = """
    INSERT INTO counters (key, count, until) VALUES (:key, 1, :ends)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counters.until <= :now THEN 1 ELSE counters.count + 1 END,
        until = CASE WHEN counters.until <= :now THEN :ends ELSE counters.until END
    RETURNING count, until
"""


@dataclass(frozen=True)
class Window:
    """How many requests a caller has made in its window so far, and in how many seconds the window ends."""

    count: int
    seconds: float


class RequestCounter(Protocol):
    """Counts the requests of each caller."""

    async def count(self, principal: str) -> Window:
        """Count one request; it begins a window if the caller's last one has ended."""
        ...


class LocalCounter:
    """Counts the requests to this process. `clock`: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[int, float]] = {}  # counts, and when they end
        self._sweep_at = 0.0

    async def count(self, principal: str) -> Window:
        """Count one request."""
        now = self._clock()
        if now > self._sweep_at:
            self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
            self._sweep_at = now + _SWEPT_EVERY
        count, ends = self._windows.get(principal, (0, now))
        if ends <= now:
            count, ends = 0, now + _WINDOW
        self._windows[principal] = (count + 1, ends)
        return Window(count + 1, ends - now)


class SharedCounter:
    """Counts the requests to all replicas that share a database; one row a caller."""

    def __init__(self, location: str) -> None:
        self._database = Database(location, Schema("counters", (_FIRST,)))
        self._sweep_at = 0.0

    async def count(self, principal: str) -> Window:
        """Count one request. Raises LedgerUnavailable."""
        now = time.time()  # replicas share no monotonic clock
        sweeps = now > self._sweep_at
        if sweeps:
            self._sweep_at = now + _SWEPT_EVERY
        values = {"key": principal, "now": now, "ends": now + _WINDOW}

        def work(connection: Connection) -> Window:
            if sweeps:
                connection.execute("DELETE FROM counters WHERE until <= :now", {"now": now})
            row = connection.execute(_COUNT, values).fetchone()
            return Window(int(row["count"]), float(row["until"]) - now)

        return await self._database.run(work)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()
