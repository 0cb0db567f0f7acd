"""What must be true after every run, whatever went wrong in it."""

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from fault_plan import MARKER, NUMBERS, SECRET, Call, Plan
from fault_upstream import Effect, told_rows

_UUID = re.compile(r"\b[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\b")
_CAMPAIGN_ID = re.compile(r"\((\d{4,})\)")
_PRIVATE = re.compile(rf"{MARKER}|{SECRET}|{re.escape(NUMBERS)}|\\b{NUMBERS[1:]}\\d{{8}}\\b")
_PART = re.compile(r"(\d+) of (\d+) were accepted and queued")

Kind = Literal["accepted", "partly", "refused", "unknown", "repeat", "none"]


@dataclass(frozen=True)
class Told:
    """What one delivery of a call was answered with; None where nobody was there to be told."""

    call: Call
    envelope: dict[str, Any] | None

    @property
    def error(self) -> str:
        return (self.envelope or {}).get("error") or ""

    @property
    def kind(self) -> Kind | None:
        """What it says happened; None if it says none of the things it should."""
        if self.envelope is None:
            return "none"
        if self.envelope["successful"]:
            return "accepted"
        if self.error.startswith("The same call"):
            return "repeat"
        if "OUTCOME UNKNOWN" in self.error:
            return "unknown"
        if _PART.search(self.error):
            return "partly"
        internal = self.error.startswith("A fault inside this server")
        return "refused" if "Nothing was sent." in self.error and not internal else None


@dataclass
class Truth:
    """What is known of a run from outside once it is over."""

    plan: Plan
    effects: dict[str, Effect] = field(default_factory=dict)  # by fingerprint
    calls: dict[str, Call] = field(default_factory=dict)  # by fingerprint
    sent: list[dict[str, Any]] = field(default_factory=list)
    campaigns: list[dict[str, Any]] = field(default_factory=list)
    charged: Decimal = Decimal(0)
    rows: list[dict[str, Any]] = field(default_factory=list)
    hits: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        """The ids of everything that stands at ClickSend."""
        return {one["message_id"] for one in self.sent} | {str(one["sms_campaign_id"]) for one in self.campaigns}


def violations(truth: Truth, told: list[Told]) -> list[str]:
    """Everything that is not as promised, in words; empty if all is well."""
    found = [*_sent_twice(truth), *_over_budget(truth), *_indiscreet(truth)]
    for fingerprint, call in truth.calls.items():
        effect = truth.effects[fingerprint]
        own = [one for one in told if one.call == call]
        found += _false_reports(truth, effect, own)
        found += _false_rows(truth, effect, [row for row in truth.rows if row["fingerprint"] == fingerprint])
    return found


def _sent_twice(truth: Truth) -> list[str]:
    found = [
        f"SENT TWICE: {truth.calls[name].slug} took effect {effect.times} times"
        for name, effect in truth.effects.items()
        if effect.times > 1
    ]
    times = Counter((one["kind"], str(one["to"]), one["body"], one["custom_string"]) for one in truth.sent)
    asked = Counter(_messages_asked(truth))
    found += [f"SENT TWICE: {one[0]} of run {truth.plan.number}" for one in times if times[one] > max(1, asked[one])]
    names = Counter(one["name"] for one in truth.campaigns)
    return found + [f"SENT TWICE: campaign of run {truth.plan.number}" for name in names if names[name] > 1]


def _messages_asked(truth: Truth) -> list[tuple[str, str, str, str]]:
    """Messages that different calls have in common, or lists that name a contact twice, are sent more than once."""
    return [
        ("sms", message["to"], message["body"], message.get("custom_string", ""))
        for call in truth.calls.values()
        for message in call.arguments.get("messages", ())
    ]


def _over_budget(truth: Truth) -> list[str]:
    if truth.plan.budget is None or truth.charged <= truth.plan.budget:
        return []
    return [f"OVER BUDGET: charged {truth.charged} of {truth.plan.budget}"]


def _indiscreet(truth: Truth) -> list[str]:
    found = [f"LOGGED: {line[:120]}" for line in truth.log if _PRIVATE.search(line)]
    return found + [f"IN THE LEDGER: {row}" for row in truth.rows if _PRIVATE.search(str(row))]


def _false_reports(truth: Truth, effect: Effect, told: list[Told]) -> list[str]:
    accepted = len(effect.ids)
    found = [problem for one in told for problem in _false_report(truth, effect, one)]
    kinds = Counter(one.kind for one in told)
    if accepted and not kinds["accepted"] + kinds["partly"] + kinds["unknown"] + kinds["none"]:
        found.append(f"FALSE REPORT: {accepted} sent, and everybody was told that nothing was: {_errors(told)}")
    if kinds["accepted"] > 1:
        found.append("FALSE REPORT: told twice that it was accepted at first hand")
    return found


def _false_report(truth: Truth, effect: Effect, told: Told) -> list[str]:
    accepted, asked = len(effect.ids), effect.asked
    false = f"FALSE REPORT ({accepted} of {asked} stand at ClickSend): {told.error or told.envelope}"
    match told.kind:
        case None:
            return [f"FALSE REPORT: says nothing that it should: {told.error}"]
        case "accepted":
            right = accepted == asked and _ids_of(told) <= truth.ids
        case "partly":
            numbers = _PART.search(told.error)
            right = numbers is not None and (int(numbers[1]), int(numbers[2])) == (accepted, asked)
        case "unknown":
            right = truth.plan.fault.loses and truth.hits > 0
        case "repeat":
            right = _is_right_repeat(truth, accepted, asked, told.error)
        case _:
            right = True
    named = set(_UUID.findall(told.error)) | set(_CAMPAIGN_ID.findall(told.error))
    return [] if right and named <= truth.ids else [false]


def _ids_of(told: Told) -> set[str]:
    assert told.envelope
    return {str(row.get("message_id") or row.get("sms_campaign_id")) for row in told_rows(told.envelope["data"])}


def _is_right_repeat(truth: Truth, accepted: int, asked: int, error: str) -> bool:
    """Whether what a repeat is told of the first call is so."""
    fault = truth.plan.fault
    ended_early = fault.where in ("kill", "ledger", "replaced", "disk")
    if "was accepted in part" in error:
        return 0 < accepted < asked
    if "was accepted" in error:
        return accepted == asked
    if "its outcome is unknown" in error:
        return (fault.loses and truth.hits > 0) or ended_early
    return truth.plan.concurrent or ended_early or fault.where == "cancel"


def _false_rows(truth: Truth, effect: Effect, rows: list[dict[str, Any]]) -> list[str]:
    accepted, asked = len(effect.ids), effect.asked
    states = Counter(row["state"] for row in rows)
    standing = states.total() - states["refused"]
    false = f"FALSE LEDGER ({accepted} of {asked} stand at ClickSend): {dict(states)}"
    wrong = (
        (states["accepted"] and accepted != asked)
        or (states["partly"] and not 0 < accepted < asked)
        or (accepted and not standing)
        or standing > 1
        or states["started"]
    )
    return [false] if wrong else []


def _errors(told: list[Told]) -> str:
    return " | ".join(one.error for one in told)
