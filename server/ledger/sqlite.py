"""SQLite as the ledger's database: a file on one machine, with a write-ahead log (WAL)."""

import sqlite3
import time

from server.ledger.backend import Backend, Connection, OwnedConnection
from server.ledger.file import LedgerFile
from server.ledger.migrations import Schema, migrate

_BUSY_TIMEOUT = 10  # seconds to wait for another process's write
_RETRY_PAUSE = 0.02  # seconds between attempts to switch to the WAL
_CACHE_SIZE = 512  # KiB of pages that a connection keeps in memory
_CHECKPOINT_PAGES = 1000  # of the WAL, after which a commit copies them into the file; SQLite's default


class SqliteBackend(Backend):
    """A SQLite file, shared by the processes of one machine."""

    serializes_writes = True

    def __init__(self, path: str) -> None:
        self._file = LedgerFile(path)

    def connect(self) -> OwnedConnection:
        """A new connection; creates the file if it is not there."""
        connection = self._file.connect(_BUSY_TIMEOUT)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA cache_size=-{_CACHE_SIZE}")
        except BaseException:
            self.close(connection)
            raise
        return connection

    def migrate(self, connection: OwnedConnection, schema: Schema) -> None:
        """Switch the file to the WAL and migrate its tables."""
        _use_wal(connection)
        migrate(connection, schema, begin="BEGIN IMMEDIATE")

    def opened(self, connection: Connection) -> None:
        """Open the WAL, and watch the file from now on."""
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        self._file.opened()

    def check(self) -> None:
        """Raise LedgerUnavailable if the file or its WAL was deleted or replaced."""
        self._file.check()

    def close(self, connection: OwnedConnection) -> None:
        """Close a connection; SQLite deletes the WAL with the last one."""
        connection.close()
        self._file.closed()

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that reads, until it first writes."""
        _set_patience(connection, wait=True)
        connection.execute("BEGIN")

    def begin_write(self, connection: Connection, *, durable: bool, wait: bool) -> None:
        """Begin a transaction as the only writer; without `wait` it runs no checkpoint either."""
        _set_patience(connection, wait=wait)
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")


def _set_patience(connection: Connection, *, wait: bool) -> None:
    """Let a connection wait for locks and run checkpoints, which wait for the disk; or neither."""
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT * 1000 if wait else 0}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES if wait else 0}")


def _use_wal(connection: Connection) -> None:
    """Switch the file to the WAL. While another process switches it, SQLite fails without its usual wait."""
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_PAUSE)
