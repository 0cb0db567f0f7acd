"""Slow clients: each is ended by a bound, and others are served meanwhile."""

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.hosting import PATIENCE, Program, running_http
from support.scripted import says, scripted
from support.troubles import ACCEPTED, READ, Wire, at, bounds, browsing, call, envelope, modern, request, until, wire

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurried")]

HALF_A_HEAD = "POST /mcp HTTP/1.1\nHost: 127.0.0.1:1\nX-Half"


async def served(web: Any, url: str) -> None:
    """Another caller lists the tools."""
    assert (await web.post(url, **modern("tools/list"))).status_code == 200


async def ended_cleanly(program: Program) -> None:
    """The program ends when it is asked to, and has had no fault."""
    program.process.terminate()
    assert await program.ended() == 0
    assert "Traceback" not in program.errors
    assert "Exception" not in program.errors


async def test_half_a_head_a_dripping_head_and_an_idle_connection_are_closed() -> None:
    async with running_http(**bounds(connections__HEADER_TIMEOUT=1.5)) as (program, url), browsing() as web:
        async with wire(url) as half, wire(url) as dripping, wire(url) as idle:
            drip = asyncio.ensure_future(drips(dripping))
            await half.write(HALF_A_HEAD)
            await served(web, url)
            for client in (half, dripping, idle):
                assert await client.end() == b""
            drip.cancel()
        await served(web, url)
        await ended_cleanly(program)


async def drips(client: Wire) -> None:
    """Never come to the end of a head."""
    await client.write("GET /healthz HTTP/1.1\nX-Long: ")
    while True:
        client.writer.write(b"x")
        await asyncio.sleep(0.05)


async def test_a_second_head_has_a_bound_too() -> None:
    async with running_http(**bounds(connections__HEADER_TIMEOUT=1.5)) as (program, url), wire(url) as client:
        await client.write("GET /healthz HTTP/1.1\nHost: x\n\n")
        assert (await client.answer())[0] == 200
        drip = asyncio.ensure_future(drips(client))
        assert await client.end() == b""
        drip.cancel()
        await ended_cleanly(program)


async def test_a_head_that_is_too_long_is_refused() -> None:
    async with running_http() as (program, url), wire(url) as client:
        await client.write("GET /healthz HTTP/1.1\nX-Long: " + "x" * 200_000)
        assert (await client.end()).startswith(b"HTTP/1.1 400")
        program.process.terminate()
        await program.ended()
    assert "Traceback" not in program.errors


@pytest.mark.parametrize("way", ["with a length", "in pieces"])
async def test_half_a_body_is_given_up(way: str) -> None:
    async with (
        running_http(**bounds(gateway__BODY_TIMEOUT=1)) as (program, url),
        browsing() as web,
        wire(url) as client,
    ):
        length = "Content-Length: 500" if way == "with a length" else "Transfer-Encoding: chunked"
        await client.write(f"POST /mcp HTTP/1.1\nHost: {url.split('/')[2]}\n{length}\n\n5\nhello\n")
        await served(web, url)
        status, headers, body = await client.answer()
        await client.end()
        await ended_cleanly(program)
    assert status == 408
    assert headers["connection"] == "close"
    assert b"The request did not arrive within 1 s." in body


async def test_a_body_that_breaks_off_frees_its_place() -> None:
    async with running_http(CLICKSEND_MCP_HTTP_CALLS_AT_ONCE="1") as (program, url), browsing() as web:
        async with wire(url) as client:
            await client.write(request(url, modern("tools/list"))[:-20])
            while (await web.post(url, **modern("tools/list"))).status_code == 200:
                pass  # until the head has been read
        while (await web.post(url, **modern("tools/list"))).status_code == 429:
            pass  # until the end has been noticed
        await ended_cleanly(program)


async def test_a_client_that_reads_nothing_is_cut_and_others_are_served() -> None:
    async with running_http(**bounds(connections__READ_TIMEOUT=1.5)) as (program, url), browsing() as web:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, _, port = url.split("/")[2].partition(":")
        deaf.connect((host, int(port)))
        deaf.setblocking(False)
        asking = request(url, modern("tools/list"))
        with deaf:
            cut = asyncio.ensure_future(asks_until_cut(deaf, asking))
            await served(web, url)
            await asyncio.wait_for(cut, PATIENCE)
        await served(web, url)
        await ended_cleanly(program)


async def asks_until_cut(deaf: socket.socket, asking: bytes) -> None:
    """Ask for more and more, and read none of it."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            await loop.sock_sendall(deaf, asking)
            await asyncio.sleep(0)
    except ConnectionError:
        return


async def status_of(url: str, path: str) -> int:
    """The status of a path, asked on a connection of its own."""
    async with wire(url) as client:
        await client.write(f"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n")
        return (await client.answer())[0]


async def become(url: str, status: int) -> None:
    """Wait until a path that there is not is answered so."""
    async with asyncio.timeout(PATIENCE):
        while await status_of(url, "/elsewhere") != status:
            pass


async def test_beyond_the_most_connections_only_questions_of_health_are_answered() -> None:
    """Kubernetes would restart a server that cannot be asked."""
    environment = bounds(connections__MAX_CONNECTIONS=30, connections__HEADER_TIMEOUT=60)
    async with running_http(**environment) as (program, url), AsyncExitStack() as idle:
        for _ in range(31):
            await idle.enter_async_context(wire(url))
        await become(url, 503)  # until all have been accepted
        assert await status_of(url, "/healthz") == 200
        assert await status_of(url, "/mcp") == 503
        await idle.aclose()
        await become(url, 404)
        program.process.terminate()
        assert await program.ended() == 0
    assert "Traceback" not in program.errors


async def test_those_who_are_silent_longest_make_room() -> None:
    """Two thousand connections without a word or a token shut out nobody."""
    environment = bounds(
        connections__MAX_CONNECTIONS=20, connections__RESERVED_FOR_HEALTH=5, connections__HEADER_TIMEOUT=60
    )
    async with running_http(**environment) as (program, url), AsyncExitStack() as idle:
        for _ in range(60):
            await idle.enter_async_context(wire(url))
        for _ in range(10):
            assert await status_of(url, "/healthz") == 200
        program.process.terminate()
        assert await program.ended() == 0
    assert "Traceback" not in program.errors


async def test_many_idle_connections_hold_nobody_up() -> None:
    async with scripted(says(ACCEPTED)) as upstream, running_http(**at(upstream)) as (program, url):
        async with AsyncExitStack() as idle, browsing() as web:
            for _ in range(300):
                await idle.enter_async_context(wire(url))
            assert envelope(await web.post(url, **call(READ, {})))["successful"]
        await until(lambda: upstream.requests)
        await ended_cleanly(program)
