"""The undocumented parts of aiohttp and httpx-aiohttp that the client relies on, in the versions installed here."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import aiohttp
import httpx
import pytest
from httpx_aiohttp import AiohttpTransport
from support.scripted import PATIENCE

from server.clicksend.aiohttp_internals import (
    Connection,
    Protocol,
    before_writing,
    disable_resend,
    holds_partial_response,
    original_error,
    set_protocol,
)

pytestmark = pytest.mark.anyio

INSTALLED = f"aiohttp {version('aiohttp')}, httpx-aiohttp {version('httpx-aiohttp')}"
REVISE = f"installed: {INSTALLED}; revise server/clicksend/aiohttp_internals.py for it"


class Stopped(Exception):
    """Raised by a test in place of a cancellation."""


@asynccontextmanager
async def listening(received: list[bytes]) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that only reads; gives its URL, and an event for the end of the first connection."""
    ended = asyncio.Event()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()
        ended.set()

    async with await asyncio.start_server(read, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", ended


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *((Protocol, name) for name in ("transport", "should_close", "force_close", "abort", "is_connected")),
        *((Protocol, name) for name in ("set_response_params", "data_received", "connection_lost")),
        *((Connection, name) for name in ("protocol", "add_callback", "close")),
    ],
)
async def test_a_part_that_is_used_is_there(owner: type, name: str) -> None:
    assert hasattr(owner, name), f"{owner.__name__}.{name} is gone; {REVISE}"


async def test_a_connector_is_asked_for_a_connection_in_the_same_way() -> None:
    parameters = list(inspect.signature(aiohttp.TCPConnector.connect).parameters)

    assert parameters == ["self", "req", "traces", "timeout"], REVISE


async def test_a_session_no_longer_resends_by_itself() -> None:
    async with aiohttp.ClientSession() as session:
        assert getattr(session, "_retry_connection", None) is True, f"ClientSession._retry_connection; {REVISE}"
        disable_resend(session)

        assert session._retry_connection is False


async def test_a_connector_makes_its_connections_with_our_protocol() -> None:
    made = asyncio.Event()

    def protocol(loop: asyncio.AbstractEventLoop) -> Protocol:
        made.set()
        return Protocol(loop)

    connector = aiohttp.TCPConnector()
    assert "_factory" in vars(connector), f"BaseConnector._factory is gone; {REVISE}"
    set_protocol(connector, partial(protocol, asyncio.get_running_loop()))
    async with listening([]) as (url, _), aiohttp.ClientSession(connector=connector) as session:
        pending = asyncio.create_task(session.get(url))
        async with asyncio.timeout(PATIENCE):
            await made.wait()
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)


async def test_the_beginning_of_a_second_response_is_found_in_the_parser() -> None:
    protocol = Protocol(asyncio.get_running_loop())
    assert hasattr(protocol, "_parser"), f"ResponseHandler._parser is gone; {REVISE}"
    protocol.set_response_params()
    assert not holds_partial_response(protocol), REVISE
    protocol.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le")

    assert holds_partial_response(protocol), REVISE


@pytest.mark.parametrize("stop_at", ["headers", "chunk"])
async def test_nothing_is_written_before_its_trace_was_awaited(stop_at: str) -> None:
    received: list[bytes] = []
    traced: list[bytes] = []

    def stopping(event: str) -> Callable[..., Awaitable[None]]:
        async def trace(*written: bytes) -> None:
            traced.append(event.encode())
            if event == stop_at:
                raise Stopped

        return trace

    trace = before_writing(stopping("headers"), stopping("chunk"))
    async with listening(received) as (url, ended), aiohttp.ClientSession(trace_configs=[trace]) as session:
        with pytest.raises((Stopped, aiohttp.ClientConnectionError)):  # of a body aiohttp raises its own
            await session.post(url, data=b"the body")
        await ended.wait()

    assert traced[-1] == stop_at.encode()
    assert b"the body" not in received[0], REVISE
    if stop_at == "headers":
        assert received == [b""], REVISE


async def test_the_error_of_aiohttp_is_the_cause_of_that_of_httpx() -> None:
    opened: list[aiohttp.ClientSession] = []

    def session() -> aiohttp.ClientSession:
        opened.append(aiohttp.ClientSession())
        return opened[-1]

    transport = AiohttpTransport(client=session)
    assert opened == [], f"a session is opened before the first request, outside an event loop; {REVISE}"
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
    with pytest.raises(httpx.HTTPError) as caught:
        await transport.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}/"))
    await transport.aclose()

    assert isinstance(original_error(caught.value), aiohttp.ClientConnectorError), REVISE
