"""The ledger's database: transactions from async code, over SQLite or PostgreSQL, with the same statements."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import anyio
import anyio.to_thread

from server.config.ledger import is_server_url
from server.ledger.backend import Backend, Connection, OwnedConnection
from server.ledger.errors import LedgerUnavailable
from server.ledger.failures import database_errors, explain, unavailable
from server.ledger.group_commit import GroupCommit, Write, fail
from server.ledger.migrations import Schema
from server.ledger.pool import Pool
from server.ledger.postgres import PostgresBackend
from server.ledger.sqlite import SqliteBackend

_MAX_CONNECTIONS = 15  # in use by async callers at once
_POOL_TIMEOUT = 10  # seconds to wait for one of them
T = TypeVar("T")


class Database:
    """A database at a PostgreSQL URL or a file's path; opened, and its tables migrated, at its first use."""

    def __init__(self, location: str, schema: Schema) -> None:
        self._backend = _backend(location)
        self._pool = Pool(self._backend, schema)
        self._slots = anyio.Semaphore(_MAX_CONNECTIONS, fast_acquire=True)
        self._threads = anyio.CapacityLimiter(_MAX_CONNECTIONS)
        self._group_commit = GroupCommit(self._commit)

    @property
    def serializes_writes(self) -> bool:
        """Whether one transaction writes at a time, so that what one reads before it writes stays true."""
        return self._backend.serializes_writes

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True, delay: bool = False) -> T:
        """Do some work in a transaction that other writes may share, and wait for its commit; the work's result.

        The work must raise before its first change; what it raises is raised here. `durable`: the commit survives a
        power failure; otherwise only the end of the process. `delay`: more writes are on their way, so wait briefly
        for them to join. A cancellation does not interrupt it.

        Raises LedgerUnavailable if nothing was written.
        """
        write = Write(work, durable)
        with anyio.CancelScope(shield=True):  # the group holds writes of other callers
            if not self.serializes_writes:
                await self._commit([write])
            elif durable or delay or not self._commit_inline(write):
                await self._group_commit.commit(write, delay=delay)
        result: T = write.outcome()
        return result

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do some work in a transaction of its own, in a thread; the work's result. Raises LedgerUnavailable."""
        return await self._in_thread(lambda: self.run_sync(work))

    def run_sync(self, work: Callable[[Connection], T]) -> T:
        """The same without an event loop, in this thread."""
        with self._transaction() as connection:
            self._backend.begin(connection)
            return work(connection)

    def verify(self) -> None:
        """Raise LedgerUnavailable, with the reason for the operator, unless it can be used.

        LedgerMisconfigured if it stays unusable until a person changes something.
        """
        try:
            connection = self._pool.acquire()
            try:
                connection.execute("SELECT 1")
                connection.rollback()
            except BaseException:
                self._pool.discard(connection)
                raise
        except database_errors() as fault:
            raise explain(fault) from None
        self._pool.release(connection)

    def close(self) -> None:
        """Close its idle connections."""
        self._pool.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do some work that uses a connection, once one may be used. Raises LedgerUnavailable if it was not begun."""
        try:
            with anyio.fail_after(_POOL_TIMEOUT):
                await self._slots.acquire()
        except TimeoutError as fault:
            raise LedgerUnavailable(type(fault).__name__) from None
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._threads)
        except RuntimeError as fault:  # the system has no thread to give
            raise LedgerUnavailable(type(fault).__name__) from None
        finally:
            self._slots.release()

    async def _commit(self, writes: Sequence[Write]) -> None:
        await self._in_thread(lambda: self._transact(writes, wait=True))

    def _commit_inline(self, write: Write) -> bool:
        """Commit in the event loop: without a wait for the disk that takes less time than waking a thread.

        False if another process or group is writing; a thread can wait for it.
        """
        if not self._pool.has_idle or self._group_commit.is_busy:
            return False
        self._transact([write], wait=False)
        return not isinstance(write.fault, LedgerUnavailable)

    def _transact(self, writes: Sequence[Write], *, wait: bool) -> None:
        """Run writes in one transaction, which leaves in each how it ended."""
        try:
            with self._transaction() as connection:
                durable = any(write.durable for write in writes)
                self._backend.begin_write(connection, durable=durable, wait=wait)
                for write in writes:
                    write.run(connection)
        except Exception as fault:  # whatever it was, the transaction is undone
            fail(writes, fault)

    @contextmanager
    def _transaction(self) -> Iterator[OwnedConnection]:
        """A connection whose transaction is committed at the end, or undone if anything is raised.

        Raises LedgerUnavailable for an error of the database, by its kind: its text may hold what was to be written.
        """
        try:
            connection = self._pool.acquire()
            try:
                yield connection
                connection.commit()
                self._pool.check()
            except BaseException:
                self._pool.discard(connection)
                raise
        except database_errors() as fault:
            raise unavailable(fault) from None
        self._pool.release(connection)


def _backend(location: str) -> Backend:
    return PostgresBackend(location) if is_server_url(location) else SqliteBackend(location.removeprefix("sqlite:///"))
