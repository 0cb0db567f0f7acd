"""The ledger for people and programs: a table, and JSON lines."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from server.ledger.ledger import COLUMNS, Entry

_HEADINGS = ("time (UTC)", "action", "state", "recipients", "cost", "message ids")
_IDS_SHOWN = 2
_OMITTED = ("caller", "marks")  # digests that mean nothing outside the ledger
_RENAMED = {"caller_name": "caller"}


def as_table(entries: Sequence[Entry]) -> str:
    """A line an entry, newest first; costs are in the currency of the account."""
    rows = [_HEADINGS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines if entries else [*lines, "(nothing)"])


def _row(entry: Entry) -> tuple[str, ...]:
    more = len(entry.message_ids) - _IDS_SHOWN
    ids = " ".join(entry.message_ids[:_IDS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return (
        datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        entry.action.removeprefix("CLICKSEND_"),
        entry.state,
        str(entry.recipients),
        _cost(entry) or "?",
        ids,
    )


def _cost(entry: Entry) -> str | None:
    return None if entry.cost is None else f"{entry.cost.normalize():f}"


def as_json_lines(entries: Sequence[Entry]) -> str:
    """A JSON object a line, newest first.

    `at` is in Unix seconds, `cost` in the currency of the account; null where nothing has told it, as for a campaign
    that was sent while no limit asked for its price.
    """
    return "\n".join(json.dumps(_as_object(entry), ensure_ascii=False) for entry in entries)


def _as_object(entry: Entry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in COLUMNS if name not in _OMITTED}
    values |= {"at": round(entry.at, 3), "cost": _cost(entry)}
    if entry.request:
        values["request"] = json.loads(entry.request)
    else:
        del values["request"]
    return {_RENAMED.get(name, name): value for name, value in values.items()}
