"""Keeps other web sites from using the sandbox through the browser of somebody who runs one (CSRF, DNS rebinding).

The API's credentials are public and the controls have none, so only the headers that the browser sets tell a foreign
page apart: Origin, Sec-Fetch-Site, and Host, which is the foreign site's name if that was made to resolve to us.
"""

from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PRIVATE = (".localhost", ".local", ".internal", ".test")  # reserved: nobody can register them


def same_origin_only(app: ASGIApp, host: str) -> ASGIApp:
    """The app, closed to pages of other origins; programs other than browsers are not affected.

    `host` is the name or address that the sandbox listens on.
    """

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := _refusal(Request(scope), host)):
            await JSONResponse({"error": reason}, 403)(scope, receive, send)
            return
        await app(scope, receive, send)

    return handle


def _refusal(request: Request, host: str) -> str | None:
    """Why a request is refused, or None."""
    host_header = request.headers.get("host", "")
    name = _without_port(host_header)
    if name and not _is_ours(name, host):
        return f"the sandbox does not answer to the name {name}: use its address, or give the name as --host"
    origin = request.headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != host_header.lower():
        return "pages of other web sites may not use the sandbox"
    # Following a link to us is harmless: nothing changes, and the linking page cannot read the answer.
    follows_link = request.method == "GET" and request.headers.get("sec-fetch-dest") == "document"
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site") and not follows_link:
        return "pages of other web sites may not use the sandbox"
    return None


def _without_port(host: str) -> str:
    """The name or address in a Host header, in lower case: `[::1]:8799` gives `::1`."""
    name, _, port = host.lower().rpartition(":")
    name = name if name and port.isdecimal() else host.lower()
    return name.removeprefix("[").removesuffix("]").removesuffix(".")


def _is_ours(name: str, host: str) -> bool:
    """Whether a name cannot be a foreign site's: an address, without a dot, reserved, or the one we listen on."""
    if name == host.lower() or "." not in name or name.endswith(_PRIVATE):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
