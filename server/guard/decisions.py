"""Decisions: a denial, a question to a person, and the answer to it."""

from dataclasses import dataclass

from tools.answer import Answer


@dataclass(frozen=True)
class Question:
    """What a person has to approve; `token` stands for exactly this input at exactly this price."""

    text: str
    token: str


@dataclass(frozen=True)
class Approved:
    """A person's yes to the question of this token; `once` makes it single-use, where it could be replayed."""

    token: str
    nonce: str | None = None


@dataclass(frozen=True)
class NotApproved:
    """Why there is no yes."""

    reason: str


class Denied(Exception):
    """A call that must not go on; `reason` is for the model, `answer` what ClickSend said, if it was asked.

    `repeats`: the same call was made before, and may have had an effect then.
    """

    def __init__(self, reason: str, answer: Answer | None = None, *, repeats: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        self.repeats = repeats
