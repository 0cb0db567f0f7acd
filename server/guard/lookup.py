"""The look-up: what of a send, whose answer was lost, stands in ClickSend's records."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from server.errors import ClickSendError
from server.guard.ledger import Entry
from tools.action import Action, Request
from tools.catalog import CATALOG
from tools.trace import Trace

Read = Callable[[Action, Request], Awaitable[Mapping[str, Any]]]  # asks ClickSend; raises ClickSendError

_PAGES = 20
_CLOCKS_DIFFER = 1  # second, since records have whole ones; more would take what was sent before for this


@dataclass(frozen=True)
class Found:
    """The records of a send's messages, their ids, and how many messages have none."""

    rows: tuple[Mapping[str, Any], ...]
    ids: tuple[str, ...]
    missing: int


def digest(*texts: str) -> str:
    """A digest of some texts and of where one ends and the next begins."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


async def look_up(entry: Entry, known_ids: Collection[str], read: Read) -> Found | None:
    """Search ClickSend's records, newest first, for the messages of an entry; None if that cannot tell anything.

    `known_ids` are those of other sends in the ledger: the same text to the same number may stand there more than once.
    """
    trace = CATALOG[entry.action].trace
    if trace is None or not entry.marks:
        return None
    wanted = Counter(entry.marks)
    rows: list[Mapping[str, Any]] = []
    for page in range(1, _PAGES + 1):
        records = await _records(trace, page, read)
        if records is None:
            return None
        recent = [row for row in records if int(row.get(trace.since) or 0) >= entry.at - _CLOCKS_DIFFER]
        for row in recent:
            mark = digest(entry.id, *trace.seen(row))
            if wanted[mark] > 0 and str(row.get(trace.id)) not in known_ids:
                wanted[mark] -= 1
                rows.append(row)
        if not recent or not wanted.total():
            break
    return Found(tuple(rows), tuple(str(row.get(trace.id)) for row in rows), wanted.total())


async def _records(trace: Trace, page: int, read: Read) -> list[Mapping[str, Any]] | None:
    query = {"page": page, "limit": 100, "order_by": trace.order_by}
    try:
        answer = await read(CATALOG["CLICKSEND_GET_SMS_HISTORY"], Request("GET", trace.path, query))
    except ClickSendError:
        return None
    data = answer.get("data")
    records = data.get("data") if isinstance(data, dict) else None
    return [row for row in records if isinstance(row, dict)] if isinstance(records, list) else None
