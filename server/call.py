"""A call: what a caller asks of an action, once it is found valid; and what it has become."""

from dataclasses import dataclass
from decimal import Decimal

from schemas.base import Arguments
from schemas.envelope import Envelope
from server.callers import Caller
from server.flight import Flight
from server.settings import Credentials
from tools.action import Action, Request


@dataclass(frozen=True, eq=False)
class Call:
    """A valid call, made once and handed down. `request` is what its arguments make."""

    action: Action
    arguments: Arguments
    request: Request
    caller: Caller
    credentials: Credentials
    flight: Flight


@dataclass(frozen=True, eq=False)
class Completed:
    """A call that has ended: its envelope; the call, if it was valid; and what ClickSend says that it has cost."""

    envelope: Envelope
    call: Call | None = None
    cost: Decimal | None = None
