"""Keeps other web sites out of the sandbox: their pages run in the browser of somebody who has one running.

The API's credentials are public and the controls have none, so a page elsewhere must be told apart by what its browser
says of it: its Origin, whether it is on this site, and the name by which it has reached us. That name may be its own,
made to point at this machine.
"""

from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PRIVATE = (".localhost", ".local", ".internal", ".test")  # nobody can register these


def same_origin_only(app: ASGIApp, host: str) -> ASGIApp:
    """The app, closed to the pages of others; programs that are no browsers notice nothing.

    `host` is the name or address that it listens on.
    """

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := _refusal(Request(scope), host)):
            await JSONResponse({"error": reason}, 403)(scope, receive, send)
            return
        await app(scope, receive, send)

    return handle


def _refusal(request: Request, host: str) -> str | None:
    """Why a request is not let in, or None."""
    reached_as = request.headers.get("host", "")
    name = _without_port(reached_as)
    if name and not _is_ours(name, host):
        return f"the sandbox does not answer to the name {name}: use its address, or give the name as --host"
    origin = request.headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != reached_as.lower():
        return "pages of other web sites may not use the sandbox"
    # Following a link to us is fine: nothing changes, and the page that has the link cannot read what comes.
    follows_link = request.method == "GET" and request.headers.get("sec-fetch-dest") == "document"
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site") and not follows_link:
        return "pages of other web sites may not use the sandbox"
    return None


def _without_port(host: str) -> str:
    """A Host header's name or address in small letters: `[::1]:8799` is `::1`."""
    name, _, port = host.lower().rpartition(":")
    name = name if name and port.isdecimal() else host.lower()
    return name.removeprefix("[").removesuffix("]").removesuffix(".")


def _is_ours(name: str, host: str) -> bool:
    """Whether a name cannot be somebody else's: an address, without a dot, private, or what we listen on."""
    if name == host.lower() or "." not in name or name.endswith(_PRIVATE):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
