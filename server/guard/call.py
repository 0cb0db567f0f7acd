"""A call: what a caller asks of an action, once its arguments are valid."""

from dataclasses import dataclass

from schemas.base import Arguments
from server.clicksend.flight import Flight
from server.config.callers import Caller
from server.config.settings import Credentials
from tools.action import Action
from tools.route import Request


@dataclass(frozen=True, eq=False)
class Call:
    """A valid call, made once and handed down. `request`: what the action makes of its arguments."""

    action: Action
    arguments: Arguments
    request: Request
    caller: Caller
    credentials: Credentials
    flight: Flight
