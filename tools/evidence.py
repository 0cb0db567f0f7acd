"""Evidence: how ClickSend's records show that a send whose answer was lost took effect."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.phone import phone_key
from tools.outcome import is_on_its_way

RecordKey = tuple[str, ...]  # what a message or campaign is recognised by


@dataclass(frozen=True)
class Evidence:
    """Where ClickSend records what a call sends, and what the records are recognised by.

    `path`: a paged list of records, `order_by` its newest-first order; `time_field` and `id_field` name the time of a
    record (Unix seconds) and its id. `keys_sent`: the keys of what a request's body sends; `key_of`: the key of a
    record. `took_effect`: whether a record is of something that was accepted. `takes_date_from`: the list can leave out
    older records, for one whose order is not documented. `items`: the name under which an answer lists what it sent;
    None if an answer is a single record. `untrusted`: the fields of a record that outsiders have written.
    """

    path: str
    order_by: str
    time_field: str
    id_field: str
    keys_sent: Callable[[Mapping[str, Any]], Iterable[RecordKey]]
    key_of: Callable[[Mapping[str, Any]], RecordKey]
    took_effect: Callable[[Mapping[str, Any]], bool] = lambda _: True
    takes_date_from: bool = False
    items: str | None = "messages"
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
    time_field="date",
    id_field="message_id",
    keys_sent=lambda body: map(_message, body["messages"]),
    key_of=_message,
    untrusted=_NAMES,
)

MMS = Evidence(
    path="/v3/mms/history",  # documented
    order_by="date:desc",  # the parameter is documented, its fields are not, so `date_from` bounds the search as well
    time_field="date",
    id_field="message_id",
    keys_sent=lambda body: map(_mms, body["messages"]),
    key_of=_mms,
    takes_date_from=True,
    untrusted=_NAMES,
)

CAMPAIGN = Evidence(
    path="/v3/sms-campaigns",  # documented
    order_by="date_added:desc",  # documented
    time_field="date_added",
    id_field="sms_campaign_id",
    keys_sent=lambda body: [_campaign(body)],
    key_of=_campaign,
    took_effect=is_on_its_way,
    items=None,
)
