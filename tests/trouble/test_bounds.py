"""Bounds over HTTP: how large a request may be, and how many of them a caller may make."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from support.guarding import Place
from support.hosting import PATIENCE, running_http
from support.inputs import GOOD
from support.scripted import keeps_silent, says, says_when_released, scripted
from support.troubles import (
    ACCEPTED,
    READ,
    SEND,
    at,
    bounds,
    browsing,
    call,
    callers,
    envelope,
    modern,
    relay,
    request,
    until,
    wire,
)

pytestmark = pytest.mark.anyio

LARGE = 100_000  # bytes, where the bound is 5000
SMALL = {"CLICKSEND_MCP_HTTP_MAX_BODY": "5000"}


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    """A body whose length is not told beforehand."""
    for _ in range(size // 1000):
        yield b"x" * 1000


@pytest.mark.parametrize("told", [True, False], ids=["by its length", "in pieces"])
@pytest.mark.parametrize("size", [6_000, 8_000_000])
async def test_a_request_that_is_too_large_is_refused(hurried: None, told: bool, size: int) -> None:
    patient = bounds(gateway__LINGER=PATIENCE)  # a client on a busy machine may take long to write it all
    async with running_http(**SMALL, **patient) as (_, url), browsing() as web:
        body = b"x" * size if told else in_pieces(size)
        refused = await web.post(url, headers=modern("tools/list")["headers"], content=body)
        good = await web.post(url, **modern("tools/list"))
    assert refused.status_code == 413
    assert refused.json() == {"error": "The request is larger than 5000 bytes."}
    assert refused.headers["connection"] == "close"
    assert good.status_code == 200


async def test_a_length_that_is_too_large_is_refused_before_the_body_comes() -> None:
    async with running_http(**SMALL) as (_, url), wire(url) as client:
        await client.write(request(url, modern("tools/list"), **{"Content-Length": str(LARGE)}).partition(b"{")[0])
        status, _, _ = await client.answer()
        assert status == 413
        await client.end()


async def test_a_body_in_pieces_is_refused_before_it_has_ended() -> None:
    async with running_http(**SMALL) as (_, url), wire(url) as client:
        head = "POST /mcp HTTP/1.1\nHost: 127.0.0.1:1\nTransfer-Encoding: chunked\n\n"
        await client.write(head)
        for _ in range(6):
            await client.write("3e8\n" + "x" * 1000 + "\n")
        status, _, _ = await client.answer()
        assert status == 413
        await client.end()


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 30, "²"])
async def test_a_length_that_is_none_is_refused(length: str) -> None:
    async with running_http(**SMALL) as (program, url), wire(url) as client:
        head = f"POST /mcp HTTP/1.1\nHost: 127.0.0.1:1\nContent-Length: {length}\n\n"
        await client.write(head.replace("\n", "\r\n").encode("latin-1"))
        status, _, _ = await client.answer()
        assert status in (400, 413)
        assert "Traceback" not in program.errors


async def test_calls_of_a_minute_are_counted_for_each_caller(tmp_path: Path) -> None:
    own, (ana, bo) = callers(tmp_path, "ana", "bo")
    async with scripted(says(ACCEPTED)) as upstream:
        environment = at(upstream, CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE="3", **own)
        async with running_http(**environment) as (_, url), browsing() as web:
            answers = [await post(web, url, ana) for _ in range(5)]
            other = await post(web, url, bo)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert "More than 3 requests in a minute. Come back in " in answers[-1].json()["error"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert other.status_code == 200


async def post(web: httpx.AsyncClient, url: str, caller: dict[str, str] | None = None) -> httpx.Response:
    """List the tools as a caller."""
    told = modern("tools/list")
    return await web.post(url, headers=told["headers"] | (caller or {}), content=told["content"])


async def test_calls_at_once_are_counted_for_each_caller(tmp_path: Path) -> None:
    own, (ana, bo) = callers(tmp_path, "ana", "bo")
    async with scripted(says_when_released(ACCEPTED)) as upstream:
        environment = at(upstream, CLICKSEND_MCP_HTTP_CALLS_AT_ONCE="2", **own)
        async with running_http(**environment) as (_, url), browsing() as web:
            told = call(READ, {})
            ways = {"url": url, "content": told["content"], "headers": told["headers"] | ana}
            waiting = [asyncio.ensure_future(web.post(**ways)) for _ in range(2)]
            await until(lambda: len(upstream.requests) == 2)
            refused = await post(web, url, ana)
            other = await post(web, url, bo)
            upstream.released.set()
            answers = await asyncio.gather(*waiting)
            later = await post(web, url, ana)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert "More than 2 requests at once." in refused.json()["error"]
    assert other.status_code == 200
    assert [answer.status_code for answer in (*answers, later)] == [200] * 3


async def test_a_place_is_free_again_when_a_client_has_left() -> None:
    async with scripted(keeps_silent) as upstream:
        environment = at(upstream, CLICKSEND_MCP_HTTP_CALLS_AT_ONCE="1")
        async with running_http(**environment) as (_, url), browsing() as web:
            async with wire(url) as client:
                await client.write(request(url, call(READ, {})))
                await upstream.wait(upstream.arrived)
                assert (await post(web, url)).status_code == 429
            await upstream.wait(upstream.hung_up)
            answers = []
            await until_served(web, url, answers)
    assert answers[-1].status_code == 200


async def until_served(web: httpx.AsyncClient, url: str, answers: list[httpx.Response]) -> None:
    """Ask until the caller has a place again."""
    async with asyncio.timeout(PATIENCE):
        while not answers or answers[-1].status_code == 429:
            answers.append(await post(web, url))


async def test_no_header_makes_a_call_uncounted() -> None:
    """As one for a stream, which is never waited for, might."""
    async with scripted(says_when_released(ACCEPTED)) as upstream:
        environment = at(upstream, CLICKSEND_MCP_HTTP_CALLS_AT_ONCE="1", CLICKSEND_MCP_HTTP_STATELESS="1")
        async with running_http(**environment) as (_, url), browsing() as web:
            waiting = asyncio.ensure_future(web.post(url, **call(READ, {})))
            await upstream.wait(upstream.arrived)
            told = call(READ, {})
            del told["headers"]["Mcp-Protocol-Version"]
            told["headers"]["Mcp-Method"] = "subscriptions/listen"
            asking = asyncio.ensure_future(web.post(url, **told))
            await until(lambda: asking.done() or len(upstream.requests) > 1)
            upstream.released.set()
            await waiting
            assert (await asking).status_code == 429
    assert len(upstream.requests) == 1


async def test_two_processes_on_one_postgresql_ledger_count_together(postgres: Place) -> None:
    environment = {"CLICKSEND_MCP_LEDGER": postgres.text, "CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE": "4"}
    async with running_http(**environment) as (_, one), running_http(**environment) as (_, two), browsing() as web:
        statuses = [(await post(web, url)).status_code for url in (one, two, one, two, one, two)]
    assert statuses == [200] * 4 + [429] * 2


async def test_two_processes_on_one_sqlite_ledger_count_each_for_itself(ledger: Place) -> None:
    environment = {"CLICKSEND_MCP_LEDGER": ledger.text, "CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE": "2"}
    async with running_http(**environment) as (_, one), running_http(**environment) as (_, two), browsing() as web:
        statuses = [(await post(web, url)).status_code for url in (one, two, one, two, one, two)]
    assert statuses == [200] * 4 + [429] * 2


async def test_counting_goes_on_in_the_process_while_the_database_is_gone(postgres: Place) -> None:
    async with relay() as way, scripted(says(ACCEPTED)) as upstream:
        place = postgres.text.replace(":5432", f":{way.port}")
        environment = at(upstream, CLICKSEND_MCP_LEDGER=place, CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE="3")
        async with running_http(**environment) as (program, url), browsing() as web:
            assert (await post(web, url)).status_code == 200
            await way.cut()
            gone = [await post(web, url) for _ in range(3)]
            over = await post(web, url)
            await way.open()
            back = [(await post(web, url)).status_code for _ in range(3)]
            program.process.terminate()
            await program.ended()
    assert [answer.status_code for answer in gone] == [200] * 3
    assert over.status_code == 429
    assert int(over.headers["retry-after"]) >= 1
    assert back == [200, 200, 429]  # the one of before is remembered there
    assert "requests are counted in this process alone" in program.errors
    assert "Traceback" not in program.errors


async def test_a_paid_call_is_refused_while_the_database_is_gone_and_a_read_is_not(postgres: Place) -> None:
    async with relay() as way, scripted(says(ACCEPTED)) as upstream:
        place = postgres.text.replace(":5432", f":{way.port}")
        async with running_http(**at(upstream, CLICKSEND_MCP_LEDGER=place)) as (_, url), browsing() as web:
            assert envelope(await web.post(url, **call(SEND, GOOD[SEND])))["successful"]
            await way.cut()
            refused = envelope(await web.post(url, **call(SEND, GOOD[SEND])))
            read = envelope(await web.post(url, **call(READ, {})))
    assert "The ledger of sends cannot be used (" in refused["error"]
    assert read["successful"]
    assert len(upstream.requests) == 2
