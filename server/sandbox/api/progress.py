"""The state of a message, derived from the clock alone: moving the clock moves every message on."""

from typing import NamedTuple

from server.sandbox.state.models import Message
from server.sandbox.state.numbers import Outcome

QUEUED_FOR = 2  # seconds from the schedule until the network has a message
REPORTED_AFTER = 4  # seconds from the schedule until the network has reported on it


class Progress(NamedTuple):
    """The state of a message in the words and gateway codes of the history."""

    status: str
    code: int | None = None
    text: str | None = None
    error: int | None = None
    error_text: str | None = None


RECEIVED = Progress("Received")
SCHEDULED = Progress("Scheduled")
COMPLETED_FREE = Progress("Completed")  # to a test number: as recorded, it has no code
QUEUED = Progress("Queued", 200, "With the sandbox")
SENT = Progress("Sent", 200, "With the network")
DELIVERED = Progress("Completed", 201, "On the handset")
CANCELLED = Progress("Cancelled", 301, "Not sent", 5, "Cancelled by the sender")
FAILED = Progress("Failed", 301, "Not delivered", 12, "Absent subscriber")
TEMPORARY = Progress("Sent", 300, "Not delivered yet", 16, "Temporary network error")

_REPORTS = {Outcome.DELIVERED: DELIVERED, Outcome.FAILED: FAILED, Outcome.TEMPORARY: TEMPORARY}


def progress(message: Message, now: int) -> Progress:
    """The state of a message at a moment."""
    if message.direction == "in":
        return RECEIVED
    if message.cancelled:
        return CANCELLED
    if now < message.send_at:
        return SCHEDULED
    if message.outcome is Outcome.FREE:
        return COMPLETED_FREE
    if now < message.send_at + QUEUED_FOR:
        return QUEUED
    if now < message.send_at + REPORTED_AFTER:
        return SENT
    return _REPORTS.get(message.outcome, SENT)


def has_receipt(message: Message, now: int) -> bool:
    """Whether a receipt for a text message has arrived. As recorded, test numbers never have one."""
    return message.kind == "sms" and progress(message, now) in _REPORTS.values()
