"""Outcomes: whether an answer of ClickSend, HTTP 200 either way, accepted all of what was asked.

Only what ClickSend documents as a yes is a yes, and only what it documents as a refusal is a refusal. Everything else
is unclear: it may have been sent and paid for, so it is reconciled and never sent again on its own.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.base import Arguments
from tools.answer import ACCEPTED, Answer, count_of, id_of
from tools.money import amount

# The `response_code` of an answer that says yes; some answers have none (documented).
ACKNOWLEDGED = frozenset({"SUCCESS", "CREATED", "NO_CONTENT"})  # documented
# Refusals of a message or of a whole call: ClickSend's application status codes, documented unless marked otherwise.
REFUSALS = frozenset(
    {
        "ACCOUNT_NOT_ACTIVATED",
        "ALREADY_EXISTS",
        "COUNTRY_NOT_ENABLED",  # recorded
        "EMPTY_MESSAGE",
        "INSUFFICIENT_CREDIT",
        "INVALID_CREDENTIALS",
        "INVALID_LANG",
        "INVALID_MEDIA_FILE",
        "INVALID_RECIPIENT",
        "INVALID_SCHEDULE",
        "INVALID_SENDER_ID",
        "INVALID_VOICE",
        "MISSING_CREDENTIALS",
        "MISSING_REQUIRED_FIELDS",
        "NOT_ENOUGH_PERMISSION_TO_LIST_ID",
        "REGISTRATION_NEEDED",  # other integrations
        "SUBJECT_REQUIRED",
        "THROTTLED",
        "TOO_MANY_RECIPIENTS",
    }
)
# Further refusals of a whole call, each with an HTTP status of its own; documented unless marked otherwise.
REFUSED_CALLS = REFUSALS | {
    "BAD_REQUEST",
    "FORBIDDEN",
    "HTTP_TOO_MANY_REQUESTS",  # recorded; documented without HTTP_
    "METHOD_NOT_FOUND",  # other integrations
    "NOT_FOUND",
    "TOO_MANY_REQUESTS",
    "UNAUTHORIZED",
}
_CAMPAIGN_ON_ITS_WAY = ("Approved", "Queued", "Scheduled", "Sending", "Sent", "WaitApproval")  # documented
_CAMPAIGN_STOPPED = ("Cancelled", "Draft", "Failed")  # documented
_LONGEST_NAME = 60  # characters of what an error names, which `data` has in full; our rule
_COMPARED_DIGITS = 7  # last digits of a number, the same in all of its spellings; our rule


@dataclass(frozen=True)
class Refused:
    """A message, letter or campaign that ClickSend did not accept, or did not clearly accept, and its status.

    `name`: its number, addressee or campaign; `id`: "" if the answer gives none.
    """

    name: str
    status: str
    id: str = ""


@dataclass(frozen=True)
class Verdict:
    """What ClickSend accepted of a call.

    `unclear`: what the answer mentions without saying yes or no. `missing`: how many items it does not mention.
    `contradiction`: what in the answer contradicts its own statuses; "" if nothing does.
    """

    accepted: int
    refused: tuple[Refused, ...] = ()
    unclear: tuple[Refused, ...] = ()
    missing: int = 0
    contradiction: str = ""

    @property
    def complete(self) -> bool:
        """Everything that was asked for was accepted."""
        return not self.refused and self.certain

    @property
    def certain(self) -> bool:
        """Nothing that was asked for is open."""
        return not self.unclear and not self.missing


# Reads a verdict from the arguments and the answer; None if the answer lacks the documented shape. Never raises.
Outcome = Callable[[Arguments, Answer], Verdict | None]


def all_or_nothing(_: Arguments, answer: Answer) -> Verdict | None:
    """For what is accepted or refused as a whole: an answer with data is a yes (our rule)."""
    return Verdict(accepted=1) if answer.data is not None or _is_done(answer) else None


def acknowledged(_: Arguments, answer: Answer) -> Verdict | None:
    """For what leaves nothing to report: the data is empty (documented), or null (our rule)."""
    return Verdict(accepted=1) if "data" in answer.body or _is_done(answer) else None


def _is_done(answer: Answer) -> bool:
    """Whether an answer says that the call is done and that there is nothing to return."""
    return answer.body.get("response_code") == "NO_CONTENT"


def per_item(name: str) -> Outcome:
    """For sends of a list, `messages` or `recipients`, of which each item has its own status (documented)."""

    def outcome(arguments: Arguments, answer: Answer) -> Verdict | None:
        entries = answer.items(name)
        if entries is None:
            return None
        requested = getattr(arguments, name)
        accepted, refused, unclear = _by_status(entries)
        accepted, unrequested = _by_number(accepted, requested)
        unclear += [_described(entry, "SUCCESS for a number that was not asked for") for entry in unrequested]
        contradiction = _contradiction(answer, accepted, refused)
        if contradiction:  # it does not say which statuses are wrong, so none is certain
            accepted, refused, unclear = [], [], unclear + list(map(_described, accepted)) + refused
        missing = max(0, len(requested) - len(entries))
        return Verdict(len(accepted), tuple(refused), tuple(unclear), missing, contradiction)

    return outcome


def per_item_priced(name: str) -> Outcome:
    """For prices of a list: nothing is sent, so nothing can be unclear. Statuses as in a send (documented)."""

    def outcome(arguments: Arguments, answer: Answer) -> Verdict | None:
        entries = answer.items(name)
        if entries is None:
            return None
        accepted, refused, unclear = _by_status(entries)
        missing = max(0, len(getattr(arguments, name)) - len(entries))
        return Verdict(len(accepted), tuple(refused + unclear), missing=missing)

    return outcome


def _by_status(
    entries: Iterable[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Refused], list[Refused]]:
    """The accepted entries, the refused ones, and those whose status is neither."""
    accepted, refused, unclear = [], [], []
    for entry in entries:
        status = entry.get("status")
        if status == ACCEPTED:
            accepted.append(entry)
        elif isinstance(status, str) and status in REFUSALS and not (amount(entry.get("message_price")) or 0) > 0:
            refused.append(_described(entry))
        else:
            unclear.append(_described(entry))
    return accepted, refused, unclear


def _described(entry: Mapping[str, Any], status: object = None) -> Refused:
    name = _short(entry.get("to") or entry.get("address_name"))
    return Refused(name, _short(status or entry.get("status")), id_of(entry.get("message_id")))


def _by_number(
    accepted: list[Mapping[str, Any]], requested: Iterable[Any]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The accepted messages to numbers that were asked for, and those to other numbers."""
    numbers = {_digits(message.to) for message in requested if hasattr(message, "to")}
    if not numbers:  # letters go to names
        return accepted, []
    ours = [entry for entry in accepted if _digits(entry.get("to")) in numbers]
    return ours, [entry for entry in accepted if _digits(entry.get("to")) not in numbers]


