"""Decisions: a denial, a question to a person, and the answer to it."""

from dataclasses import dataclass

from tools.answer import Answer


@dataclass(frozen=True)
class Question:
    """What a person has to approve; `token` identifies exactly this request, price and recipients."""

    text: str
    token: str


@dataclass(frozen=True)
class Approved:
    """A person's yes to the question with this token; with a `nonce` it is valid once, where it could be replayed."""

    token: str
    nonce: str | None = None


@dataclass(frozen=True)
class NotApproved:
    """Why a person has not approved."""

    reason: str


class Denied(Exception):
    """A call that must not proceed. `reason` is for the model; `answer`: ClickSend's, if it was asked for a price.

    `repeats`: the same call was made before, and may have taken effect then.
    """

    def __init__(self, reason: str, answer: Answer | None = None, *, repeats: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        self.repeats = repeats
