"""The database below the ledger: SQLite for one machine, PostgreSQL for many, with the same statements."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anyio
import anyio.to_thread

from server.config.ledger import is_server_url
from server.ledger.errors import LedgerUnavailable
from server.ledger.failures import explained, faults, unavailable
from server.ledger.file import File
from server.ledger.migrations import Schema, migrate

_CONNECTIONS = 15  # at most
_IDLE = 5  # of them are kept
_PAUSE = 0.02  # seconds between tries
_BUSY = 10  # seconds to wait for another process's write, or for a connection
_TOGETHER = 16  # writes in a transaction at most
_GATHERING = 0.0005  # seconds in which further writes may join one, where many are on their way
_CACHE = 512  # KiB of a file that are kept in memory
T = TypeVar("T")


class Result(Protocol):
    """What a statement gave; a row has its values by the names of their columns."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:
        """The next row; None if there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...


class Connection(Protocol):
    """A connection in a transaction."""

    def execute(self, statement: str, values: Mapping[str, Any] = ..., /) -> Result:
        """Execute one statement, in which a value stands as `:name`."""
        ...


@dataclass(eq=False)
class _Write:
    """Work that waits to be done in a transaction, and how it ended."""

    work: Callable[[Connection], Any]
    durable: bool
    result: Any = None
    fault: Exception | None = field(default_factory=lambda: LedgerUnavailable("not written"))

    def run(self, connection: Connection) -> None:
        try:
            self.result = self.work(connection)
            self.fault = None
        except faults():
            raise
        except Exception as fault:
            self.fault = fault


@dataclass(eq=False)
class _Group:
    """Writes that go into one transaction."""

    writes: list[_Write]
    ended: anyio.Event = field(default_factory=anyio.Event)


class Database:
    """A database at a PostgreSQL URL or a file's path, opened, and its tables migrated, when it is first used."""

    def __init__(self, location: str, schema: Schema) -> None:
        self.is_server = is_server_url(location)
        self._location = location.removeprefix("sqlite:///")
        self._file = None if self.is_server else File(self._location)
        self._schema = schema
        self._is_current = False
        self._migrating = threading.Lock()
        self._idle: list[Any] = []
        self._free = anyio.Semaphore(_CONNECTIONS, fast_acquire=True)
        self._threads = anyio.CapacityLimiter(_CONNECTIONS)
        self._next: _Group | None = None
        self._turn = anyio.Lock(fast_acquire=True)

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True, batch: bool = False) -> T:
        """Do some work in a transaction, and wait until it is written. Raises LedgerUnavailable.

        What `work` raises is raised here; it has to come before its first change. What is not `durable` outlives the
        end of the process, but may be lost with the machine's power. `crowded`: others will write in a moment too.
        """
        write = _Write(work, durable)
        with anyio.CancelScope(shield=True):  # others may go along
            if self.is_server:
                await self._in_thread(lambda: self._transact([write]))
            elif durable or batch or not self._write_inline(write):
                await self._group_commit(write, crowded=batch)
        if write.fault is not None:
            raise write.fault
        result: T = write.result
        return result

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do some work in a transaction of its own, and what it gives. Raises LedgerUnavailable."""
        return await self._in_thread(lambda: self.run_sync(work))

    def run_sync(self, work: Callable[[Connection], T]) -> T:
        """The same without an event loop."""
        with self._connection() as connection:
            if not self.is_server:
                connection.execute("BEGIN")
            return work(connection)

    def verify(self) -> None:
        """Raise LedgerUnavailable, with what the operator has to know, unless it can be used.

        LedgerMisconfigured, if it will not be before somebody changes something.
        """
        try:
            connection = self._ready()
            try:
                connection.execute("SELECT 1")
                connection.rollback()
            except BaseException:
                self._close(connection)
                raise
        except faults() as fault:
            raise explained(fault) from None
        self._idle.append(connection)

    def close(self) -> None:
        """Close its connections."""
        with suppress(IndexError):  # others may take them too
            while True:
                self._close(self._idle.pop())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do some work with a connection, as soon as not too many are in use."""
        try:
            with anyio.fail_after(_BUSY):
                await self._free.acquire()
        except TimeoutError as fault:
            raise LedgerUnavailable(type(fault).__name__) from None
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        except RuntimeError as fault:  # the system gives no further thread
            raise LedgerUnavailable(type(fault).__name__) from None
        finally:
            self._free.release()

    async def _group_commit(self, write: _Write, *, crowded: bool) -> None:
        """Write with all others who come before it is their turn: SQLite takes one write at a time.

        Together they wait for the disk once. Where it is crowded, a short wait for others saves more time than it
        takes, as with PostgreSQL's commit_delay. Not all go together: they would leave together from then on, come back
        together, and be idle together.
        """
        if self._next is not None and len(self._next.writes) < _TOGETHER:
            group = self._next
            group.writes.append(write)
            await group.ended.wait()
            return
        group = self._next = _Group([write])
        try:
            async with self._turn:
                if crowded:
                    await anyio.sleep(_GATHERING)
                self._close_group(group)
                await self._in_thread(lambda: self._transact(group.writes))
        except LedgerUnavailable as fault:  # it was not even tried
            _end(group.writes, fault)
        finally:
            self._close_group(group)
            group.ended.set()

    def _close_group(self, group: _Group) -> None:
        """Let nobody else join."""
        if self._next is group:
            self._next = None

    def _write_inline(self, write: _Write) -> bool:
        """Write in the event loop: without a wait for the disk that is sooner done than a thread is woken.

        False where somebody else is writing, for whom a thread has to wait.
        """
        if not self._idle or self._turn.locked():
            return False
        self._transact([write], inline=True)
        return not isinstance(write.fault, LedgerUnavailable)

    def _transact(self, writes: Sequence[_Write], *, inline: bool = False) -> None:
        try:
            with self._connection(at_once=inline) as connection:
                if not self.is_server:
                    durable = any(write.durable for write in writes)
                    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                    connection.execute("BEGIN IMMEDIATE")
                for write in writes:
                    write.run(connection)
        except Exception as fault:  # whatever it was, nothing is written
            _end(writes, fault)

    @contextmanager
    def _connection(self, *, at_once: bool = False) -> Iterator[Connection]:
        """A connection for one transaction, which is undone if anything is raised. Raises LedgerUnavailable.

        `at_once`: without any waiting, for others or for the disk; of SQLite alone.
        """
        try:
            connection = self._ready()
            try:
                if not self.is_server:
                    connection.execute(f"PRAGMA busy_timeout={0 if at_once else _BUSY * 1000}")
                    connection.execute(f"PRAGMA wal_autocheckpoint={0 if at_once else 1000}")
                yield connection
                connection.commit()
                self._check_file()
            except BaseException:
                self._close(connection)
                raise
        except faults() as fault:  # by its kind alone: its text may hold what was to be written
            raise unavailable(fault) from None
        if len(self._idle) < _IDLE:
            self._idle.append(connection)
        else:
            self._close(connection)

    def _ready(self) -> Any:
        """A connection that is idle and still good, or a new one."""
        self._check_file()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if not self.is_server or _answers(connection):
                return connection
            self._close(connection)

    def _check_file(self) -> None:
        """Raise LedgerUnavailable, and keep no connection, if what is written can be seen by nobody else."""
        try:
            if self._file is not None:
                self._file.check()
        except (LedgerUnavailable, OSError):
            self.close()
            raise

    def _close(self, connection: Any) -> None:
        connection.close()
        if self._file is not None:
            self._file.closed()

    def _connect(self) -> Any:
        if self._file is None:
            from server.ledger import postgres

            connection: Any = postgres.connect(self._location, _BUSY)
        else:
            connection = self._file.connect(_BUSY)
        try:
            if self._file is not None:
                _set_up(connection)
            with self._migrating:
                if not self._is_current:
                    if not self.is_server:
                        _log_ahead(connection)
                    migrate(connection, self._schema, begin="" if self.is_server else "BEGIN IMMEDIATE")
                    self._is_current = True
            if self._file is not None:
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the log
                self._file.opened()
        except BaseException:
            self._close(connection)
            raise
        return connection


def _end(writes: Iterable[_Write], fault: Exception) -> None:
    for write in writes:
        write.fault = fault


def _set_up(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA cache_size=-{_CACHE}")


def _answers(connection: Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except faults():
        return False
    return True


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Have the file written by a write-ahead log from now on.

    While another process does the same at this moment, SQLite does not wait by itself.
    """
    until = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(_PAUSE)
