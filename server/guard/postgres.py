"""Connections to PostgreSQL that take the statements of SQLite; loaded where there is one."""

import re
from functools import cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row


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


class _Cursor(psycopg.Cursor[DictRow]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> "_Cursor":
        return super().execute(_translated(query), params, **options)


@cache
def _translated(statement: str) -> Any:
    return re.sub(r":(\w+)", r"%(\1)s", statement)
