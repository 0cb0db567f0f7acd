"""Migrations: the tables of a database have a version, and each start brings them to the one it knows.

A table `schema_versions` keeps it. A migration is never changed once it was released: what is to be different comes
with another one behind it. All of them are written so that they find done what was made before there were versions.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.ledger.errors import LedgerMisconfigured
from server.ledger.failures import database_errors

_TRIES = 10  # other processes may migrate at the same moment
_PATIENCE = 10  # seconds
_PAUSE = 0.02  # seconds between tries

_VERSIONS = """
    CREATE TABLE IF NOT EXISTS schema_versions (
        component VARCHAR(32) NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL
    )
"""
_VERSION = "SELECT version FROM schema_versions WHERE component = :component"
_BEGIN = "INSERT INTO schema_versions (component, version) VALUES (:component, 0) ON CONFLICT (component) DO NOTHING"
# A write that holds up every other one to the same row until its transaction ends.
_LOCK = "UPDATE schema_versions SET version = version WHERE component = :component"
_RAISE = "UPDATE schema_versions SET version = :version WHERE component = :component"


@dataclass(frozen=True)
class Schema:
    """The tables of one component; each of its `migrations` is the statements that make its version of the one before.

    Several components share a database.
    """

    component: str
    migrations: Sequence[Sequence[str]]

    @property
    def version(self) -> int:
        """The version of the tables after all migrations."""
        return len(self.migrations)


def migrate(connection: Any, schema: Schema, begin: str) -> None:
    """Bring a database to the version of a schema, all of it or nothing, even if other processes do so too.

    `begin`: the statement that begins a transaction, "" where the driver does. Raises LedgerMisconfigured for a
    database of a later version.
    """
    until = time.monotonic() + _PATIENCE
    for left in reversed(range(_TRIES)):
        try:
            if _version(connection, schema) < schema.version:
                if begin:
                    connection.execute(begin)
                _upgrade(connection, schema)
            connection.commit()
            return
        except database_errors():
            connection.rollback()
            if not left or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)


def _upgrade(connection: Any, schema: Schema) -> None:
    component = {"component": schema.component}
    connection.execute(_VERSIONS)
    connection.execute(_BEGIN, component)
    connection.execute(_LOCK, component)
    for migration in schema.migrations[_version(connection, schema) :]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(_RAISE, component | {"version": schema.version})


def _version(connection: Any, schema: Schema) -> int:
    """The version of a database; 0 before the first migration."""
    try:
        row = connection.execute(_VERSION, {"component": schema.component}).fetchone()
    except database_errors():  # there is no such table yet
        connection.rollback()
        return 0
    version = row["version"] if row else 0
    if version > schema.version:
        connection.rollback()
        raise LedgerMisconfigured(
            f"a later version of clicksend-mcp has written to it (schema {version}; this version knows "
            f"{schema.version}): upgrade this server"
        )
    return int(version)
