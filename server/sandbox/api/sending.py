"""Sending, pricing and cancelling text and picture messages."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

from server.sandbox.api import outbound, tariff, texts
from server.sandbox.api.answers import Answer, Call, Row, bad_request, file_type, not_found, text_of, whole_number
from server.sandbox.api.outbound import Draft, Verdict
from server.sandbox.state.models import Account
from server.sandbox.state.world import World

MAX_MESSAGES = 1000  # in one request, before and after lists are expanded
MAX_SUBJECT = 20  # characters
PICTURE_TYPES = (".jpg", ".gif", "")  # types that need no conversion; an address may have no extension
BLOCKED = frozenset({"COUNTRY_NOT_ENABLED"})  # an invalid recipient does not count as blocked, as recorded


def send_sms(call: Call) -> Answer:
    """POST /v3/sms/send"""
    verdicts = _judge(call, _drafts(call, "sms"), outbound.accept)
    return Answer(_summary(call, verdicts, _sms_row), "Messages queued for delivery.")


def price_sms(call: Call) -> Answer:
    """POST /v3/sms/price: like sending, but nothing is sent, kept or charged."""
    verdicts = _judge(call, _drafts(call, "sms"), outbound.price)
    return Answer(_summary(call, verdicts, _price_row))


def send_mms(call: Call) -> Answer:
    """POST /v3/mms/send"""
    return Answer(_pictures(call, outbound.accept), "Messages queued for delivery.")


def price_mms(call: Call) -> Answer:
    """POST /v3/mms/price: like sending, but nothing is sent, kept or charged."""
    return Answer(_pictures(call, outbound.price))


def _pictures(call: Call, judge: Callable[[World, Account, Draft], Verdict]) -> Row:
    media = text_of(call.body, "media_file")
    verdicts = _judge(call, [_picture(draft, media) for draft in _drafts(call, "mms")], judge)
    data = _summary(call, verdicts, _mms_row)
    del data["blocked_count"]  # picture messages do not have it
    return data


def cancel_sms(call: Call) -> Answer:
    """PUT /v3/sms/{message_id}/cancel: unknown, sent and cancelled messages are all not found."""
    message = call.account.messages.get(call.path["message_id"])
    if message is None or not outbound.is_waiting(message, call.world.now()):
        raise not_found("No scheduled message has this id.")
    outbound.cancel(call.account, message)
    return Answer({"message_id": message.message_id}, "The message will not be sent.")


def cancel_all_sms(call: Call) -> Answer:
    """PUT /v3/sms/cancel-all: every scheduled message, or those with exactly this custom_string."""
    custom_string = text_of(call.body, "custom_string", default="")
    cancelled = [
        message
        for message in outbound.waiting(call.account, call.world.now())
        if not custom_string or message.custom_string == custom_string
    ]
    for message in cancelled:
        outbound.cancel(call.account, message)
    return Answer({"count": len(cancelled)}, f"{len(cancelled)} messages will not be sent.")


def _drafts(call: Call, kind: Literal["sms", "mms"]) -> list[Draft]:
    messages = call.body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad_request("messages must be a list of at least one message.")
    if len(messages) > MAX_MESSAGES:
        raise bad_request(f"One request takes at most {MAX_MESSAGES} messages.")
    expanded = (draft for message in messages for draft in _expand(call.account, _draft(message, kind)))
    drafts = list(islice(expanded, MAX_MESSAGES + 1))
    if len(drafts) > MAX_MESSAGES:
        raise bad_request(f"The lists hold more than {MAX_MESSAGES} recipients.", "TOO_MANY_RECIPIENTS")
    if call.body.get("shorten_urls") is True:
        drafts = [replace(draft, body=texts.shorten_first_url(draft.body)) for draft in drafts]
    return drafts


def _draft(message: Any, kind: Literal["sms", "mms"]) -> Draft:
    if not isinstance(message, dict):
        raise bad_request("Each message must be an object.")
    list_id = message.get("list_id")
    return Draft(
        to=text_of(message, "to", default=""),
        body=text_of(message, "body"),
        kind=kind,
        sender=text_of(message, "from", default=""),
        schedule=message.get("schedule"),
        custom_string=text_of(message, "custom_string", default=""),
        country=text_of(message, "country", default="").upper(),
        from_email=text_of(message, "from_email", default="") or None,
        list_id=None if list_id is None else str(list_id),
        subject=text_of(message, "subject", default=""),
    )


def _expand(account: Account, draft: Draft) -> Iterator[Draft]:
    """The draft, or one for each contact with a number if it names a list instead of a number."""
    if draft.to or draft.list_id is None:
        yield draft
        return
    contact_list = account.lists.get(whole_number(draft.list_id) or 0)
    if contact_list is None:
        yield replace(draft, problem="NOT_ENOUGH_PERMISSION_TO_LIST_ID")
        return
    for contact in contact_list.contacts.values():
        if number := contact.fields["phone_number"]:
            yield replace(draft, to=number, contact=contact)


def _picture(draft: Draft, media: str) -> Draft:
    problem = draft.problem
    if not draft.subject:
        problem = "SUBJECT_REQUIRED"
    elif file_type(media) not in PICTURE_TYPES:
        problem = "INVALID_MEDIA_FILE"
    return replace(draft, media_url=media, subject=(draft.subject or "")[:MAX_SUBJECT], problem=problem)


def _judge(call: Call, drafts: list[Draft], judge: Callable[[World, Account, Draft], Verdict]) -> list[Verdict]:
    return [judge(call.world, call.account, draft) for draft in drafts]


def _summary(call: Call, verdicts: list[Verdict], render: Callable[[Call, Verdict], Row]) -> Row:
    total = sum((verdict.message.price for verdict in verdicts), Decimal(0))
    return {
        "total_price": tariff.json_number(total),
        "total_count": len(verdicts),
        "queued_count": sum(verdict.accepted for verdict in verdicts),
        "messages": [render(call, verdict) for verdict in verdicts],
        "_currency": tariff.currency(call.account.country),
        "blocked_count": sum(verdict.status in BLOCKED for verdict in verdicts),
    }


def _sms_row(call: Call, verdict: Verdict) -> Row:
    if not verdict.accepted:
        return _refused_row(verdict)
    message = verdict.message
    return {
        "direction": "out",
        "date": message.date,
        "to": message.to,
        "body": message.body,
        "from": message.sender,
        "schedule": message.send_at,
        "message_id": message.message_id,
        "message_parts": message.parts,
        "message_price": tariff.four_places(message.price),
        "from_email": message.from_email,
        "list_id": message.list_id,
        "custom_string": message.custom_string,
        "contact_id": None if message.contact_id is None else str(message.contact_id),
        "user_id": call.account.user_id,
        "subaccount_id": call.account.subaccount_id,
        "is_shared_system_number": verdict.shared_sender,
        "country": message.country,
        "carrier": "",
        "status": verdict.status,
    }


def _refused_row(verdict: Verdict) -> Row:
    """A refused message lacks fields and has an empty schedule, as recorded from the live service.

    It has a price, parts and a country only if the number itself was valid.
    """
    message = verdict.message
    priced = {
        "message_parts": 0,
        "message_price": tariff.four_places(Decimal(0)),
        "country": message.country,
        "carrier": "",
    }
    return {
        "to": message.to,
        "body": message.body,
        "from": message.sender,
        "schedule": "",
        "message_id": message.message_id,
        "custom_string": message.custom_string,
        "is_shared_system_number": verdict.shared_sender,
        "status": verdict.status,
    } | (priced if message.country else {})


def _price_row(_: Call, verdict: Verdict) -> Row:
    if not verdict.accepted:
        return _refused_row(verdict)
    message = verdict.message
    return {
        "to": message.to,
        "body": message.body,
        "from": verdict.draft.sender,
        "schedule": _schedule_text(verdict),
        "message_id": message.message_id,
        "message_parts": message.parts,
        "message_price": tariff.four_places(message.price),
        "custom_string": message.custom_string,
        "is_shared_system_number": verdict.shared_sender,
        "country": message.country,
        "status": verdict.status,
    }


def _mms_row(_: Call, verdict: Verdict) -> Row:
    message = verdict.message
    return {
        "message_id": message.message_id,
        "to": message.to,
        "subject": message.subject,
        "from": message.sender,
        "body": message.body,
        "country": message.country,
        "custom_string": message.custom_string,
        "schedule": _schedule_text(verdict),
        "list_id": message.list_id,
        "contact_id": message.contact_id,
        "message_parts": message.parts,
        "message_price": tariff.four_places(message.price),
        "_media_file_url": message.media_url,
        "status": verdict.status,
    }


def _schedule_text(verdict: Verdict) -> str:
    """The schedule as text, where the service writes it so; empty for what is sent at once."""
    message = verdict.message
    return str(message.send_at) if message.send_at > message.date else ""
