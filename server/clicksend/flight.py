"""A flight: how far a call is on its way to ClickSend, kept once for whoever may stop it or has to judge it.

The client fills in what happens to the request of each attempt; the connections below it find the flight in a context
variable, since the libraries between them do not hand it on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import anyio


@dataclass(eq=False)
class Flight:
    """One call on its way: once its request has departed, ClickSend may act on it.

    `queued`: it waits for a connection of a full pool. `unwritten`: bytes of its body that were not handed to the
    socket yet. `early`: something came back before all of them were.
    """

    departed: bool = False
    queued: bool = False
    unwritten: int = 0
    early: bool = False
    abandoned: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def prepare(self) -> None:
        """Before each attempt: one before it had no effect, or may be repeated."""
        self.departed = self.queued = self.early = False
        self.unwritten = 0

    def abandon(self) -> None:
        """Stop the call as soon as that leaves nothing half done."""
        self.abandoned = True
        if not self.departed:
            self.scope.cancel()

    def pause(self) -> None:
        """Between two attempts a call may be stopped again."""
        self.departed = False
        if self.abandoned:
            self.scope.cancel()


current_flight: ContextVar[Flight] = ContextVar("current_flight")


@contextmanager
def under_way(flight: Flight) -> Iterator[None]:
    """Let the connections below tell a flight what happens to the request that is sent inside."""
    token = current_flight.set(flight)
    try:
        yield
    finally:
        current_flight.reset(token)
