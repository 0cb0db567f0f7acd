"""A recorded send: its settlement in the ledger, and its reconciliation if the answer was lost."""

import logging
from collections.abc import Collection, Sequence
from decimal import Decimal

import anyio

from server.guard.admission import Admission
from server.guard.reconcile import Found
from server.guard.repeats import Repeats
from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import Entry, State
from server.runtime.progress import report
from tools.action import Action
from tools.answer import Answer
from tools.outcome import Verdict

log = logging.getLogger("clicksend_mcp")


class Recorded(Admission):
    """The permission for a send that is started in the ledger. `waits`: seconds before each search for its outcome."""

    is_recorded = True

    def __init__(self, action: Action, entry: Entry, repeats: Repeats, waits: Sequence[float]) -> None:
        self._action = action
        self._entry = entry
        self._repeats = repeats
        self._waits = waits

    async def settle(
        self, state: State, answer: Answer | None = None, verdict: Verdict | None = None, ids: Sequence[str] = ()
    ) -> None:
        try:
            await self._repeats.ledger.finish(
                self._entry.id,
                state,
                message_ids=list(dict.fromkeys([*(answer.ids if answer else ()), *ids])),
                cost=_booked(state, self._entry.cost, answer.price if answer else None, verdict),
                recipients=answer.contacts if answer else None,  # of a campaign; other sends were counted before
            )
        except LedgerUnavailable as fault:
            # It stays started in the ledger, and is reconciled later like the send of a process that died.
            log.error("the end of a send could not be written to the ledger: %s", fault)

    async def find(self, known_ids: Collection[str] = ()) -> Found | None:
        if self._action.evidence is None:
            return None
        found = None
        for attempt, wait in enumerate(self._waits, 1):
            when = f" in {wait:g} s" if wait else ""
            report(f"The outcome is not clear: search {attempt} of {len(self._waits)} in ClickSend's records{when}")
            await anyio.sleep(wait)
            try:
                found = await self._repeats.reconcile(self._entry, known_ids) or found
            except LedgerUnavailable:
                return found
            if found is not None and not found.missing:
                break
        return found


def _booked(state: State, quote: Decimal | None, price: Decimal | None, verdict: Verdict | None) -> Decimal | None:
    """What a send costs the day's budget, in account currency; None for as much as was reserved.

    What was accepted costs no less than its share of the quote, whatever price the answer names.
    """
    if state == "refused":
        return Decimal(0)
    if state == "partly" and quote is not None and verdict is not None:
        quote = quote * verdict.accepted / (verdict.accepted + len(verdict.refused))
    return max((amount for amount in (quote, price) if amount is not None), default=None)
