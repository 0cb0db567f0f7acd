"""Migrations: a database's tables have a version, and every start upgrades them to the version it knows.

The table `schema_versions` holds it. A released migration never changes; a change is a further migration. The first
ones tolerate tables that were created before there were versions.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.ledger.errors import LedgerMisconfigured
from server.ledger.failures import database_errors

_ATTEMPTS = 10  # other processes may migrate at the same moment
_TIMEOUT = 10  # seconds
_PAUSE = 0.02  # seconds between attempts

_CREATE_VERSIONS = """
    CREATE TABLE IF NOT EXISTS schema_versions (
        component VARCHAR(32) NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL
    )
"""
_READ = "SELECT version FROM schema_versions WHERE component = :component"
_INSERT = "INSERT INTO schema_versions (component, version) VALUES (:component, 0) ON CONFLICT (component) DO NOTHING"
# Locks the row until the transaction ends, so that one process migrates at a time.
_LOCK = "UPDATE schema_versions SET version = version WHERE component = :component"
_UPDATE = "UPDATE schema_versions SET version = :version WHERE component = :component"


@dataclass(frozen=True)
class Schema:
    """The tables of one component of a database, which several components share.

    Migration n, counted from 1, is the statements that upgrade version n - 1 to n.
    """

    component: str
    migrations: Sequence[Sequence[str]]

    @property
    def version(self) -> int:
        """The version of the tables after all migrations."""
        return len(self.migrations)


def migrate(connection: Any, schema: Schema, begin: str) -> None:
    """Upgrade a database to the version of a schema in one transaction, safe against other processes that do so too.

    `begin`: the statement that begins a transaction, "" if the driver begins one. Raises LedgerMisconfigured if the
    database has a later version.
    """
    deadline = time.monotonic() + _TIMEOUT
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            if _version(connection, schema) < schema.version:
                if begin:
                    connection.execute(begin)
                _upgrade(connection, schema)
            connection.commit()
            return
        except database_errors():
            connection.rollback()
            if not attempts_left or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)


def _upgrade(connection: Any, schema: Schema) -> None:
    component = {"component": schema.component}
    connection.execute(_CREATE_VERSIONS)
    connection.execute(_INSERT, component)
    connection.execute(_LOCK, component)
    for migration in schema.migrations[_version(connection, schema) :]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(_UPDATE, component | {"version": schema.version})


def _version(connection: Any, schema: Schema) -> int:
    """The version of a component's tables; 0 before the first migration."""
    try:
        row = connection.execute(_READ, {"component": schema.component}).fetchone()
    except database_errors():  # the table does not exist yet
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
