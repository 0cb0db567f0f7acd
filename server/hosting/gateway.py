"""The door: every HTTP request to MCP passes here, is told whose it is, counted, and read within bounds."""

import re
import secrets
from codecs import BOM_UTF8
from collections.abc import Callable, MutableMapping
from contextlib import nullcontext
from typing import Any

import anyio
import anyio.to_thread
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.hosting.authentication import Authenticator, Headers, HttpRefusal
from server.hosting.health import HEALTH
from server.hosting.rate_limits import Traffic
from server.hosting.sessions import Sessions
from server.protocol.framing import refusal
from server.protocol.sdk_internals import bind_principal, in_auth_context

PATH = "/mcp"
CALLER = "clicksend.caller"  # in the scope of a request
REQUEST_ID = "clicksend.request-id"  # likewise

_LARGE = 65_536  # bytes
_SESSION = "mcp-session-id"
_OF_THE_CONNECTION = (b"host", b"origin", b"mcp-protocol-version")
_BODY_WITHIN = 30  # seconds
_LINGERS = 5  # seconds in which a client that is still writing may notice the answer
# Whoever reads the first of several and whoever reads the last would see two different requests.
_ONCE = ("authorization", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id")


class Gateway:
    """ASGI middleware in front of the MCP application.

    `crowded`: whether room is left for questions of health alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        identify: Authenticator,
        traffic: Traffic,
        max_body: int,
        *,
        sessions: Sessions | None = None,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        self._app = app
        self._inside = in_auth_context(app)
        self._identify = identify
        self._traffic = traffic
        self._max_body = max_body
        self._sessions = sessions or Sessions()
        self._crowded = crowded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in."""
        if scope["type"] == "http" and self._crowded() and scope["path"] not in HEALTH:
            busy = JSONResponse({"error": "Too many connections."}, 503, {"connection": "close", "retry-after": "1"})
            await busy(scope, receive, send)
            return
        # The application takes more than this path for it, so all that begins like it has to pass.
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = _request_id(headers)
        sending = self._answering(send, request_id)
        # A POST is answered and done; any other may be a stream that stays open.
        with self._traffic.in_flight() if scope["method"] == "POST" else nullcontext():
            try:
                await self._admit(scope, headers, request_id, receive, sending)
            except HttpRefusal as turned:
                response = JSONResponse({"error": turned.message}, turned.status, turned.headers)
                await response(scope, receive, _lingering(sending, receive) if turned.status == 413 else sending)

    async def _admit(self, scope: Scope, headers: Headers, request_id: str, receive: Receive, send: Send) -> None:
        if len(headers) < len(scope["headers"]):
            names = [name.decode("latin-1") for name, _ in scope["headers"]]
            if several := [name for name in _ONCE if names.count(name) > 1]:
                raise HttpRefusal(400, f"Send one {several[0]} header.")
        admitted = await self._identify(headers, (scope.get("client") or ("",))[0])
        await self._traffic.count(admitted.principal)
        scope = {**scope, CALLER: admitted.caller, REQUEST_ID: request_id}
        if admitted.principal:
            bind_principal(scope, admitted.principal)
        send = self._counting(scope, headers, admitted.principal, send)
        if scope["method"] == "POST":
            with self._traffic.under_way(admitted.principal):
                body = (await self._body(headers, receive)).removeprefix(BOM_UTF8)
                if (problem := await _refused(body)) is not None:
                    await JSONResponse(problem, 400)(scope, receive, send)
                    return
                await self._inside(scope, _again(body, receive), send)
        else:
            with self._traffic.open(admitted.principal):
                await self._inside(scope, receive, send)

    def _counting(self, scope: Scope, headers: Headers, principal: str, send: Send) -> Send:
        """Counts the session that an answer opens, and ends the caller's least recently used one above the bound."""
        given = headers.get(_SESSION)
        if given is not None:
            (self._sessions.ended if scope["method"] == "DELETE" else self._sessions.used)(principal, given)
            return send

        async def counting(message: MutableMapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                named = dict(message.get("headers", ()))
                session = named.get(_SESSION.encode())
                ending = session and self._sessions.opened(principal, session.decode("latin-1"))
                if ending:
                    await self._end(scope, ending)

        return counting

    async def _end(self, scope: Scope, session: str) -> None:
        """End a session as its owner would."""
        kept = [(name, value) for name, value in scope["headers"] if name in _OF_THE_CONNECTION]
        request = {**scope, "method": "DELETE", "headers": [*kept, (_SESSION.encode(), session.encode("latin-1"))]}

        async def nothing(_: Message) -> None:
            pass

        async def empty() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._inside(request, empty, nothing)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body, before anything is done with it. Raises HttpRefusal (408, 413)."""
        length = headers.get("content-length", "0")
        body = bytearray()
        if length.isdecimal() and int(length) <= self._max_body:
            with anyio.move_on_after(_BODY_WITHIN) as scope:
                while len(body) <= self._max_body:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise HttpRefusal(400, "The request broke off.")
                    body += message.get("body", b"")
                    if not message.get("more_body", False) and len(body) <= self._max_body:
                        return bytes(body)
            if scope.cancelled_caught:
                raise HttpRefusal(408, f"The request did not arrive within {_BODY_WITHIN} s.", {"connection": "close"})
        raise HttpRefusal(413, f"The request is larger than {self._max_body} bytes.", {"connection": "close"})

    def _answering(self, send: Send, request_id: str) -> Send:
        """Names the request in its answer, and while the server is ending asks for no further ones."""

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                if self._traffic.draining:
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        return answer


async def _refused(body: bytes) -> dict[str, Any] | None:
    """The error that answers a body which the SDK cannot read; a large one is looked through beside the event loop."""
    if len(body) < _LARGE:
        return refusal(body.decode("utf-8", "replace"))
    return await anyio.to_thread.run_sync(lambda: refusal(body.decode("utf-8", "replace")))


def _request_id(headers: Headers) -> str:
    """The id that a proxy has given the request, or a new one."""
    given = headers.get("x-request-id", "")
    return given if re.fullmatch(r"[\w.-]{8,64}", given, re.ASCII) else secrets.token_hex(8)


def _lingering(send: Send, receive: Receive) -> Send:
    """Answer, and close only once the client has written all or heard us: a close would take the answer back."""

    async def lingering(message: Message) -> None:
        if message["type"] == "http.response.body":
            await send({**message, "more_body": True})
            with anyio.move_on_after(_LINGERS):
                while (await receive()).get("more_body", False):
                    pass
            message = {"type": "http.response.body"}
        await send(message)

    return lingering


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive a body that has been read, and after it whatever else comes."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
