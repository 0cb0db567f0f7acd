"""A ClickSend that does not answer: its calls end with their deadline, and all else is served meanwhile."""

import asyncio
from pathlib import Path

import pytest
from mcp import Client
from support import offered
from support.hosting import ERAS, PATIENCE, running_http
from support.scripted import keeps_silent, scripted
from support.troubles import READ, at, browsing, call, callers, envelope, modern, until

pytestmark = pytest.mark.anyio

ALL = 64  # calls of a caller at once
POOL = 100  # connections to ClickSend


async def test_calls_without_an_answer_leave_everybody_else_served_and_end_with_their_deadline(tmp_path: Path) -> None:
    own, (ana, bo) = callers(tmp_path, "ana", "bo")
    deadline = {"CLICKSEND_MCP_TOTAL_TIMEOUT": "20", "CLICKSEND_MCP_READ_TIMEOUT": "6"}
    async with scripted(keeps_silent) as upstream, browsing() as web:
        environment = at(upstream, **own, **deadline)
        async with running_http(**environment) as (program, url):
            told = call(READ, {})
            waiting = [
                asyncio.ensure_future(web.post(url, content=told["content"], headers=told["headers"] | ana, timeout=60))
                for _ in range(ALL)
            ]
            await until(lambda: len(upstream.requests) == ALL)
            healthy = await web.get(url.replace("/mcp", "/healthz"))
            ready = await web.get(url.replace("/mcp", "/readyz"))
            told = modern("tools/list")
            full = await web.post(url, content=told["content"], headers=told["headers"] | ana)
            listed = await web.post(url, content=told["content"], headers=told["headers"] | bo)
            assert not any(one.done() for one in waiting)
            answers = await asyncio.gather(*waiting)
    assert (healthy.status_code, ready.status_code, full.status_code) == (200, 200, 429)
    assert len(listed.json()["result"]["tools"]) == len(offered.SLUGS)
    for answer in answers:
        assert "the answer did not come in time" in envelope(answer)["error"]
    assert "Traceback" not in program.errors


async def test_a_full_pool_of_connections_is_told_and_nothing_has_left() -> None:
    wide = {"CLICKSEND_MCP_HTTP_CALLS_AT_ONCE": "200", "CLICKSEND_MCP_CONNECT_TIMEOUT": "2"}
    async with scripted(keeps_silent) as upstream, browsing() as web:
        environment = at(upstream, **wide)
        async with running_http(**environment) as (program, url):
            waiting = [asyncio.ensure_future(web.post(url, **call(READ, {}))) for _ in range(POOL)]
            await until(lambda: len(upstream.requests) == POOL)
            over = await asyncio.gather(*(web.post(url, **call(READ, {})) for _ in range(5)))
            assert not any(one.done() for one in waiting)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    for answer in over:
        assert "too many calls at once, none of the connections became free" in envelope(answer)["error"]
    assert len(upstream.requests) == POOL
    assert "Traceback" not in program.errors


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_of_each_era_is_told_the_deadline(era: str) -> None:
    deadline = {"CLICKSEND_MCP_TOTAL_TIMEOUT": "2"}
    async with scripted(keeps_silent) as upstream:
        environment = at(upstream, **deadline)
        async with running_http(**environment) as (_, url), asyncio.timeout(PATIENCE), Client(url, mode=era) as client:
            result = await client.call_tool(READ, {})
    assert "no complete answer within" in (result.structured_content or {})["error"]
