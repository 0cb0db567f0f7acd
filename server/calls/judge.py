"""Judging an answer beyond its verdict: which records can say more, and how they are shown."""

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
    """The ids by which ClickSend's records can settle what an answer left open."""
    unclear = verdict.unclear if verdict else ()
    return frozenset([*(answer.ids if answer else ()), *(item.id for item in unclear if item.id)])


def with_records(action: Action, answer: Answer | None, found: "Found", verdict: Verdict, reason: str) -> Answer:
    """ClickSend's answer with a note on what its records show, and with the records if it lacks their ids.

    Without an answer the records take its place, in the shape of one.
    """
    shown = "what was accepted" if verdict.refused else "that all of it was accepted"
    note = f"{reason or 'the answer was not clear'}; ClickSend's records show {shown}"
    rows = list(found.rows)
    if answer and answer.data:
        text = compact(answer.body)
        records = {} if all(number in text for number in found.ids) else {"_records": rows}
        return answer.with_notes(_found=note, **records)
    items = action.evidence.items if action.evidence else None
    return Answer({"data": {items: rows} if items else rows[0], "_found": note})
