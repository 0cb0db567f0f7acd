"""Serves the page, its files, and a frame for each remote picture.

Nothing is loaded from another origin but a picture that the person requests, in a frame that may load nothing else.
"""

import base64
import hashlib
import html
import json
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from server.sandbox.inbox.conversations import picture
from server.sandbox.inbox.listings import chosen_account
from server.sandbox.state.world import World

PATH = "/_sandbox/inbox"
SHORTCUTS = ("/", "/inbox", "/_sandbox")  # where people look for it
FILES = Path(__file__).with_name("page")

# The libraries import each other by bare names, which this import map resolves.
_IMPORTS = json.dumps(
    {
        "imports": {
            "preact": "/_sandbox/page/vendor/preact.mjs",
            "preact/hooks": "/_sandbox/page/vendor/hooks.mjs",
            "htm": "/_sandbox/page/vendor/htm.mjs",
        }
    }
)
_FRAME_STYLE = (
    "html,body{margin:0;height:100%}"
    "img{width:100%;height:100%;object-fit:contain;font:14px system-ui,sans-serif;color:gray}"
)
_HEADERS = {
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

# Some systems map these to other types, with which browsers do not run them.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")


def routes(world: World) -> list[BaseRoute]:
    """The page at /_sandbox/inbox, its files below /_sandbox/page/, and frames at /_sandbox/picture."""
    return [
        Route(PATH, _show_page),
        *(Route(path, _redirect_to_page, methods=["GET"]) for path in SHORTCUTS),
        Route("/_sandbox/picture", _frame(world)),
        Mount("/_sandbox/page", _Files(directory=FILES)),
    ]


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


async def _show_page(_: Request) -> Response:
    policy = (
        f"default-src 'none'; script-src 'self' {_hash(_IMPORTS)}; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    text = (FILES / "index.html").read_text(encoding="utf-8").replace("{{ imports }}", _IMPORTS)
    return HTMLResponse(text, headers=_HEADERS | {"content-security-policy": policy})


async def _redirect_to_page(request: Request) -> Response:
    """Redirect browsers to the page; programs get a 404."""
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404)
    return RedirectResponse(PATH, 307, _HEADERS)


def _frame(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        account = chosen_account(world, request)
        message = account.messages.get(request.query_params.get("message", ""))
        remote = picture(message, request.url.netloc) if message else None
        if remote is None or remote["host"] is None:
            return HTMLResponse("There is no such picture.", 404)
        source = f"{urlsplit(remote['url']).scheme}://{remote['host']}"
        policy = (
            f"default-src 'none'; img-src {source}; style-src {_hash(_FRAME_STYLE)}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )
        alternative = f"The picture could not be loaded from {remote['host']}."
        content = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Picture</title><style>{_FRAME_STYLE}</style>'
            f'<img src="{html.escape(remote["url"])}" alt="{html.escape(alternative)}">'
        )
        return HTMLResponse(content, headers=_HEADERS | {"content-security-policy": policy})

    return respond


def _hash(text: str) -> str:
    """The name of an inline script or style in a Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
