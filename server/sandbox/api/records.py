"""Records of messages: the histories, and delivery receipts and statistics of text messages."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from server.sandbox.api import tariff
from server.sandbox.api.answers import Answer, Call, Row, date_range, listing, not_found, whole_number
from server.sandbox.api.progress import REPORTED_AFTER, has_receipt, progress
from server.sandbox.state.models import Message

DAY = 86_400  # seconds
STATISTICS_DAYS = 30

HISTORY_FIELDS = {
    "date": "date",
    "username": "_api_username",
    "from": "from",
    "to": "to",
    "status": "status",
    "status_code": "status_code",
    "body": "body",
    "subaccount_id": "subaccount_id",
    "message_id": "message_id",
}


def view_history(call: Call) -> Answer:
    """GET /v3/sms/history: sent, scheduled and received, by default the oldest first."""
    first, last = date_range(call)
    messages = [message for message in _texts(call) if first <= message.date <= last]
    messages.sort(key=lambda message: message.date)
    return Answer(listing(call, messages, lambda message: _history_row(call, message), fields=HISTORY_FIELDS))


def view_mms_history(call: Call) -> Answer:
    """GET /v3/mms/history: the oldest first. As in the SDK, more of its values are texts than in the SMS history.

    `order_by` is not documented, and ignored.
    """
    first, last = date_range(call)
    pictures = [message for message in call.account.messages.values() if message.kind == "mms"]
    chosen = [message for message in pictures if first <= message.date <= last]
    return Answer(listing(call, chosen, lambda message: _picture_row(call, message)))


def view_receipts(call: Call) -> Answer:
    """GET /v3/sms/receipts: the unread ones. The sandbox behaves as if a POLL rule for receipts existed."""
    unread = [message for message in _reported(call) if not message.receipt_read]
    return Answer(listing(call, unread, lambda message: _receipt_row(call, message)))


def view_receipt(call: Call) -> Answer:
    """GET /v3/sms/receipts/{message_id}, read or not."""
    message = call.account.messages.get(call.path["message_id"])
    if message is None or not has_receipt(message, call.world.now()):
        raise not_found("No receipt has arrived for this message.")
    return Answer(_receipt_row(call, message))


def mark_receipts_read(call: Call) -> Answer:
    """PUT /v3/sms/receipts-read: all receipts, or those older than `date_before`."""
    before = whole_number(call.body.get("date_before"))
    for message in _reported(call):
        if before is None or message.send_at + REPORTED_AFTER < before:
            message.receipt_read = True
    return Answer({}, "Receipts marked as read.")


def view_statistics(call: Call) -> Answer:
    """GET /v3/statistics/sms: the number and price of messages on each of the last 30 UTC days, today last.

    Cancelled messages are not counted, so the outbound price is what was charged.
    """
    today = call.world.now() // DAY
    days: dict[int, list[Message]] = defaultdict(list)
    for message in _texts(call):
        if not message.cancelled and today - STATISTICS_DAYS < message.date // DAY <= today:
            days[message.date // DAY].append(message)
    dates = range(today - STATISTICS_DAYS + 1, today + 1)
    everything = [message for messages in days.values() for message in messages]
    data = {
        "total": _counts(call, everything),
        "stats": [{"date": day * DAY, **_counts(call, days[day])} for day in dates],
        "_currency": tariff.currency(call.account.country),
    }
    return Answer(data)


def _texts(call: Call) -> list[Message]:
    return [message for message in call.account.messages.values() if message.kind == "sms"]


def _reported(call: Call) -> list[Message]:
    now = call.world.now()
    return [message for message in _texts(call) if has_receipt(message, now)]


def _counts(call: Call, messages: Iterable[Message]) -> Row:
    now = call.world.now()
    groups: dict[str, list[Message]] = {"outbound": [], "inbound": [], "bounced": []}
    for message in messages:
        groups["outbound" if message.direction == "out" else "inbound"].append(message)
        if progress(message, now).status == "Failed":
            groups["bounced"].append(message)
    return {
        name: {
            "count": len(group),
            "price": tariff.json_number(sum((message.price for message in group), Decimal(0))),
        }
        for name, group in groups.items()
    }


def _history_row(call: Call, message: Message) -> Row:
    state = progress(message, call.world.now())
    return {
        "direction": message.direction,
        "date": message.date,
        "to": message.to,
        "body": message.body,
        "status": state.status,
        "from": message.sender,
        "schedule": str(message.send_at),
        "status_code": None if state.code is None else str(state.code),
        "status_text": state.text,
        "error_code": None if state.error is None else str(state.error),
        "error_text": state.error_text,
        "message_id": message.message_id,
        "message_parts": message.parts,
        "message_price": tariff.six_places(message.price) if message.price else "0.0000",
        "from_email": message.from_email,
        "list_id": message.list_id,
        "custom_string": message.custom_string,
        "contact_id": None if message.contact_id is None else str(message.contact_id),
        "user_id": call.account.user_id,
        "subaccount_id": call.account.subaccount_id,
        "country": message.country,
        "carrier": "",
        "first_name": message.first_name,
        "last_name": message.last_name,
        "_api_username": call.account.username,
    }


def _picture_row(call: Call, message: Message) -> Row:
    row = _history_row(call, message)
    return row | {
        "date": str(message.date),
        "date_added": message.date,
        "subject": message.subject,
        "priority": 2,
        "_media_file_url": message.media_url,
        "message_parts": f"{message.parts:.2f}",
        "contact_id": message.contact_id,
    }


def _receipt_row(call: Call, message: Message) -> Row:
    """Codes and times are integers here, unlike in the history."""
    state = progress(message, call.world.now())
    return {
        "timestamp_send": message.send_at,
        "timestamp": message.send_at + REPORTED_AFTER,
        "message_id": message.message_id,
        "status_code": state.code,
        "status_text": state.text,
        "error_code": state.error,
        "error_text": state.error_text,
        "custom_string": message.custom_string,
        "subaccount_id": call.account.subaccount_id,
        "message_type": "sms",
        "digits": None,
    }
