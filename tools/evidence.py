"""Traces: how to recognise in ClickSend's records that a call whose answer was lost took effect after all."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.phone import phone_key
from tools.outcome import is_on_its_way

RecordKey = tuple[str, ...]  # what one message or campaign is recognised by


@dataclass(frozen=True)
class Evidence:
    """Where the things that a call sends turn up, and what they are recognised by.

    `path`: a paged list of ClickSend's, `order_by` its newest-first order, `since` the name of a row's time (Unix
    seconds), `id` of its id. `sent` gives the marks of a request's body, `seen` that of a row. `stands`: whether what a
    row is of was taken on. `date_from`: the list can be told to leave out what is older, where its order is not
    documented. `things`: what an answer calls the rows; None where it is the one row itself. `untrusted`: the
    fields of a row that people outside have written.
    """

    path: str
    order_by: str
    since: str
    id: str
    sent: Callable[[Mapping[str, Any]], Iterable[RecordKey]]
    seen: Callable[[Mapping[str, Any]], RecordKey]
    took_effect: Callable[[Mapping[str, Any]], bool] = lambda _: True
    date_from: bool = False
    things: str | None = "messages"
    untrusted: tuple[str, ...] = ()


_NAMES = ("first_name", "last_name")  # of the contact; documented

# ClickSend replaces what follows the slash of these short links.
_FILLED_IN = re.compile(r"\b(smsg\.(?:io|us)|stopmsg\.me)/\w+", re.IGNORECASE)  # documented


def _message(message: Mapping[str, Any]) -> RecordKey:
    return (phone_key(_text(message.get("to"))), _text(message.get("body")), _text(message.get("custom_string")))


def _mms(message: Mapping[str, Any]) -> RecordKey:
    return (*_message(message), _text(message.get("subject")))


def _campaign(campaign: Mapping[str, Any]) -> RecordKey:
    return (
        _text(campaign.get("list_id")),
        _text(campaign.get("name")),
        _FILLED_IN.sub(lambda link: link[1].lower(), _text(campaign.get("body"))),
    )


def _text(value: object) -> str:
    """A text as it is compared: line ends alike, no blanks around it, as ClickSend may store it (our rule)."""
    text = "" if value is None else value if isinstance(value, str) else str(value)
    return "\n".join(text.splitlines()).strip()


SMS = Evidence(
    path="/v3/sms/history",  # documented
    order_by="date:desc",  # documented
    since="date",
    id="message_id",
    sent=lambda body: map(_message, body["messages"]),
    seen=_message,
    untrusted=_NAMES,
)

MMS = Evidence(
    path="/v3/mms/history",  # documented
    order_by="date:desc",  # the parameter is documented, its fields are not, so `date_from` bounds the search as well
    since="date",
    id="message_id",
    sent=lambda body: map(_mms, body["messages"]),
    seen=_mms,
    date_from=True,
    untrusted=_NAMES,
)

CAMPAIGN = Evidence(
    path="/v3/sms-campaigns",  # documented
    order_by="date_added:desc",  # documented
    since="date_added",
    id="sms_campaign_id",
    sent=lambda body: [_campaign(body)],
    seen=_campaign,
    took_effect=is_on_its_way,
    things=None,
)
