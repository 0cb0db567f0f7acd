"""Middleware between the socket and the API: records calls and injects faults."""

from collections.abc import Awaitable, Callable

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.sandbox import fault_injection
from server.sandbox.api.answers import envelope
from server.sandbox.state import faults
from server.sandbox.state.calls import RecordedCall, credentials
from server.sandbox.state.world import World

CONTROL_PREFIX = "/_sandbox/"


def observed(app: ASGIApp, world: World) -> ASGIApp:
    """The app with its calls recorded and faults injected, except below /_sandbox/."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        scope = {**scope, "path": scope["path"].rstrip("/") or "/"}  # a trailing slash is ignored
        if scope["path"].startswith(CONTROL_PREFIX):
            await app(scope, receive, send)
            if scope["method"] != "GET":
                world.changes.note()  # also of what ran after the answer
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        fault = faults.take(world.faults, request.method, scope["path"])

        async def respond(answer: Response) -> None:
            _record(world, request, body, answer, fault)
            if fault is None:
                await answer(scope, receive, send)
                return
            if fault.kind == "delay" and fault.when == "after":
                await anyio.sleep(fault.seconds)
            await fault_injection.deliver(fault, answer, scope, receive, send)

        if fault and fault.when == "before":
            if fault.kind != "delay":
                _record(world, request, body, None, fault)
                await fault_injection.deliver(fault, _empty_success(), scope, receive, send)
                return
            await anyio.sleep(fault.seconds)
        await app(scope, _replay(body), _collect(respond))
        world.changes.note()  # also of what ran after the answer, such as an import

    return handle


def _empty_success() -> Response:
    return JSONResponse(envelope(200, "SUCCESS", "Done.", None))


def _record(world: World, request: Request, body: bytes, answer: Response | None, fault: faults.Fault | None) -> None:
    user = credentials(request.headers.get("authorization"))
    call = RecordedCall(
        at=world.now(),
        username=user[0] if user else None,
        method=request.method,
        path=request.url.path,
        query=dict(request.query_params),
        body=body,
        status=answer.status_code if answer else None,
        answer=bytes(answer.body) if answer else b"",
        fault=fault.kind if fault else None,
    )
    world.calls.add(call)
    if account := world.accounts.get(call.username or ""):
        account.note_balance(call.at)
    world.changes.note()


def _replay(body: bytes) -> Receive:
    """A `receive` that replays a body that has been read."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _collect(respond: Callable[[Response], Awaitable[None]]) -> Send:
    """A `send` that passes on a complete answer; the sandbox sends each body in one piece."""
    answer = Response()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status_code = message["status"]
            answer.raw_headers = message["headers"]
        else:
            answer.body = message["body"]
            await respond(answer)

    return send
