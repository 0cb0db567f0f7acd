"""Access: who sent a request, in the ways an operator can choose. Nothing of a request outlives it."""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from server.callers import Caller, only_caller
from server.hosting.registry import Registry
from server.settings import Credentials, Settings

Headers = Mapping[str, str]  # by lower-case name
BASIC = {"www-authenticate": 'Basic realm="ClickSend username and API key", charset="UTF-8"'}


@dataclass(frozen=True)
class Admitted:
    """A caller, and the principal that sessions and approvals are bound to."""

    caller: Caller
    principal: str


@dataclass(eq=False)
class Turned(Exception):
    """A request that is turned away: an HTTP status, words for a person, and headers."""

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)


Identify = Callable[[Headers, str], Awaitable[Admitted]]  # of a request from an address; raises Turned


def of_this_machine(settings: Settings) -> Identify:
    """Everybody who reaches the port is the one caller."""
    caller = only_caller(settings)

    async def identify(_: Headers, __: str) -> Admitted:
        return Admitted(caller, "")

    return identify


def by_token(registry: Registry) -> Identify:
    """Callers with a bearer token of the operator."""

    async def identify(headers: Headers, _: str) -> Admitted:
        token = credential(headers, "bearer")
        caller = registry.by_token(token) if token else None
        if caller is None:
            what = "This token is not known." if token else "Send a token: Authorization: Bearer ..."
            error = ', error="invalid_token"' if token else ""
            raise Turned(401, what, {"www-authenticate": f'Bearer realm="clicksend"{error}'})
        return Admitted(caller, f"token {caller.name}")

    return identify


def by_own_account(settings: Settings, check: Callable[[str, Credentials, str], Awaitable[None]]) -> Identify:
    """Callers that send the username and API key of their own ClickSend account with each request.

    `check` raises Turned unless ClickSend knows them; it is given a digest of them and the address they come from.
    """

    async def identify(headers: Headers, address: str) -> Admitted:
        pair = _pair(credential(headers, "basic"))
        if pair is None:
            raise Turned(401, "Send your ClickSend username and API key as HTTP Basic.", dict(BASIC))
        credentials = Credentials(*pair)
        # A session belongs to the very credentials that opened it.
        principal = hashlib.sha256("\0".join(pair).encode()).hexdigest()
        await check(principal, credentials, address)
        return Admitted(Caller(credentials, settings.policy, problem=settings.problem), f"basic {principal}")

    return identify


def credential(headers: Headers, scheme: str) -> str | None:
    """What the Authorization header has for a scheme (lower case); None if it has none."""
    given, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if given.lower() == scheme else None


def _pair(encoded: str | None) -> tuple[str, str] | None:
    try:
        username, colon, secret = base64.b64decode(encoded or "", validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    sound = colon and username and secret and (username + secret).isprintable()
    return (username, secret) if sound else None
