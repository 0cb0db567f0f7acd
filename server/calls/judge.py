"""Judging an answer beyond its verdict: which records can say more, and how those are shown."""

from typing import TYPE_CHECKING

from schemas.base import Arguments
from server.calls.render import compact
from tools.action import Action
from tools.answer import Answer
from tools.outcome import Verdict

if TYPE_CHECKING:
    from server.guard.reconcile import Found


def accepts_something(action: Action, arguments: Arguments, answer: Answer | None) -> bool:
    """Whether an answer that refuses a call as a whole may have accepted a part of it."""
    verdict = None if answer is None else action.outcome(arguments, answer)
    return verdict is not None and bool(verdict.accepted or verdict.unclear)


def open_ids(verdict: Verdict | None, answer: Answer | None) -> frozenset[str]:
    """The ids by which ClickSend's records can tell what an answer did not."""
    unclear = verdict.unclear if verdict else ()
    return frozenset([*(answer.ids if answer else ()), *(thing.id for thing in unclear if thing.id)])


def with_records(action: Action, answer: Answer | None, found: "Found", verdict: Verdict, reason: str) -> Answer:
    """ClickSend's answer with a note on what its records show, and with the records where it lacks their ids.

    Without an answer the records stand where ClickSend would have put them.
    """
    what = "what was accepted" if verdict.refused else "that all of it was accepted"
    note = f"{reason or 'the answer was not clear'}; ClickSend's records show {what}"
    rows = list(found.rows)
    if answer and answer.data:
        told = compact(answer.body)
        lacking = {} if all(number in told for number in found.ids) else {"_records": rows}
        return answer.with_notes(_found=note, **lacking)
    things = action.evidence.things if action.evidence else None
    return Answer({"data": {things: rows} if things else rows[0], "_found": note})
