"""Open connections to the ledger's database, the idle ones kept for reuse."""

import threading
from contextlib import suppress

from server.ledger.backend import Backend, OwnedConnection
from server.ledger.errors import LedgerUnavailable
from server.ledger.migrations import Schema

_MAX_IDLE = 5  # connections


class Pool:
    """Connections for one transaction each; the first one migrates the tables. Threads may share a pool.

    Its methods raise what the backend raises.
    """

    def __init__(self, backend: Backend, schema: Schema) -> None:
        self._backend = backend
        self._schema = schema
        self._is_migrated = False
        self._migrating = threading.Lock()
        self._idle: list[OwnedConnection] = []

    @property
    def has_idle(self) -> bool:
        """Whether a connection can be had without opening one."""
        return bool(self._idle)

    def acquire(self) -> OwnedConnection:
        """An idle connection that still works, or a new one; to be released or discarded."""
        self.check()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if self._backend.is_alive(connection):
                return connection
            self.discard(connection)

    def release(self, connection: OwnedConnection) -> None:
        """Take back a connection whose transaction has ended well."""
        if len(self._idle) < _MAX_IDLE:
            self._idle.append(connection)
        else:
            self.discard(connection)

    def discard(self, connection: OwnedConnection) -> None:
        """Close a connection; its transaction is undone."""
        self._backend.close(connection)

    def check(self) -> None:
        """Raise LedgerUnavailable, and keep no connection, if other processes would not see what is written here."""
        try:
            self._backend.check()
        except (LedgerUnavailable, OSError):
            self.close()
            raise

    def close(self) -> None:
        """Close the idle connections."""
        with suppress(IndexError):  # other threads take from the list too
            while True:
                self.discard(self._idle.pop())

    def _connect(self) -> OwnedConnection:
        connection = self._backend.connect()
        try:
            with self._migrating:
                if not self._is_migrated:
                    self._backend.migrate(connection, self._schema)
                    self._is_migrated = True
            self._backend.opened(connection)
        except BaseException:
            self.discard(connection)
            raise
        return connection
