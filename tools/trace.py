"""Traces: how to recognise in ClickSend's records that a call whose answer was lost took effect after all."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Mark = tuple[str, ...]  # what one message or campaign is recognised by


@dataclass(frozen=True)
class Trace:
    """Where the things that a call sends turn up, and what they are recognised by.

    `path`: a paged list of ClickSend's, `order_by` its newest-first order, `since` the name of a row's time (Unix
    seconds), `id` of its id. `sent` gives the marks of a request's body, `seen` that of a row. `date_from`: the list
    can be told to leave out what is older, where its order is not documented.
    """

    path: str
    order_by: str
    since: str
    id: str
    sent: Callable[[Mapping[str, Any]], Iterable[Mark]]
    seen: Callable[[Mapping[str, Any]], Mark]
    date_from: bool = False


def _message(message: Mapping[str, Any]) -> Mark:
    return (str(message.get("to")), str(message.get("body")), str(message.get("custom_string") or ""))


def _picture(message: Mapping[str, Any]) -> Mark:
    return (*_message(message), str(message.get("subject")))


def _campaign(campaign: Mapping[str, Any]) -> Mark:
    return (str(campaign.get("list_id")), str(campaign.get("name")), str(campaign.get("body")))


SMS = Trace(
    path="/v3/sms/history",
    order_by="date:desc",
    since="date",
    id="message_id",
    sent=lambda body: map(_message, body["messages"]),
    seen=_message,
)

MMS = Trace(
    path="/v3/mms/history",
    order_by="date:desc",
    since="date",
    id="message_id",
    sent=lambda body: map(_picture, body["messages"]),
    seen=_picture,
    date_from=True,
)

CAMPAIGN = Trace(
    path="/v3/sms-campaigns",
    order_by="date_added:desc",
    since="date_added",
    id="sms_campaign_id",
    sent=lambda body: [_campaign(body)],
    seen=_campaign,
)
