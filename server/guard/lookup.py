"""The look-up: what of a send, whose answer was lost, stands in ClickSend's records."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.errors import ClickSendError
from server.guard.ledger import Entry
from tools.action import Action, Request
from tools.catalog import CATALOG
from tools.outcome import campaign
from tools.trace import Trace

Others = Callable[[Collection[str], float, float], Awaitable[Sequence[Entry]]]  # see Ledger.others
Read = Callable[[Action, Request], Awaitable[Mapping[str, Any]]]  # asks ClickSend; raises ClickSendError

_PAGES = 20
_CLOCKS_DIFFER = 1  # second, since records have whole ones; more would take what was sent before for this
_TAKES_EFFECT_WITHIN = 300  # seconds from the ledger's row to ClickSend's record


@dataclass(frozen=True)
class Found:
    """The records of a send's messages, their ids, and how many messages have none."""

    rows: tuple[Mapping[str, Any], ...]
    ids: tuple[str, ...]
    missing: int


def digest(*texts: str) -> str:
    """A digest of some texts and of where one ends and the next begins."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


async def look_up(entry: Entry, others: Others, read: Read) -> Found | None:
    """Search ClickSend's records, newest first, for the messages of an entry; None if that cannot tell anything.

    `others` gives the other sends in the ledger that may have made these records: the same text to the same number may
    stand there more than once, and what may be another's is not taken for this one's.
    """
    trace = CATALOG[entry.action].trace
    if trace is None or not entry.marks:
        return None
    recent = await _recent(entry, trace, read)
    if recent is None:
        return None
    # Asked after the records: whoever sent what stands there had written it into the ledger before.
    marked = [row for row in recent if digest(entry.id, *trace.seen(row)) in entry.marks]
    claims = await _claims(marked, trace, others)
    wanted = Counter(entry.marks)
    rows: list[Mapping[str, Any]] = []
    for row in recent:
        mark = digest(entry.id, *trace.seen(row))
        if wanted[mark] > 0 and not any(_may_be_of(other, trace, row) for other in claims):
            wanted[mark] -= 1
            rows.append(row)
    return Found(tuple(rows), tuple(str(row.get(trace.id)) for row in rows), wanted.total())


async def _claims(rows: Sequence[Mapping[str, Any]], trace: Trace, others: Others) -> Sequence[Entry]:
    """The other sends that may have made some records."""
    if not rows:
        return ()
    times = [_time(trace, row) for row in rows]
    ids = {str(row.get(trace.id)) for row in rows}
    return await others(ids, min(times) - _TAKES_EFFECT_WITHIN, max(times) + _CLOCKS_DIFFER)


async def _recent(entry: Entry, trace: Trace, read: Read) -> list[Mapping[str, Any]] | None:
    """The records since an entry was written, until each of its messages may be among them."""
    wanted = Counter(entry.marks)
    found: list[Mapping[str, Any]] = []
    for page in range(1, _PAGES + 1):
        records = await _records(entry, trace, page, read)
        if records is None:
            return None
        recent = [row for row in records if _time(trace, row) >= entry.at - _CLOCKS_DIFFER]
        found += [row for row in recent if _stands(CATALOG[entry.action], row)]
        wanted -= Counter(digest(entry.id, *trace.seen(row)) for row in recent)
        if not recent or not wanted:
            break
    return found


def _may_be_of(other: Entry, trace: Trace, row: Mapping[str, Any]) -> bool:
    """Whether a record is of another send, or may be while the outcome of that one is open."""
    if str(row.get(trace.id)) in other.message_ids:
        return True
    in_time = -_CLOCKS_DIFFER <= _time(trace, row) - other.at <= _TAKES_EFFECT_WITHIN
    return other.state in ("started", "unknown") and in_time and digest(other.id, *trace.seen(row)) in other.marks


def _time(trace: Trace, row: Mapping[str, Any]) -> int:
    return int(row.get(trace.since) or 0)


def _stands(action: Action, row: Mapping[str, Any]) -> bool:
    """Whether what a record is of was taken on: a campaign is recorded also if it failed as a whole."""
    if action.outcome is not campaign:
        return True
    verdict = campaign(action.input.model_construct(), {"data": row})
    return verdict is not None and verdict.complete


async def _records(entry: Entry, trace: Trace, page: int, read: Read) -> list[Mapping[str, Any]] | None:
    query: dict[str, Any] = {"page": page, "limit": 100, "order_by": trace.order_by}
    if trace.date_from:
        query["date_from"] = int(entry.at) - _CLOCKS_DIFFER
    try:
        request = Request("GET", trace.path, query, template=trace.path)
        answer = await read(CATALOG["CLICKSEND_GET_SMS_HISTORY"], request)
    except ClickSendError:
        return None
    data = answer.get("data")
    records = data.get("data") if isinstance(data, dict) else None
    if not isinstance(records, list):
        return None
    return [_without_outsiders(row) for row in records if isinstance(row, dict)]


def _without_outsiders(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record without the names in the contact, which people outside have written."""
    return {name: value for name, value in row.items() if name not in ("first_name", "last_name")}
