"""Counters: how many requests a caller has made in a minute, over all replicas where the ledger is shared."""

import time

from limits.aio.storage import Storage

from server.ledger.database import Connection, Database
from server.ledger.errors import LedgerUnavailable
from server.ledger.migrations import Schema

_FIRST = (
    """CREATE TABLE IF NOT EXISTS counters (
        key VARCHAR(200) NOT NULL PRIMARY KEY,
        count INTEGER NOT NULL,
        until FLOAT NOT NULL
    )""",
)
_COUNT = """
    INSERT INTO counters (key, count, until) VALUES (:key, :amount, :ends)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counters.until <= :now THEN :amount ELSE counters.count + :amount END,
        until = CASE WHEN counters.until <= :now THEN :ends ELSE counters.until END
    RETURNING count
"""
_SWEPT_EVERY = 60  # seconds


class SharedStorage(Storage):
    """Storage of the `limits` library in the database of the ledger; one row a caller."""

    STORAGE_SCHEME = None

    def __init__(self, place: str) -> None:
        super().__init__()
        self._database = Database(place, Schema("counters", (_FIRST,)))
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What it raises where the database fails."""
        return LedgerUnavailable

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; a new window of `expiry` seconds begins where the last one has ended."""
        now = time.time()
        sweeps = now > self._sweep_at
        if sweeps:
            self._sweep_at = now + _SWEPT_EVERY
        values = {"key": key, "amount": amount, "now": now, "ends": now + expiry}

        def work(connection: Connection) -> int:
            if sweeps:
                connection.execute("DELETE FROM counters WHERE until <= :now", {"now": now})
            return int(connection.execute(_COUNT, values).fetchone()["count"])

        return await self._database.run(work)

    async def get(self, key: str) -> int:
        """The count of the window that lasts."""
        return int((await self._row(key))[0])

    async def get_expiry(self, key: str) -> float:
        """When the window ends, in Unix seconds."""
        return (await self._row(key))[1]

    async def _row(self, key: str) -> tuple[int, float]:
        statement = "SELECT count, until FROM counters WHERE key = :key"
        row = await self._database.run(lambda connection: connection.execute(statement, {"key": key}).fetchone())
        now = time.time()
        return (int(row["count"]), float(row["until"])) if row is not None and row["until"] > now else (0, now)

    async def check(self) -> bool:
        """Whether the database can be read."""
        try:
            await self._row("")
        except LedgerUnavailable:
            return False
        return True

    async def reset(self) -> int:
        """Forget all counts; how many there were."""
        return await self._database.run(lambda connection: connection.execute("DELETE FROM counters").rowcount)

    async def clear(self, key: str) -> None:
        """Forget one count."""
        statement = "DELETE FROM counters WHERE key = :key"
        await self._database.run(lambda connection: connection.execute(statement, {"key": key}))

    def close(self) -> None:
        """Close its connections."""
        self._database.close()
