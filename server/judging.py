"""Judging an answer beyond its verdict: what it costs, which records can say more, and how those are shown."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from schemas.base import Arguments
from server.large import added_to
from server.result import compact
from tools.action import Action
from tools.outcome import Verdict, ids_of, total_price

if TYPE_CHECKING:
    from server.guard.lookup import Found


def cost_in(answer: Mapping[str, Any]) -> str | None:
    """What an answer says was charged, in plain digits; None if it does not say."""
    price = total_price(answer)
    return None if price is None else f"{price:f}"


def accepts_something(action: Action, arguments: Arguments, answer: Mapping[str, Any] | None) -> bool:
    """Whether an answer that refuses a call as a whole may have accepted a part of it."""
    verdict = action.outcome(arguments, answer or {})
    return verdict is not None and bool(verdict.accepted or verdict.unclear)


def open_ids(verdict: Verdict | None, answer: Mapping[str, Any] | None) -> frozenset[str]:
    """The ids by which ClickSend's records can tell what an answer did not."""
    unclear = verdict.unclear if verdict else ()
    return frozenset([*ids_of(answer), *(thing.id for thing in unclear if thing.id)])


def with_records(
    action: Action, answer: Mapping[str, Any] | None, found: "Found", verdict: Verdict, reason: str
) -> Mapping[str, Any]:
    """ClickSend's answer with a note on what its records show, and with the records where it lacks their ids.

    Without an answer the records stand where ClickSend would have put them.
    """
    what = "what was accepted" if verdict.refused else "that all of it was accepted"
    note = f"{reason or 'the answer was not clear'}; ClickSend's records show {what}"
    rows = list(found.rows)
    if answer and answer.get("data"):
        told = compact(answer)
        lacking = {} if all(number in told for number in found.ids) else {"_records": rows}
        return added_to(answer, _found=note, **lacking)
    things = action.trace.things if action.trace else None
    return {"data": {things: rows} if things else rows[0], "_found": note}
