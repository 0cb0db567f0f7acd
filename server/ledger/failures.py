"""What a database that fails raises, and what is told of it."""

import sqlite3
import sys

from server.ledger.errors import LedgerMisconfigured, LedgerUnavailable


def faults() -> tuple[type[Exception], ...]:
    """What a database that fails raises."""
    postgres = getattr(sys.modules.get("psycopg"), "Error", None)  # loaded where one is used
    return (sqlite3.Error, OSError, ImportError, *([postgres] if postgres else []))


def unavailable(fault: Exception) -> LedgerUnavailable:
    """A fault by its kind: callers may be strangers, and its text may hold names, or what was to be written."""
    if isinstance(fault, ImportError):
        return LedgerMisconfigured("psycopg is not installed: pip install 'clicksend-mcp[postgres]'")
    return LedgerUnavailable(type(fault).__name__)


def explained(fault: Exception) -> LedgerUnavailable:
    """A fault for the operator."""
    if isinstance(fault, sqlite3.Error):
        return LedgerUnavailable(f"SQLite: {fault}")
    if isinstance(fault, ImportError):
        return unavailable(fault)
    if isinstance(fault, OSError):
        return LedgerUnavailable(fault.strerror or type(fault).__name__)
    from server.ledger import postgres

    return postgres.explained(fault)
