"""What the tests of trouble share: messages by hand, a client below HTTP, and a database that goes away."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from server.hosting.callers_file import new_token
from support.hosting import PATIENCE, free_port
from support.scripted import SECRET, USERNAME, Upstream, good

ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
SEND = "CLICKSEND_CREATE_SMS_SEND"
READ = "CLICKSEND_GET_ACCOUNT"
ACCEPTED = good(
    {"total_price": 0.0792, "messages": [{"to": "+61491570006", "status": "SUCCESS", "message_id": "ID-1"}]}
)
ERA = "2026-07-28"


def at(upstream: Upstream | str, **own: str) -> dict[str, str]:
    """The environment of a program whose ClickSend is at an upstream."""
    url = upstream if isinstance(upstream, str) else upstream.url
    return {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": url} | own


def bounds(**changed: float) -> dict[str, str]:
    """Shorter bounds for the program of the fixture `hurried`, as connections__HEADER_TIMEOUT=0.5."""
    return {"BOUNDS": json.dumps({name.replace("_", ".", 1): value for name, value in changed.items()})}


def callers(folder: Path, *names: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The environment of a server with these callers, and the headers of each."""
    entries, headers = [], []
    for name in names:
        token, digest = new_token()
        entries.append(f'[[caller]]\nname = "{name}"\ntoken_sha256 = "{digest}"\n')
        headers.append({"Authorization": f"Bearer {token}"})
    file = folder / "callers.toml"
    file.write_text("\n".join(entries))
    file.chmod(0o600)
    return {"CLICKSEND_MCP_HTTP_AUTH": "tokens", "CLICKSEND_MCP_HTTP_CALLERS": str(file)}, headers


# --- messages ----------------------------------------------------------------------------------------


def modern(method: str, number: int = 1, /, **params: Any) -> dict[str, Any]:
    """The headers and content, as httpx takes them, of a request of the modern era."""
    about = {f"io.modelcontextprotocol/{key}": value for key, value in (("protocolVersion", ERA), ("clientInfo", WHO))}
    meta = about | {"io.modelcontextprotocol/clientCapabilities": {}} | params.pop("meta", {})
    headers = ACCEPT | {"Mcp-Protocol-Version": ERA, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params | {"_meta": meta}}
    return {"headers": headers, "content": json.dumps(message)}


WHO = {"name": "test", "version": "1"}


def call(slug: str, arguments: Mapping[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
    """A tool call of the modern era, in the form of `modern`."""
    return modern("tools/call", number, name=slug, arguments=dict(arguments), **more)


def envelope(response: httpx.Response) -> dict[str, Any]:
    """The envelope of a call's answer, which is plain JSON or the last event of a stream."""
    text = response.text
    if response.headers["content-type"].startswith("text/event-stream"):
        text = [line for line in text.splitlines() if line.startswith("data: ")][-1].removeprefix("data: ")
    content: dict[str, Any] = json.loads(text)["result"]["structuredContent"]
    return content


@asynccontextmanager
async def browsing(**more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client that waits long, with any number of connections."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE, limits=limits, **more) as web:
        yield web


async def until(condition: Any) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - bounded above
            await asyncio.sleep(0.01)


# --- below HTTP --------------------------------------------------------------------------------------


@dataclass
class Wire:
    """One connection, written and read by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode())
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: its status, its headers and its body, which has a length."""
        async with asyncio.timeout(PATIENCE):
            status, headers = await self.head()
            return status, headers, await self.reader.readexactly(int(headers.get("content-length", 0)))

    async def head(self) -> tuple[int, dict[str, str]]:
        """The head of the next answer."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.strip().split("\r\n")
        headers: dict[str, str] = {}
        for name, _, value in (header.partition(": ") for header in rest):
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        return int(line.split(" ")[1]), headers

    async def end(self) -> bytes:
        """Wait until the server closes the connection; the bytes that came before."""
        received = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while data := await self.reader.read(65536):
                    received += data
        return received


@asynccontextmanager
async def wire(url: str, **more: Any) -> AsyncIterator[Wire]:
    """A connection to the server at a URL."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, **more)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def request(url: str, message: dict[str, Any], **more: str) -> bytes:
    """The bytes of a request that `modern` has made; `more`: further headers."""
    content = message["content"].encode()
    headers = {"Host": urlsplit(url).netloc, **message["headers"], "Content-Length": str(len(content)), **more}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + content


# --- a database that goes away -----------------------------------------------------------------------


@dataclass
class Relay:
    """A TCP relay to PostgreSQL, which can be cut."""

    port: int = field(default_factory=free_port)
    connections: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuse new connections, and reset the open ones."""
        assert self._server
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await until(lambda: not self._writers)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", 5432)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def relay() -> AsyncIterator[Relay]:
    """A relay to PostgreSQL that works until the test cuts it."""
    opened = Relay()
    await opened.open()
    try:
        yield opened
    finally:
        await opened.cut()
