"""Errors of a call to ClickSend, divided by the one question that matters: did ClickSend act?

ClickSendError
├── NotSent         no connection was made: it did not act
├── Rejected        it refused the call: it did not act
└── OutcomeUnknown  the request departed, and the response does not say: it may have acted
"""

from typing import Final

from tools.answer import Answer

NOT_FROM_THE_API: Final = "no JSON, so the refusal may not come from ClickSend's API"


class ClickSendError(Exception):
    """A call that failed. `reason` never holds a secret.

    `attempts`: how many times it was tried. `earlier_attempt_unknown`: an earlier attempt may have taken effect.
    """

    attempts = 1
    earlier_attempt_unknown = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSent(ClickSendError):
    """No connection to ClickSend was made."""


class Rejected(ClickSendError):
    """ClickSend refused the call. `answer`: its JSON, if any. `retry_after`: seconds."""

    def __init__(self, status: int, reason: str, answer: Answer | None = None, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.answer = answer
        self.retry_after = retry_after


class OutcomeUnknown(ClickSendError):
    """The answer was lost, late, truncated, too large, not JSON, ambiguous, or a server error.

    `answer`, `retry_after`: as in Rejected. `transient`: another attempt may get a better answer.
    """

    def __init__(
        self, reason: str, answer: Answer | None = None, *, transient: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(reason)
        self.answer = answer
        self.transient = transient
        self.retry_after = retry_after
