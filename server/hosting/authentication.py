"""Authentication: which caller sent a request, by the method the operator has chosen. No request's headers are kept."""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from server.config.callers import Caller, default_caller
from server.config.settings import Credentials, Settings
from server.hosting.callers_file import Registry

Headers = Mapping[str, str]  # by lower-case name
BASIC = {"www-authenticate": 'Basic realm="ClickSend username and API key", charset="UTF-8"'}


@dataclass(frozen=True)
class Principal:
    """A caller, and the principal that sessions and approvals are bound to."""

    caller: Caller
    principal: str


@dataclass(eq=False)
class HttpRefusal(Exception):
    """A request that is refused: an HTTP status, a message for a person, and response headers."""

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)


Authenticator = Callable[[Headers, str], Awaitable[Principal]]  # headers and client address; raises HttpRefusal


def of_this_machine(settings: Settings) -> Authenticator:
    """Everybody who can reach the port is the one caller."""
    caller = default_caller(settings)

    async def identify(_: Headers, __: str) -> Principal:
        return Principal(caller, "")

    return identify


def by_token(registry: Registry) -> Authenticator:
    """Callers with a bearer token from the operator's file."""

    async def identify(headers: Headers, _: str) -> Principal:
        token = credential(headers, "bearer")
        caller = registry.by_token(token) if token else None
        if caller is None:
            message = "This token is not known." if token else "Send a token: Authorization: Bearer ..."
            error = ', error="invalid_token"' if token else ""
            raise HttpRefusal(401, message, {"www-authenticate": f'Bearer realm="clicksend"{error}'})
        return Principal(caller, f"token {caller.name}")

    return identify


def by_own_account(settings: Settings, check: Callable[[str, Credentials, str], Awaitable[None]]) -> Authenticator:
    """Callers that send the username and API key of their own ClickSend account with each request.

    `check` takes a digest of the credentials, the credentials, and the client's address; it raises HttpRefusal unless
    ClickSend accepts them.
    """

    async def identify(headers: Headers, address: str) -> Principal:
        pair = _pair(credential(headers, "basic"))
        if pair is None:
            raise HttpRefusal(401, "Send your ClickSend username and API key as HTTP Basic.", dict(BASIC))
        credentials = Credentials(*pair)
        # A session is bound to the credentials that opened it: after a change of the key it cannot be used.
        principal = hashlib.sha256("\0".join(pair).encode()).hexdigest()
        await check(principal, credentials, address)
        caller = Caller(credentials, settings.limits, settings.surface, config_error=settings.config_error)
        return Principal(caller, f"basic {principal}")

    return identify


def credential(headers: Headers, scheme: str) -> str | None:
    """The credential in the Authorization header, for a scheme in lower case; None for another scheme or none."""
    sent, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if sent.lower() == scheme else None


def _pair(encoded: str | None) -> tuple[str, str] | None:
    """Username and API key from HTTP Basic; None if they are malformed."""
    try:
        username, colon, secret = base64.b64decode(encoded or "", validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    valid = colon and username and secret and (username + secret).isprintable()
    return (username, secret) if valid else None
