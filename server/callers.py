"""Callers: who calls, with which ClickSend account, and within which limits."""

from dataclasses import dataclass, field

from server.policy import Policy
from server.settings import Credentials, Settings
from tools.action import Action, Effect


@dataclass(frozen=True)
class Caller:
    """One who calls. A server that does not ask who calls has only one, with the account of its settings.

    `name`: tells the callers that share a ClickSend account apart, each with its own sends, budget and approvals; ""
    for the account's owner. `problem` says in a sentence why no call can be made.
    """

    credentials: Credentials | None
    policy: Policy = field(default_factory=Policy)
    name: str = ""
    effects: frozenset[Effect] = frozenset(Effect)
    problem: str | None = None

    def offers(self, action: Action) -> bool:
        """Whether an action is there for this caller at all."""
        return action.effect in self.effects and self.policy.offers(action.slug)


def only_caller(settings: Settings) -> Caller:
    """The caller of a server that does not ask who calls."""
    return Caller(settings.credentials, settings.policy, problem=settings.problem)
