"""Inbound messages as the API shows them."""

from server.sandbox.api.answers import (
    Answer,
    Call,
    Row,
    listing,
    not_found,
    whole_number,
)
from server.sandbox.state.models import InboundCopy

INBOUND_FIELDS = {name: name for name in ("timestamp", "from", "to", "body", "custom_string", "message_id")}


def view_inbound(call: Call) -> Answer:
    """GET /v3/sms/inbound: the unread copies that POLL rules made, one for each matching rule."""
    unread = [copy for copy in call.account.inbox if not copy.read]
    return Answer(listing(call, unread, _inbound_row, fields=INBOUND_FIELDS))


def mark_inbound_read(call: Call) -> Answer:
    """PUT /v3/sms/inbound-read: all messages, or those older than `date_before`."""
    before = whole_number(call.body.get("date_before"))
    for copy in call.account.inbox:
        if before is None or copy.message.date < before:
            copy.read = True
    return Answer({}, "Inbound messages marked as read.")


def mark_one_inbound_read(call: Call) -> Answer:
    """PUT /v3/sms/inbound-read/{message_id}"""
    copies = [copy for copy in call.account.inbox if copy.message.message_id == call.path["message_id"]]
    if not copies:
        raise not_found("No inbound message has this id.")
    for copy in copies:
        copy.read = True
    return Answer(len(copies), "Inbound message marked as read.")


def _inbound_row(copy: InboundCopy) -> Row:
    message, original = copy.message, copy.original
    words = message.body.split()
    return {
        "timestamp": message.date,
        "from": message.sender,
        "body": message.body,
        "original_body": original.body if original else None,
        "original_message_id": original.message_id if original else None,
        "to": message.to,
        "custom_string": original.custom_string if original else None,
        "message_id": message.message_id,
        "_keyword": words[0] if words else "",
    }
