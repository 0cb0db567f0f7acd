"""How far a call has come: for whoever may have to stop it, and for what comes after its answer."""

from dataclasses import dataclass, field

import anyio

from schemas.base import Arguments


@dataclass
class Passage:
    """How far a call has come: once its request is leaving, ClickSend may act on it.

    `arguments`: there once they are found valid. `cost`: what was charged.
    """

    arguments: Arguments | None = None
    left: bool = False
    cost: str | None = None
    abandoned: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def abandon(self) -> None:
        """Stop the call as soon as that leaves nothing half done."""
        self.abandoned = True
        if not self.left:
            self.scope.cancel()

    def pause(self) -> None:
        """Between two attempts a call may be stopped again: the first had no effect, or may be repeated."""
        self.left = False
        if self.abandoned:
            self.scope.cancel()
