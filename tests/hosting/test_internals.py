"""The undocumented parts of libraries that our `*_internals.py` use are there, in the versions that are installed."""

import inspect
import io
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import Any

import anyio
import pytest
import uvicorn
from anyio.abc import SocketStream
from mcp import Client
from mcp.server import CacheHint
from mcp.server import Server as McpServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.middleware.bearer_auth import authorization_context
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.request_state import authenticated_principal
from mcp.server.stdio import stdio_server
from mcp.types import JSONRPCRequest
from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from support.hosting import ERAS, PATIENCE
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.hosting.sse_internals import end_streams
from server.protocol.sdk_internals import (
    LineSink,
    LineSource,
    add_middleware,
    advertise_extension,
    bind_principal,
    in_auth_context,
)
from server.runtime.sockets import listen
from server.runtime.uvicorn_internals import Connection, ExposedTransport, Server

pytestmark = pytest.mark.anyio

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@contextmanager
def relied_on(package: str, file: str) -> Iterator[None]:
    """Whatever fails inside is told with the version of the package that is installed, and where it is used."""
    try:
        yield
    except (Exception, pytest.fail.Exception) as fault:
        raise AssertionError(f"{package} {version(package)} has changed: see {file}. {fault!r}") from fault


@asynccontextmanager
async def served(app: ASGIApp, http: type[H11Protocol]) -> AsyncIterator[tuple[Server, SocketStream]]:
    """An application on a socket, with a connection to it."""
    with relied_on("uvicorn", "server/runtime/uvicorn_internals.py"), anyio.fail_after(PATIENCE):
        listener = listen("127.0.0.1", 0)
        server = Server(uvicorn.Config(app, http=http, ws="none", lifespan="off", log_config=None))
        await server.start(listener)
        try:
            async with await anyio.connect_tcp("127.0.0.1", listener.getsockname()[1]) as client:
                yield server, client
        finally:
            server.abort_connections()
            await server.stop(listener)


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - bounded by `served`
        await anyio.sleep(0.01)


# --- uvicorn -----------------------------------------------------------------------------------------


async def test_uvicorn_tells_whether_a_connection_waits_for_a_request() -> None:
    arrived, answered = anyio.Event(), anyio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        arrived.set()
        await answered.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with served(app, Connection) as (server, client):
        await until(lambda: server.open_connections == 1)
        (connection,) = server.server_state.connections
        assert isinstance(connection, Connection)
        assert (connection.open_connections, connection.is_idle, server.awaits_first_request) == (1, True, True)
        await client.send(REQUEST)
        await arrived.wait()
        assert (connection.is_idle, server.awaits_first_request) == (False, False)
        answered.set()
        assert (await client.receive()).startswith(b"HTTP/1.1 204")
        assert (connection.is_idle, server.awaits_first_request) == (True, False)
        connection.call_later(0, connection.abort)
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await client.receive()


async def test_uvicorn_closes_a_connection_on_demand() -> None:
    async def app(_: Scope, __: Receive, ___: Send) -> None: ...

    async with served(app, Connection) as (server, client):
        await until(lambda: server.open_connections == 1)
        (connection,) = server.server_state.connections
        assert isinstance(connection, Connection)
        connection.close()
        with pytest.raises(anyio.EndOfStream):
            await client.receive()
        await until(lambda: server.open_connections == 0)


async def test_uvicorn_passes_the_state_of_a_connection_on_to_its_requests() -> None:
    async def app(scope: Scope, _: Receive, __: Send) -> None:
        scope["state"]["transport"].abort()

    async with served(app, ExposedTransport) as (_, client):
        await client.send(REQUEST)
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await client.receive()


async def test_uvicorn_stops_accepting_and_keeps_what_is_open() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with served(app, Connection) as (server, client):
        await until(lambda: server.open_connections == 1)
        server.close_listeners()
        assert not any(listener.is_serving() for listener in server.servers)
        await client.send(REQUEST)
        assert (await client.receive()).startswith(b"HTTP/1.1 204")


