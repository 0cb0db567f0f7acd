"""The database below the ledger: SQLite for one machine, PostgreSQL for many, by one code path."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from server.errors import LedgerUnavailable

_CREATING = 10  # tries to create the tables
_BUSY = 10  # seconds to wait for another process's write
T = TypeVar("T")


@dataclass(eq=False)
class _Write:
    """Work that waits to be done in a transaction, and how it ended."""

    work: Callable[[sa.Connection], Any]
    durable: bool
    done: bool = False
    result: Any = None
    fault: Exception | None = None

    def run(self, link: sa.Connection) -> None:
        try:
            self.result = self.work(link)
        except SQLAlchemyError:
            raise
        except Exception as fault:
            self.fault = fault


class Database:
    """A database at a SQLAlchemy URL or a file's path, opened, with its tables, when it is first used."""

    def __init__(self, place: str, tables: sa.MetaData) -> None:
        self._url = _url(place)
        self._tables = tables
        self._engine: sa.Engine | None = None
        self._impatient: sa.Engine | None = None
        self._opening = threading.Lock()
        self._waiting: list[_Write] = []
        self._turn = anyio.Lock(fast_acquire=True)

    async def write(self, work: Callable[[sa.Connection], T], *, durable: bool = True) -> T:
        """Do some work in a transaction, and wait until it is written. Raises LedgerUnavailable.

        SQLite takes one write at a time, so all that wait for their turn go in together, in one transaction with one
        wait for the disk. What `work` raises is raised here; it has to come before its first change. What is not
        `durable` outlives the end of the process, but may be lost with the machine's power.
        """
        write = _Write(work, durable)
        with anyio.CancelScope(shield=True):  # others may have taken it along
            if self._url.get_backend_name() != "sqlite":
                await anyio.to_thread.run_sync(self._transact, [write])
            elif durable or not self._at_once(write):
                self._waiting.append(write)
                async with self._turn:
                    if not write.done:
                        together, self._waiting = self._waiting, []
                        await anyio.to_thread.run_sync(self._transact, together)
        if write.fault is not None:
            raise write.fault
        result: T = write.result
        return result

    def _at_once(self, write: _Write) -> bool:
        """Write in the event loop: without a wait for the disk that is sooner done than a thread is woken.

        False where somebody else is writing, for whom a thread has to wait.
        """
        if self._impatient is None or self._turn.locked():
            return False
        self._transact([write], self._impatient)
        if isinstance(write.fault, LedgerUnavailable):
            write.fault, write.done = None, False
        return write.done

    def _transact(self, writes: Sequence[_Write], engine: sa.Engine | None = None) -> None:
        try:
            with as_unavailable(), (engine or self._opened()).connect() as link:
                if link.dialect.name == "sqlite":
                    _begin(link.connection.driver_connection, durable=any(write.durable for write in writes))
                for write in writes:
                    write.run(link)
                link.commit()
        except Exception as fault:  # whatever it was, nothing is written
            for write in writes:
                write.fault = fault
        for write in writes:
            write.done = True

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do some work with it in a thread. Raises LedgerUnavailable."""

        def guarded() -> T:
            with as_unavailable():
                return work()

        return await anyio.to_thread.run_sync(guarded)

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """A transaction."""
        return self._opened().begin()

    def execute(self, statement: sa.Update | sa.Insert | sa.Delete, values: Mapping[str, Any] | None = None) -> int:
        """Execute one statement; how many rows it changed."""
        with self.begin() as link:
            return link.execute(statement, values).rowcount

    def read(self, query: Callable[[sa.Connection], T]) -> T:
        """What a query gives."""
        with self._opened().connect() as link:
            return query(link)

    async def fetch(self, query: Callable[[sa.Connection], T]) -> T:
        """What a query gives, asked in a thread. Raises LedgerUnavailable."""
        return await self.in_thread(lambda: self.read(query))

    def close(self) -> None:
        """Close its connections."""
        for engine in (self._engine, self._impatient):
            if engine is not None:
                engine.dispose()

    def _opened(self) -> sa.Engine:
        with self._opening:  # calls at the same moment, each in its thread, share one engine and its connections
            if self._engine is None:
                engine = _engine(self._url)
                _create_tables(engine, self._tables)
                if engine.dialect.name == "sqlite":
                    self._impatient = _engine(self._url, patience=0)
                self._engine = engine
            return self._engine


def _begin(sqlite: Any, *, durable: bool) -> None:
    """Take the right to write, which SQLAlchemy would ask for only when there is something to be written."""
    sqlite.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    sqlite.execute("BEGIN IMMEDIATE")


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Tell a failing database by its kind; the text of its errors may hold what was to be written."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as fault:
        cause = getattr(fault, "orig", None) or fault
        raise LedgerUnavailable(type(cause).__name__) from None


def upsert(dialect: str, table: sa.Table) -> Any:
    """An insert that can say what to do where the row is there already."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def _url(place: str) -> sa.URL:
    if "://" not in place:
        return sa.URL.create("sqlite", database=place)
    url = sa.make_url(place)
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def _engine(url: sa.URL, patience: int = _BUSY) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": patience})
    _make_private(Path(str(url.database)))
    engine = sa.create_engine(url, connect_args={"timeout": patience})

    @sa.event.listens_for(engine, "connect")
    def durable(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # `write` relaxes it where it may
        if not patience:
            connection.execute("PRAGMA wal_autocheckpoint=0")  # that would wait for the disk

    return engine


def _make_private(file: Path) -> None:
    """Create the file, and directories that are missing, for the user alone."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def _create_tables(engine: sa.Engine, tables: sa.MetaData) -> None:
    for left in reversed(range(_CREATING)):
        with engine.connect() as link:
            try:
                tables.create_all(link)
                link.commit()
                return
            except SQLAlchemyError:  # other processes create them at the same moment; after each try one more is there
                link.rollback()
                if not left:
                    raise
