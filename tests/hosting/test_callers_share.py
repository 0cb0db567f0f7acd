"""What one caller may hold of the server: streams and sessions are counted for each, and give way."""

from contextlib import AsyncExitStack

import pytest
from support.callers_of import account_with, another, lines, owner_of, raw, served
from support.hosting import HELLO
from troubles_of_streams import events

from server.hosting.sessions import Sessions
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

OLDER = {"MCP-Protocol-Version": "2025-11-25", "Accept": "text/event-stream"}


async def test_open_streams_count_per_caller(sandbox: RunningSandbox) -> None:
    """One caller held two thousand, and another was shut out."""
    ana, bo = owner_of(sandbox), another(sandbox, "bo")
    async with served("basic", sandbox) as (_, url), AsyncExitStack() as held:
        statuses = []
        for _ in range(34):
            opened = await raw(url, lines=lines(ana.headers), message=HELLO[0])
            session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], **OLDER}
            statuses.append(await held.enter_async_context(events(url, {**ana.headers, **session})))
        assert statuses == [200] * 32 + [429] * 2
        assert await account_with(url, bo.headers) == "bo"


async def test_the_least_recently_used_session_makes_room_for_a_new_one(sandbox: RunningSandbox) -> None:
    """An honest caller is never told that there are too many."""
    ana, bo = owner_of(sandbox), another(sandbox, "bo")
    ping = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
    async with served("basic", sandbox, CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE="1000") as (_, url):

        async def opened(headers: dict[str, str]) -> dict[str, str]:
            answer = await raw(url, lines=lines(headers), message=HELLO[0])
            return {"Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}

        others = await opened(bo.headers)
        first, second = await opened(ana.headers), await opened(ana.headers)
        assert (await raw(url, lines=lines(ana.headers, first), message=ping)).status == 200
        for _ in range(99):
            await opened(ana.headers)
        assert (await raw(url, lines=lines(ana.headers, first), message=ping)).status == 200
        assert (await raw(url, lines=lines(ana.headers, second), message=ping)).status == 404
        assert (await raw(url, lines=lines(bo.headers, others), message=ping)).status == 200


def test_sessions_are_counted_for_each_principal_and_forgotten_when_they_end() -> None:
    sessions = Sessions(most=2)

    assert [sessions.opened("ana", name) for name in "abc"] == [None, None, "a"]
    sessions.used("ana", "b")
    assert sessions.opened("ana", "d") == "c"
    sessions.ended("ana", "b")
    assert sessions.opened("ana", "e") is None
    assert sessions.opened("bo", "a") is None
    for name in "de":
        sessions.ended("ana", name)
    sessions.ended("bo", "a")
    assert not sessions._of
