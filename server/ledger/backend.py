"""What the ledger asks of a database, and where SQLite and PostgreSQL differ."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from server.ledger.migrations import Schema


class Result(Protocol):
    """The result of a statement; a row has its values by column name."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All remaining rows."""
        ...


class Connection(Protocol):
    """A connection in a transaction."""

    def execute(self, statement: str, values: Mapping[str, Any] = ..., /) -> Result:
        """Execute one statement; a parameter is written `:name`, for both databases."""
        ...


class OwnedConnection(Connection, Protocol):
    """A connection whose owner ends its transactions and closes it."""

    def commit(self) -> None:
        """Commit the transaction; without one, do nothing."""

    def rollback(self) -> None:
        """Undo the transaction; without one, do nothing."""

    def close(self) -> None:
        """Close the connection; an open transaction is undone."""


class Backend(ABC):
    """One kind of database. Its methods raise what its driver raises, LedgerUnavailable and OSError.

    `serializes_writes`: one transaction writes at a time, so writes are faster in one transaction than one by one.
    """

    serializes_writes: bool

    @abstractmethod
    def connect(self) -> OwnedConnection:
        """A new connection."""

    @abstractmethod
    def migrate(self, connection: OwnedConnection, schema: Schema) -> None:
        """Bring the tables to the version of a schema; the first connection of a process does so."""

    @abstractmethod
    def begin(self, connection: Connection) -> None:
        """Begin a transaction that waits for locks."""

    @abstractmethod
    def begin_write(self, connection: Connection, *, durable: bool, wait: bool) -> None:
        """Begin a transaction that writes.

        `durable`: its commit waits for the disk. `wait`: wait for locks, rather than fail at once.
        """

    def opened(self, connection: Connection) -> None:  # noqa: B027 - most need nothing
        """A new connection can read the migrated tables."""

    def check(self) -> None:  # noqa: B027 - most need nothing
        """Raise LedgerUnavailable if other processes would not see what is written here."""

    def is_alive(self, connection: Connection) -> bool:
        """Whether an idle connection still works."""
        return True

    def close(self, connection: OwnedConnection) -> None:
        """Close a connection."""
        connection.close()
