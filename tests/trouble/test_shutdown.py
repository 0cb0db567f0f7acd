"""The end of a server: calls in flight are finished, streams cut, nobody new let in, and nothing paid is lost."""

import asyncio
import json
import signal
from typing import Any

import httpx
import pytest
from mcp import Client
from support.guarding import Place
from support.hosting import ERAS, HELLO, PATIENCE, Program, running, running_http
from support.inputs import GOOD
from support.scripted import good, keeps_silent, says_when_released, scripted
from support.troubles import ACCEPT, ACCEPTED, READ, SEND, at, bounds, browsing, call, envelope, modern, request, wire

pytestmark = pytest.mark.anyio

ACCOUNT = good({"username": "ana"})


def ends_well(program: Program, status: int) -> bool:
    """Whether a program has ended as asked, and in peace."""
    return status == 0 and "Traceback" not in program.errors and "Exception" not in program.errors


async def refused(url: str) -> None:
    """Wait until nobody new is let in."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with wire(url):
                    pass
            except OSError:
                return


@pytest.mark.parametrize("era", ERAS)
async def test_the_answer_of_a_call_in_flight_arrives(era: str) -> None:
    async with scripted(says_when_released(ACCOUNT)) as upstream, running_http(**at(upstream)) as (program, url):
        async with asyncio.timeout(PATIENCE), Client(url, mode=era) as client:
            await client.list_tools()  # or the client would ask for them once it has the result
            calling = asyncio.ensure_future(client.call_tool(READ, {}))
            await upstream.wait(upstream.arrived)
            program.process.terminate()
            await refused(url)
            assert not calling.done()
            upstream.released.set()
            result = await calling
        assert ends_well(program, await program.ended())
    assert (result.structured_content or {})["successful"]


async def test_nobody_new_is_let_in_while_calls_are_waited_for() -> None:
    async with scripted(says_when_released(ACCEPTED)) as upstream, running_http(**at(upstream)) as (program, url):
        async with wire(url) as call_open, wire(url) as probe, wire(url) as kept, wire(url) as another:
            for one in (kept, another):
                await one.write(request(url, modern("tools/list")))
                assert (await one.answer())[0] == 200
            await probe.write("GET /readyz HTTP/1.1\nHost: x\n\n")
            assert (await probe.answer())[0] == 200
            await call_open.write(request(url, call(READ, {})))
            await upstream.wait(upstream.arrived)
            program.process.terminate()
            await refused(url)

            await probe.write("GET /readyz HTTP/1.1\nHost: x\n\n")
            status, _, body = await probe.answer()
            assert (status, json.loads(body)["problems"]) == (503, ["the server is ending"])
            # Who is connected is answered once more, and asked to go.
            await kept.write(request(url, modern("tools/list")))
            status, headers, _ = await kept.answer()
            assert (status, headers["connection"]) == (200, "close")
            await kept.end()
            # What belongs to a call that is under way still comes through.
            about = {"headers": ACCEPT, "content": '{"jsonrpc": "2.0", "method": "notifications/cancelled"}'}
            await another.write(request(url, about))
            assert (await another.answer())[0] < 500

            upstream.released.set()
            status, headers, _ = await call_open.answer()
            assert (status, headers["connection"]) == (200, "close")
        assert ends_well(program, await program.ended())
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("after", [0, 1], ids=["fresh", "kept alive"])
async def test_idle_connections_hold_nothing_up(after: int) -> None:
    async with running_http() as (program, url), wire(url) as idle:
        for _ in range(after):
            await idle.write("GET /healthz HTTP/1.1\nHost: x\n\n")
            await idle.answer()
        program.process.terminate()
        assert ends_well(program, await program.ended())
        await idle.end()


async def session(web: httpx.AsyncClient, url: str) -> dict[str, str]:
    """The headers of a legacy session."""
    hello = await web.post(url, json=HELLO[0], headers=ACCEPT)
    headers = ACCEPT | {"Mcp-Session-Id": hello.headers["mcp-session-id"], "Mcp-Protocol-Version": "2025-11-25"}
    await web.post(url, json=HELLO[1], headers=headers)
    return headers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_an_open_stream_of_a_session_is_cut(number: signal.Signals) -> None:
    async with running_http() as (program, url), browsing() as web:
        headers = await session(web, url)
        async with web.stream("GET", url, headers=headers) as stream:
            assert stream.status_code == 200
            program.process.send_signal(number)
            ended = asyncio.ensure_future(program.ended())
            async with asyncio.timeout(PATIENCE):
                try:
                    async for _ in stream.aiter_raw():
                        pass
                except httpx.TransportError:
                    pass
            assert ends_well(program, await ended)


async def test_a_call_is_finished_although_a_stream_of_its_session_is_open() -> None:
    async with scripted(says_when_released(ACCOUNT)) as upstream, browsing() as web:
        environment = at(upstream)
        async with running_http(**environment) as (program, url):
            headers = await session(web, url)
            async with web.stream("GET", url, headers=headers):
                told = json.loads(call(READ, {})["content"])
                calling = asyncio.ensure_future(web.post(url, json=told, headers=headers))
                await upstream.wait(upstream.arrived)
                program.process.terminate()
                await refused(url)
                upstream.released.set()
                assert envelope(await calling)["successful"]
            assert ends_well(program, await program.ended())


async def test_a_call_that_may_stream_its_answer_is_finished() -> None:
    async with scripted(says_when_released(ACCOUNT)) as upstream, running_http(**at(upstream)) as (program, url):
        async with browsing() as web:
            told = call(READ, {}, meta={"progressToken": "p"})
            calling = asyncio.ensure_future(web.post(url, **told))
            await upstream.wait(upstream.arrived)
            program.process.terminate()
            await refused(url)
            upstream.released.set()
            assert envelope(await calling)["successful"]
        assert ends_well(program, await program.ended())


async def test_two_signals_are_no_more_than_one() -> None:
    async with scripted(says_when_released(ACCEPTED)) as upstream, running_http(**at(upstream)) as (program, url):
        async with asyncio.timeout(PATIENCE), Client(url) as client:
            await client.list_tools()
            calling = asyncio.ensure_future(client.call_tool(SEND, GOOD[SEND]))
            await upstream.wait(upstream.arrived)
            program.process.terminate()
            await refused(url)
            program.process.terminate()
            program.process.send_signal(signal.SIGINT)
            program.process.send_signal(signal.SIGTERM)
            upstream.released.set()
            result = await calling
        assert ends_well(program, await program.ended())
    assert (result.structured_content or {})["successful"]
    assert not upstream.hung_up.is_set()


async def test_a_read_that_outlasts_the_grace_is_cut() -> None:
    short = {"CLICKSEND_MCP_HTTP_GRACE": "0.5"}
    async with scripted(keeps_silent) as upstream, browsing() as web:
        environment = at(upstream, **short)
        async with running_http(**environment) as (program, url):
            calling = asyncio.ensure_future(web.post(url, **call(READ, {})))
            await upstream.wait(upstream.arrived)
            program.process.terminate()
            status = await program.ended()
            await asyncio.wait({calling}, timeout=PATIENCE)
            assert calling.done()
            calling.exception()
    assert upstream.hung_up.is_set()
    assert status == 0
    assert "Traceback" not in program.errors


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "never answered"])
@pytest.mark.parametrize("era", ERAS)
async def test_a_paid_call_that_outlasts_the_grace_is_recorded(ledger: Place, era: str, answered: bool) -> None:
    script: Any = says_when_released(ACCEPTED) if answered else keeps_silent
    short = {"CLICKSEND_MCP_HTTP_GRACE": "0.2", "CLICKSEND_MCP_TOTAL_TIMEOUT": "15" if answered else "3"}
    async with scripted(script) as upstream:
        environment = at(upstream, CLICKSEND_MCP_LEDGER=ledger.text, **short)
        async with running_http(**environment) as (program, url), browsing() as web:
            told = call(SEND, GOOD[SEND])
            if era == "legacy":
                told = {"headers": await session(web, url), "content": told["content"]}
            calling = asyncio.ensure_future(web.post(url, **told))
            await upstream.wait(upstream.arrived)
            program.process.terminate()
            await asyncio.wait({calling}, timeout=PATIENCE)  # the client is cut off, the call is not
            assert calling.done()
            calling.exception()
            assert ledger.row()["state"] == "started"
            upstream.released.set()
            status = await program.ended()
    assert status == 0
    assert "Traceback" not in program.errors
    assert ledger.row()["state"] == ("accepted" if answered else "unknown")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None], ids=["SIGTERM", "SIGINT", "end of input"])
@pytest.mark.parametrize("answered", [True, False], ids=["answered", "never answered"])
async def test_over_stdio_too_a_paid_call_in_flight_is_recorded(
    ledger: Place, how: signal.Signals | None, answered: bool
) -> None:
    script: Any = says_when_released(ACCEPTED) if answered else keeps_silent
    async with scripted(script) as upstream:
        deadline = {"CLICKSEND_MCP_TOTAL_TIMEOUT": "15" if answered else "2"}
        async with running(**at(upstream, CLICKSEND_MCP_LEDGER=ledger.text, **deadline)) as program:
            await program.write(*HELLO)
            await program.answer_to(0)
            message = {"name": SEND, "arguments": GOOD[SEND]}
            await program.write({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": message})
            await upstream.wait(upstream.arrived)
            if how is None:
                await program.close_stdin()
            else:
                program.process.send_signal(how)
            assert ledger.row()["state"] == "started"
            upstream.released.set()
            status = await program.ended()
    assert status == (0 if how is None else 128 + how)
    assert ledger.row()["state"] == ("accepted" if answered else "unknown")


async def test_a_client_that_reads_nothing_does_not_hold_up_the_end(hurried: None) -> None:
    async with running_http(**bounds(connections__READ_TIMEOUT=60)) as (program, url), wire(url, limit=1024) as deaf:
        asking = request(url, modern("tools/list"))
        for _ in range(200):
            deaf.writer.write(asking)
        async with browsing() as web:
            assert (await web.get(url.replace("/mcp", "/healthz"))).status_code == 200
        program.process.terminate()
        status = await program.ended()
    assert status == 0
    assert "Traceback" not in program.errors
