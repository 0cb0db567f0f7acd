"""Counters: how many requests a caller has made in a minute, over all replicas where the ledger is shared."""

import time

import sqlalchemy as sa
from limits.aio.storage import Storage

from server.errors import LedgerUnavailable
from server.guard.database import Database, upsert

_metadata = sa.MetaData()
_counters = sa.Table(
    "counters",
    _metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)
_SWEPT_EVERY = 60  # seconds


class SharedStorage(Storage):
    """Storage of the `limits` library in the database of the ledger; one row a caller."""

    STORAGE_SCHEME = None

    def __init__(self, place: str) -> None:
        super().__init__()
        self._database = Database(place, _metadata)
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """What it raises where the database fails."""
        return LedgerUnavailable

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; a new window of `expiry` seconds begins where the last one has ended."""
        return await self._database.in_thread(lambda: self._incr(key, expiry, amount))

    def _incr(self, key: str, expiry: int, amount: int) -> int:
        now = time.time()
        with self._database.begin() as link:
            if now > self._sweep_at:
                self._sweep_at = now + _SWEPT_EVERY
                link.execute(sa.delete(_counters).where(_counters.c.until <= now))
            insert = upsert(link.dialect.name, _counters).values(key=key, count=amount, until=now + expiry)
            ended = _counters.c.until <= now
            change = {
                "count": sa.case((ended, amount), else_=_counters.c.count + amount),
                "until": sa.case((ended, now + expiry), else_=_counters.c.until),
            }
            statement = insert.on_conflict_do_update(index_elements=["key"], set_=change).returning(_counters.c.count)
            return int(link.execute(statement).scalar_one())

    async def get(self, key: str) -> int:
        """The count of the window that lasts."""
        return int((await self._row(key))[0])

    async def get_expiry(self, key: str) -> float:
        """When the window ends, in Unix seconds."""
        return (await self._row(key))[1]

    async def _row(self, key: str) -> tuple[int, float]:
        chosen = sa.select(_counters.c.count, _counters.c.until).where(_counters.c.key == key)
        row = await self._database.fetch(lambda link: link.execute(chosen).first())
        now = time.time()
        return (int(row[0]), float(row[1])) if row is not None and row[1] > now else (0, now)

    async def check(self) -> bool:
        """Whether the database can be read."""
        try:
            await self._row("")
        except LedgerUnavailable:
            return False
        return True

    async def reset(self) -> int:
        """Forget all counts; how many there were."""
        return await self._database.in_thread(lambda: self._database.execute(sa.delete(_counters)))

    async def clear(self, key: str) -> None:
        """Forget one count."""
        change = sa.delete(_counters).where(_counters.c.key == key)
        await self._database.in_thread(lambda: self._database.execute(change))

    def close(self) -> None:
        """Close its connections."""
        self._database.close()
