"""A scripted ClickSend on a loopback socket: it reads whole requests, and a script writes the bytes of its answers."""

import asyncio
import json
import socket
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from server.clicksend.client import ClickSend
from server.clicksend.flight import Flight
from server.config.settings import Credentials, Settings
from support.tcp import accepting
from tools.route import Request

PATIENCE = 60  # seconds that a test waits for an event before it fails

USERNAME = "ana-of-acme"
SECRET = "5EC2E7-0f-ana-4000-8000-000000000000"
BASIC = b64encode(f"{USERNAME}:{SECRET}".encode()).decode()


class OneAccount:
    """A client for one account."""

    def __init__(self, settings: Settings) -> None:
        assert settings.credentials
        self._credentials = settings.credentials
        self._clicksend = ClickSend(settings)
        self.aclose = self._clicksend.aclose

    async def send(self, request: Request, flight: Flight | None = None, seconds: float | None = None) -> Any:
        return await self._clicksend.send(request, self._credentials, flight or Flight(), seconds)


@dataclass(frozen=True)
class Arrived:
    """A request that has arrived completely."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Conversation:
    """The connection of one request, which a script controls."""

    upstream: "Upstream"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: Arrived

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def drop(self) -> None:
        """Cut the connection with a reset."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def until_hung_up(self) -> None:
        """Wait until the client closes the connection; raises ConnectionResetError for a reset."""
        while await self.reader.read(4096):
            pass


Script = Callable[[Conversation], Awaitable[None]]


@dataclass
class Upstream:
    """What arrived, and events to wait for."""

    script: Script
    url: str = ""
    connections: int = 0
    requests: list[Arrived] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)  # for scripts that hold an answer back
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)  # the client closed without an answer
    read_whole: asyncio.Event = field(default_factory=asyncio.Event)  # the client read all of the answer, then closed

    def settings(self, **changes: Any) -> Settings:
        """Settings that point here, with short deadlines, without retries and without searches for lost sends."""
        short: dict[str, Any] = {"connect_timeout": 5.0, "read_timeout": 5.0, "total_timeout": 10.0}
        plain: dict[str, Any] = {"attempts": 1, "reconcile_after": ()}
        own = {"credentials": Credentials(USERNAME, SECRET), "base_url": self.url}
        return Settings(**{**own, **short, **plain, **changes})

    async def wait(self, event: asyncio.Event) -> None:
        await asyncio.wait_for(event.wait(), PATIENCE)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await _read_request(reader)
                self.requests.append(request)
                self.arrived.set()
                await self.script(Conversation(self, reader, writer, request))
                if writer.is_closing():
                    return


async def _read_request(reader: asyncio.StreamReader) -> Arrived:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in (header.partition(": ") for header in rest)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Arrived(line, headers, body)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Upstream]:
    """An upstream that runs the script at each request."""
    upstream = Upstream(script)
    async with accepting(upstream._converse) as url:
        upstream.url = url
        yield upstream


# --- answers -----------------------------------------------------------------------------------------


def answer(status: int, content: object = None, *headers: str, kind: str = "application/json") -> bytes:
    """An HTTP answer. `content`: bytes as they are, None for an empty body, anything else as JSON."""
    body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def envelope(data: object, status: int = 200, code: object = "SUCCESS", message: str = "Well.") -> dict[str, Any]:
    """ClickSend's envelope."""
    return {"http_code": status, "response_code": code, "response_msg": message, "data": data}


def good(data: object) -> bytes:
    """A success of ClickSend's."""
    return answer(200, envelope(data))


def refusal(status: int, code: str, *headers: str) -> bytes:
    """A refusal of ClickSend's."""
    return answer(status, envelope(None, status, code, "No."), *headers)


# --- scripts -----------------------------------------------------------------------------------------


def says(data: bytes) -> Script:
    """Answer with these bytes and keep the connection."""

    async def script(conversation: Conversation) -> None:
        await conversation.say(data)

    return script


def says_and_closes(data: bytes) -> Script:
    """Send these bytes, whole answer or not, and close."""

    async def script(conversation: Conversation) -> None:
        await conversation.say(data)
        conversation.writer.close()

    return script


def says_in_turn(answers: Iterable[bytes]) -> Script:
    """Each request gets the next answer."""
    following = iter(answers)

    async def script(conversation: Conversation) -> None:
        await conversation.say(next(following))

    return script


async def drops(conversation: Conversation) -> None:
    """Cut the connection after the request, without a byte."""
    conversation.drop()


async def keeps_silent(conversation: Conversation) -> None:
    """Never answer, and notice when the client gives up."""
    with suppress(ConnectionError):
        await conversation.until_hung_up()
    conversation.upstream.hung_up.set()
    conversation.writer.close()


def says_when_released(data: bytes) -> Script:
    """Hold the answer until the test releases it; then notice whether it was read to the end."""

    async def script(conversation: Conversation) -> None:
        upstream = conversation.upstream
        gone = asyncio.ensure_future(conversation.reader.read(1))
        held = asyncio.ensure_future(upstream.released.wait())
        try:
            await asyncio.wait({gone, held}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                upstream.hung_up.set()
                return
            await conversation.say(data)
            if await gone == b"":  # a close with the answer unread would be a reset instead
                upstream.read_whole.set()
        finally:
            gone.cancel()
            held.cancel()
            conversation.writer.close()

    return script


def trickles(data: bytes, pause: float) -> Script:
    """Send one byte at a time, with a pause after each."""

    async def script(conversation: Conversation) -> None:
        for byte in data:
            await conversation.say(bytes([byte]))
            await asyncio.sleep(pause)

    return script
