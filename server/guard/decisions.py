"""Questions to a person, and the answers: all that the guard and the protocol say to each other about approval."""

from dataclasses import dataclass


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
