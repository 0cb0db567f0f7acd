"""A completed call: its envelope, without the secret of the account, and what it has cost."""

from dataclasses import dataclass, replace
from decimal import Decimal

from schemas.envelope import Envelope
from server.clicksend.redact import redactor_for
from server.clicksend.sanitize import strip_invisible
from server.config.settings import Credentials
from server.guard.call import Call
from server.guard.decisions import Question


@dataclass(frozen=True, eq=False)
class Completed:
    """A call that has ended. `call`: None if it was not valid; `cost`: account currency, None if none was named."""

    envelope: Envelope
    call: Call | None = None
    cost: Decimal | None = None


def redacted(outcome: Completed | Question, credentials: Credentials | None) -> Completed | Question:
    """The outcome without the account's secret. The last step: what is decoded or joined later could restore it."""
    redact = redactor_for(credentials) if credentials is not None else None
    if isinstance(outcome, Question):
        return replace(outcome, text=redact(outcome.text)) if redact else outcome
    envelope = outcome.envelope
    data = redact(envelope.data, json=True) if redact else envelope.data
    if envelope.error is None:
        return replace(outcome, envelope=Envelope.success(data))
    error = strip_invisible(envelope.error)
    return replace(outcome, envelope=Envelope.failure(redact(error) if redact else error, data))
