"""What can go wrong between us and ClickSend, by the one thing that matters: did ClickSend act?

ClickSendError
├── NeverReached    no connection was made: ClickSend did not act
├── Declined        ClickSend answered no: it did not act
└── NoUsableAnswer  the request left, and what came back does not tell: it may have acted

Beside them LedgerUnavailable: nothing was written, so nothing may be sent.
"""

from typing import Final

from tools.answer import Answer

NOT_FROM_THE_API: Final = "no JSON, so the refusal may not come from ClickSend's API"


class ClickSendError(Exception):
    """A call that did not go well; `reason` says why, and never holds a secret.

    `attempts`: how many times it was sent; `lost_before`: an earlier attempt may have taken effect.
    """

    attempts = 1
    lost_before = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NeverReached(ClickSendError):
    """No connection to ClickSend came about."""


class Declined(ClickSendError):
    """ClickSend refused the call. `answer` is its JSON answer, or None; `retry_after` is in seconds."""

    def __init__(self, status: int, reason: str, answer: Answer | None = None, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.answer = answer
        self.retry_after = retry_after


class NoUsableAnswer(ClickSendError):
    """The answer was lost, late, cut off, too large, not JSON, no clear yes or no, or a fault of ClickSend's.

    `answer`, `retry_after` as above. `passing`: another attempt may well get a better answer.
    """

    def __init__(
        self, reason: str, answer: Answer | None = None, *, passing: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(reason)
        self.answer = answer
        self.passing = passing
        self.retry_after = retry_after


class LedgerUnavailable(Exception):
    """The ledger's database cannot be read or written; a paid call must not be made."""


class LedgerMisconfigured(LedgerUnavailable):
    """Nor will it be before a person has changed something: a driver is missing, a name or a right is wrong."""
