"""psycopg connections that take statements with `:name` parameters; imported only for PostgreSQL."""

import re
from functools import cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from server.ledger.errors import LedgerMisconfigured, LedgerUnavailable

# What does not pass by itself. SQLSTATE classes: authorization, unknown database or schema, missing privilege.
_PERMANENT_STATES = ("28", "3D", "3F", "42501")
# A failed connection has no SQLSTATE. Relies on libpq's wording, "... failed: FATAL: ..."; tests hold real messages.
_PERMANENT_WORDS = (
    r"does not exist|authentication failed|no pg_hba\.conf entry|permission denied|not permitted to log in"
)


def connect(url: str, patience: int) -> psycopg.Connection[DictRow]:
    """A new connection. Raises psycopg.Error.

    `patience`: seconds to wait for the connection, and later for an unresponsive machine, unless the URL sets others.
    """
    scheme, address = url.split(":", 1)  # the scheme may name a driver: postgresql+psycopg
    timeouts: dict[str, Any] = {
        "connect_timeout": patience,
        "tcp_user_timeout": patience * 1000,
        "keepalives_idle": patience,
        "keepalives_interval": max(1, patience // 5),
        "keepalives_count": 5,
    }
    parameters = conninfo_to_dict(f"{scheme.partition('+')[0]}:{address}")
    return psycopg.connect(make_conninfo(**(timeouts | parameters)), row_factory=dict_row, cursor_factory=_Cursor)


def explain(fault: Exception) -> LedgerUnavailable:
    """A fault for the operator, in the server's words, without the URL, which may hold a password."""
    if isinstance(fault, psycopg.Error) and fault.sqlstate:
        permanent = fault.sqlstate.startswith(_PERMANENT_STATES)
        message = fault.diag.message_primary or type(fault).__name__
    elif isinstance(fault, psycopg.ProgrammingError):  # its text would quote the URL
        permanent, message = True, "its URL is not one that PostgreSQL understands"
    else:  # the connection failed
        message = str(fault).rpartition("FATAL:")[2].rpartition(" failed: ")[2].strip().partition("\n")[0]
        permanent = "FATAL:" in str(fault) and re.search(_PERMANENT_WORDS, message) is not None
    return (LedgerMisconfigured if permanent else LedgerUnavailable)(f"PostgreSQL: {message}")


class _Cursor(psycopg.Cursor[DictRow]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> "_Cursor":
        return super().execute(_with_psycopg_parameters(query), params, **options)


@cache
def _with_psycopg_parameters(statement: str) -> Any:
    return re.sub(r":(\w+)", r"%(\1)s", statement)
