"""The gateway: authenticates every HTTP request to MCP, counts it, and reads its body within bounds."""

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
CALLER = "clicksend.caller"  # key in the scope of a request
REQUEST_ID = "clicksend.request-id"  # likewise

_LARGE = 65_536  # bytes; a larger body is checked in a thread
_SESSION = "mcp-session-id"
_KEPT_HEADERS = (b"host", b"origin", b"mcp-protocol-version")  # in a request made here to end a session
_BODY_TIMEOUT = 30  # seconds for a body (slowloris)
_LINGER = 5  # seconds for a client that is still writing to notice the response
# A duplicate is ambiguous: a proxy may honour the first and we the last (request smuggling).
_SINGLE = ("authorization", "mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id")


class Gateway:
    """ASGI middleware in front of the MCP application.

    `identify` authenticates. `max_body`: bytes. `crowded`: whether the server has connections left for health only.
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
        self._authenticated = in_auth_context(app)
        self._identify = identify
        self._traffic = traffic
        self._max_body = max_body
        self._sessions = sessions or Sessions()
        self._crowded = crowded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the application, or answer why not."""
        if scope["type"] == "http" and self._crowded() and scope["path"] not in HEALTH:
            busy = JSONResponse({"error": "Too many connections."}, 503, {"connection": "close", "retry-after": "1"})
            await busy(scope, receive, send)
            return
        # The application routes more than this path to MCP, so everything with the prefix is checked.
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = _request_id(headers)
        respond = self._responding(send, request_id)
        # A POST ends with its response; any other may be a stream that stays open.
        with self._traffic.in_flight() if scope["method"] == "POST" else nullcontext():
            try:
                await self._admit(scope, headers, request_id, receive, respond)
            except HttpRefusal as refused:
                response = JSONResponse({"error": refused.message}, refused.status, refused.headers)
                await response(scope, receive, _lingering(respond, receive) if refused.status == 413 else respond)

    async def _admit(self, scope: Scope, headers: Headers, request_id: str, receive: Receive, send: Send) -> None:
        if len(headers) < len(scope["headers"]):
            names = [name.decode("latin-1") for name, _ in scope["headers"]]
            if duplicates := [name for name in _SINGLE if names.count(name) > 1]:
                raise HttpRefusal(400, f"Send one {duplicates[0]} header.")
        sender = await self._identify(headers, (scope.get("client") or ("",))[0])
        await self._traffic.count(sender.principal)
        scope = {**scope, CALLER: sender.caller, REQUEST_ID: request_id}
        if sender.principal:
            bind_principal(scope, sender.principal)
        send = self._tracking(scope, headers, sender.principal, send)
        if scope["method"] == "POST":
            with self._traffic.running(sender.principal):
                body = (await self._body(headers, receive)).removeprefix(BOM_UTF8)
                if (problem := await _unreadable(body)) is not None:
                    await JSONResponse(problem, 400)(scope, receive, send)
                    return
                await self._authenticated(scope, _replayed(body, receive), send)
        else:
            with self._traffic.streaming(sender.principal):
                await self._authenticated(scope, receive, send)

    def _tracking(self, scope: Scope, headers: Headers, principal: str, send: Send) -> Send:
        """Tracks the session that a response opens, and ends the least recently used of a caller with too many."""
        used = headers.get(_SESSION)
        if used is not None:
            (self._sessions.ended if scope["method"] == "DELETE" else self._sessions.used)(principal, used)
            return send

        async def tracking(message: MutableMapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                session = dict(message.get("headers", ())).get(_SESSION.encode())
                surplus = session and self._sessions.opened(principal, session.decode("latin-1"))
                if surplus:
                    await self._end(scope, surplus)

        return tracking

    async def _end(self, scope: Scope, session: str) -> None:
        """End a session with a DELETE, as its owner would."""
        kept = [(name, value) for name, value in scope["headers"] if name in _KEPT_HEADERS]
        request = {**scope, "method": "DELETE", "headers": [*kept, (_SESSION.encode(), session.encode("latin-1"))]}

        async def discard(_: Message) -> None:
            pass

        async def empty() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._authenticated(request, empty, discard)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The complete body. Raises HttpRefusal (400, 408, 413)."""
        length = headers.get("content-length", "0")
        body = bytearray()
        if length.isdecimal() and int(length) <= self._max_body:
            with anyio.move_on_after(_BODY_TIMEOUT) as scope:
                while len(body) <= self._max_body:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise HttpRefusal(400, "The request broke off.")
                    body += message.get("body", b"")
                    if not message.get("more_body", False) and len(body) <= self._max_body:
                        return bytes(body)
            if scope.cancelled_caught:
                raise HttpRefusal(408, f"The request did not arrive within {_BODY_TIMEOUT} s.", {"connection": "close"})
        raise HttpRefusal(413, f"The request is larger than {self._max_body} bytes.", {"connection": "close"})

    def _responding(self, send: Send, request_id: str) -> Send:
        """Adds the request id to the response; while the server drains, also closes the connection after it."""

        async def respond(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                if self._traffic.draining:
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        return respond


async def _unreadable(body: bytes) -> dict[str, Any] | None:
    """The JSON-RPC error for a body that the SDK cannot read; None if it can. Large ones are checked in a thread."""
    if len(body) < _LARGE:
        return refusal(body.decode("utf-8", "replace"))
    return await anyio.to_thread.run_sync(lambda: refusal(body.decode("utf-8", "replace")))


def _request_id(headers: Headers) -> str:
    """The id that a proxy has given the request, or a new one."""
    proposed = headers.get("x-request-id", "")
    return proposed if re.fullmatch(r"[\w.-]{8,64}", proposed, re.ASCII) else secrets.token_hex(8)


def _lingering(send: Send, receive: Receive) -> Send:
    """Sends a response, and reads on for a while before it ends: a close with unread data resets the connection.

    A client that is still writing would then lose the response.
    """

    async def lingering(message: Message) -> None:
        if message["type"] == "http.response.body":
            await send({**message, "more_body": True})
            with anyio.move_on_after(_LINGER):
                while (await receive()).get("more_body", False):
                    pass
            message = {"type": "http.response.body"}
        await send(message)

    return lingering


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Receives a body that has been read already, and after it whatever else arrives."""
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
