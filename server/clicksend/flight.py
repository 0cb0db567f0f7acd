"""A flight: how far a call has got on its way to ClickSend, for those who may stop it and those who judge its outcome.

The client updates it for each attempt. The transport finds it in a context variable, because httpx and aiohttp have no
place to pass it through.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import anyio


@dataclass(eq=False)
class Flight:
    """One call in flight. Once its request has departed, ClickSend may act on it.

    `queued`: it waits for a connection, all being in use. `unwritten`: bytes of its body not yet handed to the socket.
    `early`: the response began before all of them were.
    """

    departed: bool = False
    queued: bool = False
    unwritten: int = 0
    early: bool = False
    abandoned: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def prepare(self) -> None:
        """Reset for an attempt; earlier ones had no effect or may be repeated."""
        self.departed = self.queued = self.early = False
        self.unwritten = 0

    def abandon(self) -> None:
        """Stop the call: now if its request has not departed, else before another attempt."""
        self.abandoned = True
        if not self.departed:
            self.scope.cancel()

    def pause(self) -> None:
        """Between two attempts: the call may be stopped again."""
        self.departed = False
        if self.abandoned:
            self.scope.cancel()


current_flight: ContextVar[Flight] = ContextVar("current_flight")


@contextmanager
def under_way(flight: Flight) -> Iterator[None]:
    """Let the transport report on the request that is sent inside to this flight."""
    token = current_flight.set(flight)
    try:
        yield
    finally:
        current_flight.reset(token)
