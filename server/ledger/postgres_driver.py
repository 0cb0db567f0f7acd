"""Connections to PostgreSQL that take the statements of SQLite; loaded where there is one."""

import re
from functools import cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from server.ledger.errors import LedgerMisconfigured, LedgerUnavailable

_LASTING_STATES = ("28", "3D", "3F", "42501")  # authorization, no such database or schema, a right that is missing
_LASTING_WORDS = r"does not exist|authentication failed|no pg_hba\.conf entry|permission denied|not permitted to log in"


def connect(url: str, patience: int) -> psycopg.Connection[DictRow]:
    """A connection. Raises psycopg.Error.

    `patience`: seconds to wait for it, and later for a machine that gives no sign of life; the URL may say otherwise.
    """
    scheme, address = url.split(":", 1)  # a scheme may name the driver after a plus
    bounds: dict[str, Any] = {
        "connect_timeout": patience,
        "tcp_user_timeout": patience * 1000,
        "keepalives_idle": patience,
        "keepalives_interval": max(1, patience // 5),
        "keepalives_count": 5,
    }
    given = conninfo_to_dict(f"{scheme.partition('+')[0]}:{address}")
    told = make_conninfo(**(bounds | given))
    return psycopg.connect(told, row_factory=dict_row, cursor_factory=_Cursor)


def explain(fault: Exception) -> LedgerUnavailable:
    """What a fault is to the operator, in the server's words; without the URL, which may hold a password."""
    if isinstance(fault, psycopg.Error) and fault.sqlstate:
        lasting = fault.sqlstate.startswith(_LASTING_STATES)
        told = fault.diag.message_primary or type(fault).__name__
    elif isinstance(fault, psycopg.ProgrammingError):  # its text would quote the URL
        lasting, told = True, "its URL is not one that PostgreSQL understands"
    else:  # no state comes with a connection that failed
        told = str(fault).rpartition("FATAL:")[2].rpartition(" failed: ")[2].strip().partition("\n")[0]
        lasting = "FATAL:" in str(fault) and re.search(_LASTING_WORDS, told) is not None
    return (LedgerMisconfigured if lasting else LedgerUnavailable)(f"PostgreSQL: {told}")


class _Cursor(psycopg.Cursor[DictRow]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> "_Cursor":
        return super().execute(_translated(query), params, **options)


@cache
def _translated(statement: str) -> Any:
    return re.sub(r":(\w+)", r"%(\1)s", statement)
