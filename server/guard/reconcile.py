"""Reconciliation: which messages of a send, whose answer was lost or unclear, ClickSend's records show."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.clicksend.errors import ClickSendError
from server.guard.fingerprint import digest
from server.ledger.ledger import Entry
from tools.answer import Answer
from tools.catalog import find
from tools.evidence import Evidence
from tools.outcome import Verdict
from tools.route import Request

Others = Callable[[Collection[str], float, float], Awaitable[Sequence[Entry]]]  # see Ledger.others
Read = Callable[[Request], Awaitable[Answer]]  # reads from ClickSend; raises ClickSendError

_PAGES = 20  # our rule
_A_PAGE = 100  # rows, the most of a page; documented
_CLOCKS_DIFFER = 1  # second, as records have whole ones; more would take what was sent before for this; our rule
_TAKES_EFFECT_WITHIN = 300  # seconds from the ledger's row to ClickSend's record, usually a few (recorded); our rule
_LATEST = 2**40  # Unix seconds; a later time is none; our rule


@dataclass(frozen=True)
class Found:
    """The records of a send's messages, their ids, and how many of its messages have no record."""

    rows: tuple[Mapping[str, Any], ...]
    ids: tuple[str, ...]
    missing: int

    def settle(self, verdict: Verdict | None, answer: Answer | None) -> Verdict:
        """The verdict that answer and records give together; `verdict`: that of the answer alone, None without one."""
        if verdict is None:
            return Verdict(accepted=len(self.ids), missing=self.missing)
        recorded = set(self.ids)
        answered = {*(answer.ids if answer else ()), *(item.id for item in (*verdict.refused, *verdict.unclear))}
        spare = len(recorded - answered)  # records of what the answer omits, or mentions without an id
        unclear = []
        for item in verdict.unclear:
            if not item.id and spare:
                spare -= 1
            elif item.id not in recorded:
                unclear.append(item)
        missing = max(0, verdict.missing - spare)
        accepted = verdict.accepted + len(verdict.unclear) - len(unclear) + verdict.missing - missing
        return Verdict(accepted, verdict.refused, tuple(unclear), missing, verdict.contradiction if unclear else "")


async def reconcile(
    entry: Entry,
    others: Others,
    read: Read,
    known_ids: Collection[str] = (),
) -> Found | None:
    """Search ClickSend's records, newest first, for the messages of an entry; None if the records cannot settle it.

    `others` gives the other sends in the ledger that may have made the same records: one text may have been sent to one
    number more than once, and a record that may be another send's is not taken for this one's. `known_ids`: ids that
    ClickSend's answer gave to this send.
    """
    action = find(entry.action)  # None if a later version, which shares the ledger, has added it
    evidence = action.evidence if action else None
    if evidence is None or not entry.marks:
        return None
    recent = await _recent(entry, evidence, read, known_ids)
    if recent is None:
        return None
    # Read after the records: a send is in the ledger before ClickSend can record it.
    marks = set(entry.marks)
    matching = [row for row in recent if digest(entry.id, *evidence.key_of(row)) in marks]
    claims = await _claims(matching, evidence, others)
    unmatched = Counter(entry.marks)
    rows: list[Mapping[str, Any]] = []
    # Records with a known id come first: of equal records the rest may be those of other sends.
    for row in sorted(recent, key=lambda row: _id(evidence, row) not in known_ids):
        mark = digest(entry.id, *evidence.key_of(row))
        is_known = _id(evidence, row) in known_ids
        if is_known or (unmatched[mark] > 0 and not any(_may_be_of(other, evidence, row) for other in claims)):
            unmatched[mark] -= 1
            rows.append(row)
    missing = max(0, len(entry.marks) - len(rows))
    return Found(tuple(rows), tuple(_id(evidence, row) for row in rows), missing)


async def _claims(rows: Sequence[Mapping[str, Any]], evidence: Evidence, others: Others) -> Sequence[Entry]:
    """The other sends that may have made these records."""
    if not rows:
        return ()
    times = [_time(evidence, row) for row in rows]
    earliest = min(0.0 if time is None else time for time in times)
    latest = max(float(_LATEST) if time is None else time for time in times)
    ids = {_id(evidence, row) for row in rows}
    return await others(ids, earliest - _TAKES_EFFECT_WITHIN, latest + _CLOCKS_DIFFER)


async def _recent(
    entry: Entry, evidence: Evidence, read: Read, known_ids: Collection[str]
) -> list[Mapping[str, Any]] | None:
    """The records since an entry was written, page by page until each of its messages may be among them."""
    unmatched = Counter(entry.marks)
    by_id: dict[str, Mapping[str, Any]] = {}  # a record may be on two pages, moved on by newer ones
    for page in range(1, _PAGES + 1):
        records = await _records(entry, evidence, page, read)
        if records is None:
            return None
        times = [_time(evidence, row) for row in records]
        since = entry.at - _CLOCKS_DIFFER
        recent = [
            row
            for row, time in zip(records, times, strict=True)
            if _id(evidence, row) not in by_id
            and ((time is not None and time >= since) or _id(evidence, row) in known_ids)
        ]
        by_id |= {_id(evidence, row): row for row in recent if evidence.took_effect(row)}
        unmatched -= Counter(digest(entry.id, *evidence.key_of(row)) for row in recent)
        # A time that cannot be read does not show how far back a page goes.
        older = all(time < since for time in times if time is not None) and any(time is not None for time in times)
        if not records or (older and not recent) or not unmatched:
            break
    return list(by_id.values())


def _may_be_of(other: Entry, evidence: Evidence, row: Mapping[str, Any]) -> bool:
    """Whether a record is another send's, or may be while the outcome of that send is open."""
    if _id(evidence, row) in other.message_ids:
        return True
    if other.state not in ("started", "unknown"):
        return False
    time = _time(evidence, row)
    in_time = time is None or -_CLOCKS_DIFFER <= time - other.at <= _TAKES_EFFECT_WITHIN
    return in_time and digest(other.id, *evidence.key_of(row)) in other.marks


def _id(evidence: Evidence, row: Mapping[str, Any]) -> str:
    return str(row.get(evidence.id_field))


def _time(evidence: Evidence, row: Mapping[str, Any]) -> float | None:
    """The time of a record in Unix seconds; None if it has none in a known form."""
    value = row.get(evidence.time_field)
    try:
        if isinstance(value, str) and not value.strip().isdecimal():
            moment = datetime.fromisoformat(value.strip())
            value = moment.timestamp() if moment.tzinfo else None
        seconds = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return seconds if seconds is not None and 0 <= seconds <= _LATEST else None


async def _records(entry: Entry, evidence: Evidence, page: int, read: Read) -> list[Mapping[str, Any]] | None:
    """A page of records without what outsiders wrote; None if it cannot be read."""
    query: dict[str, Any] = {"page": page, "limit": _A_PAGE, "order_by": evidence.order_by}
    if evidence.takes_date_from:
        query["date_from"] = int(entry.at) - _CLOCKS_DIFFER
    try:
        request = Request("GET", evidence.path, query, template=evidence.path)
        answer = await read(request)
    except ClickSendError:
        return None
    if answer.rows is None:
        return None
    return [_without_untrusted(row, evidence) for row in answer.rows if isinstance(row, dict)]


def _without_untrusted(row: Mapping[str, Any], evidence: Evidence) -> Mapping[str, Any]:
    return {name: value for name, value in row.items() if name not in evidence.untrusted}
