"""What can go wrong between us and ClickSend, by the one thing that matters: did ClickSend act?

ClickSendError
├── NotSent         no connection was made: ClickSend did not act
├── Rejected        ClickSend answered no: it did not act
└── OutcomeUnknown  the request left, and what came back does not tell: it may have acted
"""

from typing import Final

from tools.answer import Answer

NOT_FROM_THE_API: Final = "no JSON, so the refusal may not come from ClickSend's API"


class ClickSendError(Exception):
    """A call that did not go well; `reason` says why, and never holds a secret.

    `attempts`: how many times it was sent; `earlier_attempt_unknown`: an earlier attempt may have taken effect.
    """

    attempts = 1
    earlier_attempt_unknown = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSent(ClickSendError):
    """No connection to ClickSend came about."""


class Rejected(ClickSendError):
    """ClickSend refused the call. `answer` is its JSON answer, or None; `retry_after` is in seconds."""

    def __init__(self, status: int, reason: str, answer: Answer | None = None, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.answer = answer
        self.retry_after = retry_after


class OutcomeUnknown(ClickSendError):
    """The answer was lost, late, cut off, too large, not JSON, no clear yes or no, or a fault of ClickSend's.

    `answer`, `retry_after` as above. `transient`: another attempt may well get a better answer.
    """

    def __init__(
        self, reason: str, answer: Answer | None = None, *, transient: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(reason)
        self.answer = answer
        self.transient = transient
        self.retry_after = retry_after
