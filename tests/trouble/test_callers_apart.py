"""Callers are told apart: in their bounds, and in what their sessions are bound to."""

from typing import Any

import pytest
from mcp.server.auth.middleware.auth_context import get_access_token
from starlette.types import Message, Receive, Scope, Send

from server.config.callers import Caller
from server.config.http import Hosting
from server.config.settings import Credentials
from server.hosting.authentication import Headers, Principal
from server.hosting.gateway import Gateway
from server.hosting.rate_limits import Traffic

pytestmark = pytest.mark.anyio


async def test_callers_have_bounds_and_principals_of_their_own() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        token = get_access_token()
        seen.append(token.client_id if token else "nobody")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def identify(headers: Headers, _: str) -> Principal:
        return Principal(Caller(Credentials("ana", "secret")), headers["x-user"])

    door = Gateway(app, identify, Traffic(Hosting(http_calls_per_minute=2)), 1000)
    statuses = [await status_of(door, user) for user in ("ana", "ana", "ana", "bo")]
    assert statuses == [200, 200, 429, 200]
    assert seen == ["ana", "ana", "bo"]


async def status_of(door: Gateway, user: str) -> int:
    """What a user's GET is answered with."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.append(message)

    await door(
        {"type": "http", "path": "/mcp", "method": "GET", "headers": [(b"x-user", user.encode())]}, receive, send
    )
    return int(told[0]["status"])
