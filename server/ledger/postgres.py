"""PostgreSQL as the ledger's database: a server that many machines share."""

from typing import Any

from server.ledger.backend import Backend, Connection, OwnedConnection
from server.ledger.failures import database_errors
from server.ledger.migrations import Schema, migrate

_PATIENCE = 10  # seconds to wait for a connection, and for a machine that gives no sign of life


class PostgresBackend(Backend):
    """A PostgreSQL server. It groups commits itself, and locks rows rather than the whole database."""

    serializes_writes = False

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self) -> OwnedConnection:
        """A new connection. Raises ImportError without psycopg, which is an extra."""
        from server.ledger import postgres_driver

        connection: Any = postgres_driver.connect(self._url, _PATIENCE)  # its statements are typed as literals
        opened: OwnedConnection = connection
        return opened

    def migrate(self, connection: OwnedConnection, schema: Schema) -> None:
        """Migrate the tables."""
        migrate(connection, schema, begin="")

    def begin(self, connection: Connection) -> None:
        """Do nothing: psycopg begins a transaction with the first statement."""

    def begin_write(self, connection: Connection, *, durable: bool, wait: bool) -> None:
        """Do nothing: every commit is durable, and every write waits."""

    def is_alive(self, connection: Connection) -> bool:
        """Whether the server answers."""
        try:
            connection.execute("SELECT 1")
        except database_errors():
            return False
        return True
