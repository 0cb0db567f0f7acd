"""The ledger for people, as a table, and for programs, as JSON lines."""

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
    """One line per entry, in the order given; costs are in the account's currency."""
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
    """One JSON object per line, in the order given.

    `at`: Unix seconds. `cost`: account currency; null if no price is known, as for a campaign that was sent while no
    limit asked for it.
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
