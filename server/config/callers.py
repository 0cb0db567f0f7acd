"""Callers: who calls, with which ClickSend account, and within which limits."""

from dataclasses import dataclass, field

from server.config.limits import Limits
from server.config.settings import Credentials, Settings
from server.config.surface import Surface
from tools.action import Action, Effect


@dataclass(frozen=True)
class Caller:
    """Someone who calls. A server without authentication has only one, with the account of its settings.

    `name` distinguishes callers that share a ClickSend account, each with its own sends, budget and approvals; "" for
    the account's owner. `config_error`: why no call can be made, in a sentence without its full stop.
    """

    credentials: Credentials | None
    limits: Limits = field(default_factory=Limits)
    surface: Surface = field(default_factory=Surface)
    name: str = ""
    effects: frozenset[Effect] = frozenset(Effect)
    config_error: str | None = None

    def is_listed(self, action: Action) -> bool:
        """Whether this caller is shown an action."""
        return self.denial(action) is None

    def denial(self, action: Action) -> str | None:
        """Why this caller may not run an action, in a sentence without its full stop; None if it may."""
        if action.slug not in self.surface.slugs:
            return f"{action.slug} is switched off by the settings of this server"
        if action.effect not in self.effects:
            return f"The caller has no scope for this tool, which {action.effect.value}"
        return None


def default_caller(settings: Settings) -> Caller:
    """The only caller of a server without authentication."""
    return Caller(settings.credentials, settings.limits, settings.surface, config_error=settings.config_error)