async def test_uvicorn_captures_signals_in_the_one_place_that_is_overridden() -> None:
    served_with: list[Any] = []

    async def app(_: Scope, __: Receive, ___: Send) -> None: ...

    class Watched(Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            served_with.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
            self.exit()

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with relied_on("uvicorn", "server/runtime/uvicorn_internals.py"), anyio.fail_after(PATIENCE):
        await Watched(uvicorn.Config(app, lifespan="off", log_config=None)).serve([listen("127.0.0.1", 0)])
        assert served_with == before


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (uvicorn.Server, "capture_signals", ["self"]),
        (uvicorn.Server, "startup", ["self", "sockets"]),
        (uvicorn.Server, "shutdown", ["self", "sockets"]),
        (uvicorn.Config, "load", ["self"]),
        (H11Protocol, "connection_made", ["self", "transport"]),
        (H11Protocol, "connection_lost", ["self", "exc"]),
        (H11Protocol, "data_received", ["self", "data"]),
        (H11Protocol, "pause_writing", ["self"]),
        (H11Protocol, "resume_writing", ["self"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_uvicorn_has_the_methods_that_are_called_or_overridden(
    owner: type, name: str, parameters: list[str]
) -> None:
    with relied_on("uvicorn", "server/runtime/uvicorn_internals.py"):
        assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


@pytest.mark.parametrize("name", ["call_later", "close", "abort", "is_idle", "open_connections"])
async def test_uvicorn_has_no_connection_of_its_own_with_the_names_that_are_added(name: str) -> None:
    with relied_on("uvicorn", "server/runtime/uvicorn_internals.py"):
        assert not hasattr(H11Protocol, name)


@pytest.mark.parametrize("name", ["close_listeners", "exit", "start", "stop", "abort_connections", "open_connections"])
async def test_uvicorn_has_no_server_of_its_own_with_the_names_that_are_added(name: str) -> None:
    with relied_on("uvicorn", "server/runtime/uvicorn_internals.py"):
        assert not hasattr(uvicorn.Server(uvicorn.Config("none")), name)


# --- sse-starlette -----------------------------------------------------------------------------------


async def test_sse_starlette_ends_its_streams_when_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    began = anyio.Event()

    async def events() -> AsyncIterator[str]:
        began.set()
        await anyio.sleep_forever()
        yield ""

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(_: Message) -> None: ...

    with relied_on("sse-starlette", "server/hosting/sse_internals.py"), anyio.fail_after(PATIENCE):
        monkeypatch.setattr(AppStatus, "should_exit", False)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(EventSourceResponse(events()), {"type": "http", "method": "GET"}, receive, send)
            await began.wait()
            end_streams()


# --- the MCP SDK -------------------------------------------------------------------------------------


class Lines(LineSource):
    """Lines that are there already."""

    def __init__(self, *lines: str) -> None:
        super().__init__(io.StringIO("not to be read\n"))
        self.lines = iter(lines)

    async def readline(self) -> str:
        return next(self.lines, "")


class Written(LineSink):
    """What is written, piece by piece."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.pieces: list[str] = []

    async def write(self, b: str) -> int:
        self.pieces.append(b)
        return len(b)


async def test_the_sdk_reads_lines_and_writes_messages_by_these_methods_alone() -> None:
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    written = Written()
    with relied_on("mcp", "server/protocol/sdk_internals.py"), anyio.fail_after(PATIENCE):
        async with stdio_server(Lines(f"{ping}\n"), written) as (incoming, outgoing), incoming, outgoing:
            message = await incoming.receive()
            assert not isinstance(message, Exception)
            assert isinstance(message.message, JSONRPCRequest)
            await outgoing.send(message)
            with pytest.raises(anyio.EndOfStream):
                await incoming.receive()
        assert written.pieces == [f"{ping}\n"]
        assert written.wrapped.tell() == 0


async def test_the_sdk_tells_principals_apart_by_the_token_that_is_made_up() -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        token: Any = get_access_token()
        context: Any = None
        assert token.client_id == authorization_context(scope["user"])["client_id"]
        seen.append((token.client_id, authenticated_principal(context)))

    async def nothing(*_: Any) -> Any: ...

    with relied_on("mcp", "server/protocol/sdk_internals.py"):
        for principal in ("ana", "bo"):
            scope: dict[str, Any] = {"type": "http"}
            bind_principal(scope, principal)
            await in_auth_context(app)(scope, nothing, nothing)
        assert [client for client, _ in seen] == ["ana", "bo"]
        assert len({state for _, state in seen}) == 2
        assert all(state is not None for _, state in seen)


@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_lets_middleware_see_results_as_they_go_onto_the_wire(era: Any) -> None:
    seen: list[tuple[str, Any]] = []

    async def advertise(ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method in ("initialize", "server/discover"):
            assert isinstance(result, dict)
            assert isinstance(result["capabilities"], dict)
            seen.append((ctx.method, result.get("cacheScope")))
            advertise_extension(result, "example.com/extension")
            seen.append((ctx.method, result.get("cacheScope")))
        return result

    with relied_on("mcp", "server/protocol/sdk_internals.py"), anyio.fail_after(PATIENCE):
        server = McpServer("test", cache_hints={"server/discover": CacheHint(ttl_ms=1000, scope="public")})
        add_middleware(server, advertise)
        async with Client(server, mode=era) as client:
            capabilities: Any = client.server_capabilities
            assert capabilities.extensions == {"example.com/extension": {}}
        expected = {"auto": [("server/discover", "public"), ("server/discover", "private")]}
        assert seen == expected.get(era, [("initialize", None), ("initialize", None)])