def _digits(number: object) -> str:
    return re.sub("[^0-9]", "", str(number))[-_COMPARED_DIGITS:]


def _contradiction(answer: Answer, accepted: list[Mapping[str, Any]], refused: list[Refused]) -> str:
    """How the counts and the price of an answer contradict the statuses in it; "" if they agree.

    `queued_count` counts the accepted messages, `blocked_count` those blocked for their country or a registration, and
    a refused message costs nothing (recorded).
    """
    queued, blocked = (count_of(answer.fields.get(name)) for name in ("queued_count", "blocked_count"))
    if queued is not None and queued != len(accepted):
        return f"queued_count is {queued}, and {len(accepted)} have the status {ACCEPTED}"
    if blocked is not None and blocked > len(refused):
        return f"blocked_count is {blocked}, and {len(refused)} are refused"
    if answer.price and not accepted:
        return f"total_price is {answer.price}, and none is accepted"
    return ""


def cancelled_campaign(_: Arguments, answer: Answer) -> Verdict | None:
    """For a campaign that is not to go out: the answer is the campaign with its status (documented)."""
    fields = answer.campaign
    if "status" not in fields:
        return None
    status = fields["status"]
    if status == "Cancelled":
        return Verdict(accepted=1)
    problem = _campaign_problem(fields)
    is_known = status in (*_CAMPAIGN_ON_ITS_WAY, *_CAMPAIGN_STOPPED)
    return Verdict(0, refused=(problem,)) if is_known else Verdict(0, unclear=(problem,))


def campaign(_: Arguments, answer: Answer) -> Verdict | None:
    """For campaigns that are to go out: the answer is the campaign with its status (documented)."""
    fields = answer.campaign
    if "sms_campaign_id" not in fields:
        return None
    if is_on_its_way(fields):
        return Verdict(accepted=1)
    status = fields.get("status")
    problem = _campaign_problem(fields)
    return Verdict(0, refused=(problem,)) if status in _CAMPAIGN_STOPPED else Verdict(0, unclear=(problem,))


def is_on_its_way(campaign: Mapping[str, Any]) -> bool:
    """Whether a campaign has gone out or will."""
    return campaign.get("status") in _CAMPAIGN_ON_ITS_WAY


def _campaign_problem(campaign: Mapping[str, Any]) -> Refused:
    number = id_of(campaign.get("sms_campaign_id"))
    return Refused(f"campaign {number}", _short(campaign.get("status")), number)


def _short(text: object) -> str:
    return text[:_LONGEST_NAME] if isinstance(text, str) else str(text)[:_LONGEST_NAME]
