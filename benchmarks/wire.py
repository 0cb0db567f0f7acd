"""A minimal MCP client, to keep the load cheap: JSON-RPC over pipes and over HTTP, in both protocol eras."""

import asyncio
import json
import re
from asyncio.subprocess import Process
from itertools import count
from typing import Any, Protocol

LEGACY, MODERN = "2025-11-25", "2026-07-28"
ERAS = (LEGACY, MODERN)
PATIENCE = 120  # seconds for any answer
_ID = re.compile(rb'"id":\s*(\d+)')
_ME = {"name": "benchmark", "version": "1"}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _ME,
    "io.modelcontextprotocol/clientCapabilities": {},
}


class CallFailed(Exception):
    """A call did not end as expected, which makes all measurements worthless."""


class Wire(Protocol):
    """A connection to a server."""

    async def ask(self, method: str, params: dict[str, Any]) -> bytes:
        """Send a request and wait for the answer; the whole message as JSON."""
        ...

    async def tell(self, method: str) -> None:
        """Send a notification."""
        ...


def _message(era: str, number: int | None, method: str, params: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if number is not None:
        message["id"] = number
        message["params"] = params | {"_meta": _META} if era == MODERN else params
    return json.dumps(message, separators=(",", ":")).encode()


async def greet(wire: Wire, era: str) -> None:
    """Do the handshake of a client."""
    if era == MODERN:
        result_of(await wire.ask("server/discover", {}))
    else:
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _ME}
        result_of(await wire.ask("initialize", hello))
        await wire.tell("notifications/initialized")


def result_of(answer: bytes) -> dict[str, Any]:
    """The result in an answer."""
    message = json.loads(answer)
    if "result" not in message:
        raise CallFailed(answer[:500].decode("utf-8", "replace"))
    result: dict[str, Any] = message["result"]
    return result


def insist(answer: bytes, *, refused: bool = False) -> None:
    """Raise CallFailed unless a call succeeded, or was refused for the wrong argument; does not parse the answer."""
    failed = b'"isError":true' in answer
    as_it_should = failed and b"oder_by" in answer if refused else not failed and b"SUCCESS" in answer
    if b'"result":' not in answer or not as_it_should:
        raise CallFailed(answer[:800].decode("utf-8", "replace"))


class Pipes:
    """Over stdio: many requests in flight, answers matched by their ids."""

    def __init__(self, process: Process, era: str) -> None:
        assert process.stdin
        assert process.stdout
        self._in, self._out = process.stdin, process.stdout
        self._era = era
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._reading = asyncio.create_task(self._read())

    async def ask(self, method: str, params: dict[str, Any]) -> bytes:
        """Write a line, and wait for the one with the same id."""
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._in.write(_message(self._era, number, method, params) + b"\n")
        return await asyncio.wait_for(future, PATIENCE)

    async def tell(self, method: str) -> None:
        """Write a line without an id."""
        self._in.write(_message(self._era, None, method, {}) + b"\n")

    def close(self) -> None:
        """Stop reading."""
        self._reading.cancel()

    async def _read(self) -> None:
        rest = b""
        while data := await self._out.read(2**18):
            *lines, rest = (rest + data).split(b"\n") if rest else data.split(b"\n")
            for line in lines:
                found = _ID.search(line)
                if found and (future := self._waiting.pop(int(found[1]), None)) and not future.done():
                    future.set_result(line)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(CallFailed("the server closed its stdout"))


class Web:
    """Over Streamable HTTP: one connection for each request in flight, reused for the next."""

    def __init__(self, port: int, era: str) -> None:
        self._port = port
        self._era = era
        self._session = ""
        self._numbers = count(1)
        self._idle: list[_Connection] = []

    async def ask(self, method: str, params: dict[str, Any]) -> bytes:
        """Post a request; the answer's JSON, from an event stream or not."""
        number = next(self._numbers)
        status, head, body = await self._post(method, params, _message(self._era, number, method, params))
        if status != 200:
            raise CallFailed(f"HTTP {status}: {body[:300]!r}")
        if session := re.search(rb"mcp-session-id: (\S+)", head, re.I):
            self._session = session[1].decode()
        answer = _data(body) if b"text/event-stream" in head else body
        found = _ID.search(answer)
        if not found or int(found[1]) != number:
            raise CallFailed(f"not the answer to {number}: {answer[:300]!r}")
        return answer

    async def tell(self, method: str) -> None:
        """Post a notification."""
        status, _, body = await self._post(method, {}, _message(self._era, None, method, {}))
        if status != 202:
            raise CallFailed(f"HTTP {status}: {body[:300]!r}")

    def close(self) -> None:
        """Close the connections."""
        for connection in self._idle:
            connection.close()

    async def _post(self, method: str, params: dict[str, Any], message: bytes) -> tuple[int, bytes, bytes]:
        head = [
            "POST /mcp HTTP/1.1",
            f"host: 127.0.0.1:{self._port}",
            "accept: application/json, text/event-stream",
            "content-type: application/json",
            f"content-length: {len(message)}",
        ]
        if self._era == MODERN or self._session:
            head.append(f"mcp-protocol-version: {self._era}")
        if self._era == MODERN:
            head.append(f"mcp-method: {method}")
            head += [f"mcp-name: {params['name']}"] if method == "tools/call" else []
        elif self._session:
            head.append(f"mcp-session-id: {self._session}")
        request = "\r\n".join([*head, "", ""]).encode() + message
        while self._idle and self._idle[-1].closed:
            self._idle.pop()
        connection = self._idle.pop() if self._idle else await _connect(self._port)
        answer = await asyncio.wait_for(connection.exchange(request), PATIENCE)
        self._idle.append(connection)
        return answer


async def _connect(port: int) -> "_Connection":
    _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", port)
    return connection


class _Connection(asyncio.Protocol):
    """One HTTP connection with at most one request in flight."""

    closed = False

    def __init__(self) -> None:
        self._received = bytearray()
        self._body_at = 0
        self._length: int | None = None  # None: chunked
        self._waiting: asyncio.Future[tuple[int, bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    async def exchange(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer."""
        self._received.clear()
        self._body_at = 0
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._body_at:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._body_at = end + 4
            length = re.search(rb"content-length: *(\d+)", self._received[:end], re.I)
            self._length = int(length[1]) if length else None
        if self._length is None:
            complete = self._received.endswith(b"0\r\n\r\n")
        else:
            complete = len(self._received) >= self._body_at + self._length
        if complete and self._waiting and not self._waiting.done():
            head, body = bytes(self._received[: self._body_at]), bytes(self._received[self._body_at :])
            self._waiting.set_result((int(head[9:12]), head, _joined(body) if self._length is None else body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(CallFailed("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()


def _joined(chunked: bytes) -> bytes:
    """A chunked body in one piece."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = chunked.index(b"\r\n", at)
        size = int(chunked[at:end], 16)
        if not size:
            return b"".join(parts)
        parts.append(chunked[end + 2 : end + 2 + size])
        at = end + 4 + size


def _data(stream: bytes) -> bytes:
    """The data of the last event of a stream."""
    return stream.rpartition(b"data: ")[2].strip()
