"""Outcomes: whether an answer of ClickSend, HTTP 200 either way, accepted all of what was asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.base import Arguments

ACCEPTED = "SUCCESS"
_LONGEST_NAME = 60  # of what an error names; the whole is in `data`
_CAMPAIGN_STOPPED = ("Cancelled", "Draft", "Failed")


@dataclass(frozen=True)
class Refused:
    """A message, letter or campaign that ClickSend did not accept, and ClickSend's status for it."""

    what: str
    status: str


@dataclass(frozen=True)
class Verdict:
    """What ClickSend accepted of a call. `missing`: things asked for that the answer does not mention."""

    accepted: int
    refused: tuple[Refused, ...] = ()
    missing: int = 0

    @property
    def complete(self) -> bool:
        """Everything that was asked for was accepted."""
        return not self.refused and not self.missing


# Reads a verdict from the arguments and the answer; None if the answer has not the shape that tells.
Outcome = Callable[[Arguments, Mapping[str, Any]], Verdict | None]


def as_a_whole(_: Arguments, answer: Mapping[str, Any]) -> Verdict | None:
    """For what is accepted or refused whole: an answer with data is a yes."""
    return Verdict(accepted=1) if answer.get("data") is not None else None


def deleted(_: Arguments, answer: Mapping[str, Any]) -> Verdict | None:
    """For what leaves nothing to tell: the data is empty, or null."""
    return Verdict(accepted=1) if "data" in answer else None


def each(things: str) -> Outcome:
    """For calls with a list of things, `messages` or `recipients`, each of which has its own status."""

    def outcome(arguments: Arguments, answer: Mapping[str, Any]) -> Verdict | None:
        data = answer.get("data")
        entries = data.get(things) if isinstance(data, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            return None
        refused = tuple(
            Refused(_short(entry.get("to") or entry.get("address_name")), _short(entry.get("status")))
            for entry in entries
            if entry.get("status") != ACCEPTED
        )
        missing = max(0, len(getattr(arguments, things)) - len(entries))
        return Verdict(accepted=len(entries) - len(refused), refused=refused, missing=missing)

    return outcome


def _short(text: object) -> str:
    return str(text)[:_LONGEST_NAME]


def cancelled_campaign(_: Arguments, answer: Mapping[str, Any]) -> Verdict | None:
    """For a campaign that is not to go out: the answer is the campaign with its status."""
    data = answer.get("data")
    if not isinstance(data, dict) or "status" not in data:
        return None
    if data["status"] != "Cancelled":
        return Verdict(accepted=0, refused=(Refused(_name(data), str(data["status"])),))
    return Verdict(accepted=1)


def campaign(_: Arguments, answer: Mapping[str, Any]) -> Verdict | None:
    """For campaigns that are to go out: the answer is the campaign with its status."""
    data = answer.get("data")
    if not isinstance(data, dict) or "sms_campaign_id" not in data:
        return None
    if data.get("status") in _CAMPAIGN_STOPPED:
        return Verdict(accepted=0, refused=(Refused(_name(data), data["status"]),))
    return Verdict(accepted=1)


def _name(campaign: Mapping[str, Any]) -> str:
    return f"campaign {campaign.get('sms_campaign_id')}"
