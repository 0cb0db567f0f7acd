"""What a failing database raises, and what callers and the operator read of it."""

import sqlite3
import sys

from server.ledger.errors import LedgerMisconfigured, LedgerUnavailable


def database_errors() -> tuple[type[Exception], ...]:
    """The exceptions that a failing database raises."""
    psycopg_error = getattr(sys.modules.get("psycopg"), "Error", None)  # loaded only for PostgreSQL
    return (sqlite3.Error, OSError, ImportError, *([psycopg_error] if psycopg_error else []))


def unavailable(fault: Exception) -> LedgerUnavailable:
    """A fault for callers, by its kind: they may be strangers, and its text may hold names or what was written."""
    if isinstance(fault, ImportError):
        return LedgerMisconfigured("psycopg is not installed: pip install 'clicksend-mcp[postgres]'")
    return LedgerUnavailable(type(fault).__name__)


def explain(fault: Exception) -> LedgerUnavailable:
    """A fault for the operator, in the words of the database or the system."""
    if isinstance(fault, sqlite3.Error):
        return LedgerUnavailable(f"SQLite: {fault}")
    if isinstance(fault, ImportError):
        return unavailable(fault)
    if isinstance(fault, OSError):
        return LedgerUnavailable(fault.strerror or type(fault).__name__)
    from server.ledger import postgres_driver

    return postgres_driver.explain(fault)
