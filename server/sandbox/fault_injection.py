"""Fault injection: sends an answer with a fault."""

import json

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.sandbox.state.faults import Fault

CHUNK = b"x" * 65536  # of an oversize answer
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "HTTP_TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}
RATE_LIMIT_HEADERS = {
    "x-ratelimit-limit": "20",
    "x-ratelimit-remaining": "0",
    "ratelimit-reset": "1",
    "retry-after": "1",
}


async def deliver(fault: Fault, answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer with a fault, over the raw connection where HTTP would not allow it."""
    match fault.kind:
        case "delay":
            await answer(scope, receive, send)
        case "drop":
            await _write_and_close(b"", scope, receive)
        case "truncate":
            await _write_and_close(_half_of(answer), scope, receive)
        case "oversize":
            await _send_oversize(fault, send)
        case "unfamiliar":
            await _with_unfamiliar_statuses(answer)(scope, receive, send)
        case _:
            await _replacement(fault, scope)(scope, receive, send)


def _replacement(fault: Fault, scope: Scope) -> Response:
    if fault.kind == "empty":
        return Response(b"", fault.status or 200, fault.headers)
    if fault.kind == "garbage":
        garbage = b"<html><body>Bad gateway {"
        return Response(garbage, fault.status or 200, {"content-type": "application/json", **fault.headers})
    if fault.kind == "redirect":
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        location = {"location": f"http://{host}/_sandbox/state"}
        return Response(b"", fault.status or 302, location | _lowercase_names(fault.headers))
    status = fault.status or 500
    code = CODES.get(status, "SOMETHING_IS_WRONG")
    body = {"http_code": status, "response_code": code, "response_msg": "A fault made to order.", "data": None}
    headers = {"content-type": "application/json"} | (RATE_LIMIT_HEADERS if status == 429 else {})
    return Response(json.dumps(body), status, headers | _lowercase_names(fault.headers))


def _with_unfamiliar_statuses(answer: Response) -> Response:
    """The answer with an undocumented status for each message, letter or campaign in it."""
    body = json.loads(bytes(answer.body))
    data = body["data"]
    if isinstance(data, dict):
        for row in data.get("messages") or data.get("recipients") or [data]:
            if "status" in row:
                row["status"] = "IN_PROGRESS"
    return Response(json.dumps(body), answer.status_code, {"content-type": "application/json"})


def _lowercase_names(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _half_of(answer: Response) -> bytes:
    head = f"HTTP/1.1 {answer.status_code} Cut\r\n".encode()
    head += b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
    return head + b"\r\n" + bytes(answer.body)[: len(answer.body) // 2]


async def _send_oversize(fault: Fault, send: Send) -> None:
    opening = b'{"http_code":200,"response_code":"SUCCESS","data":null,"response_msg":"'
    headers = [(b"content-type", b"application/json")]
    headers += [(name.encode(), value.encode()) for name, value in _lowercase_names(fault.headers).items()]
    await send({"type": "http.response.start", "status": fault.status or 200, "headers": headers})
    await send({"type": "http.response.body", "body": opening, "more_body": True})
    for _ in range(-(-fault.size // len(CHUNK))):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b'"}'})


async def _write_and_close(data: bytes, scope: Scope, receive: Receive) -> None:
    """Write raw bytes to the connection, close it, and wait until the server has noticed.

    The transport is in the scope only when the sandbox listens on a socket (see serve.py).
    """
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionResetError("a sandbox without a socket drops a connection by raising this")
    if data:
        transport.write(data)
        transport.close()
    else:
        transport.abort()
    await receive()  # the request has been read, so this waits for the disconnect
