"""Connections to PostgreSQL that take the statements of SQLite; loaded where there is one."""

import re
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row


def connect(url: str, patience: int) -> psycopg.Connection[DictRow]:
    """A connection; `patience`: seconds to wait for it. Raises psycopg.Error."""
    scheme, address = url.split(":", 1)  # a scheme may name the driver after a plus
    return psycopg.connect(
        f"{scheme.partition('+')[0]}:{address}", connect_timeout=patience, row_factory=dict_row, cursor_factory=_Cursor
    )


class _Cursor(psycopg.Cursor[DictRow]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> "_Cursor":
        return super().execute(_translated(query), params, **options)


@cache
def _translated(statement: str) -> Any:
    return re.sub(r":(\w+)", r"%(\1)s", statement)
