"""The peers, and how each is started: every server in its own process with its own state directory."""

import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from load import Measured, Work, calls_of, run
from wire import CallFailed, Pipes, Web, greet, insist, result_of

HERE = Path(__file__).parent
ROOT = HERE.parent
STDIO, HTTP = "stdio", "HTTP"


@dataclass(frozen=True)
class Peer:
    """A server to measure. `document` names the file in the benchmark's folder that it reads; ours reads none."""

    name: str
    command: tuple[str, ...]
    document: str | None = None

    def line(self, way: str, folder: Path, port: int) -> list[str]:
        """The command line."""
        if self.document is None:
            return [*self.command, *(["http", "--port", str(port)] if way == HTTP else [])]
        return [*self.command, way.lower(), str(folder / self.document)]


OURS = Peer("clicksend-mcp", (str(Path(sys.executable).with_name("clicksend-mcp")),))
FLOOR = Peer("floor", (sys.executable, str(HERE / "floor.py")), "tools.json")
FASTMCP = Peer("FastMCP", (str(ROOT / ".bench/bin/python"), str(HERE / "generated.py")), "openapi.json")
PEERS = (FLOOR, OURS, FASTMCP)
BARE = {"httpx": "own", "httpx on our connections": "ours"}


class Subject(Protocol):
    """A process that does work and can be measured meanwhile."""

    pid: int

    async def measure(self, work: Work) -> Measured:
        """Do the work."""
        ...


class Server:
    """A running server and a client's connection to it."""

    def __init__(self, process: Process, wire: Pipes | Web, errors: IO[bytes]) -> None:
        self.pid = process.pid
        self._wire = wire
        self._errors = errors

    async def tools(self) -> list[dict[str, Any]]:
        """The tool list."""
        listed = result_of(await self._wire.ask("tools/list", {}))["tools"]
        if not listed:
            raise CallFailed("no tools")
        return list(listed)

    async def result(self, slug: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The whole result of a call, successful or not."""
        return result_of(await self._wire.ask("tools/call", {"name": slug, "arguments": arguments}))

    async def measure(self, work: Work) -> Measured:
        """Make calls. Raises CallFailed if one does not end as expected."""

        async def call(slug: str, arguments: dict[str, Any]) -> None:
            answer = await self._wire.ask("tools/call", {"name": slug, "arguments": arguments})
            insist(answer, refused=work.kind == "wrong")

        try:
            return await run(call, calls_of(work.kind), work)
        except* CallFailed as group:
            self._errors.seek(0)
            said = self._errors.read()[-3000:].decode("utf-8", "replace")
            raise CallFailed(f"{group.exceptions[0]}\nThe server said: {said}") from None


class Place:
    """The upstream, and a temporary folder with the documents."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.folder = folder
        self.upstream = upstream

    async def control(self, line: str) -> int:
        """Send the upstream a control request; how many calls it has served."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        writer.write(f"{line} HTTP/1.1\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(int(head.rpartition(b"content-length: ")[2]))
        writer.close()
        return int(answer)

    async def measure(self, subject: Subject, work: Work) -> Measured:
        """Have work done. Raises CallFailed unless each valid call has reached the upstream exactly once."""
        before = await self.control("GET /_served")
        measured = await subject.measure(work)
        served = await self.control("GET /_served") - before
        if served != (0 if work.kind == "wrong" else measured.made) or not measured.latencies:
            raise CallFailed(f"{measured.made} calls of {work} made {served} calls upstream")
        return measured

    def environment(self, port: int) -> dict[str, str]:
        """What a host passes on, the account, and rate limits that are too high for a load test to hit."""
        state = tempfile.mkdtemp(dir=self.folder)
        return {
            "PATH": os.environ["PATH"],
            "HOME": state,
            "XDG_STATE_HOME": state,
            "CLICKSEND_USERNAME": "bench",
            "CLICKSEND_API_KEY": "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9",
            "CLICKSEND_BASE_URL": f"http://127.0.0.1:{self.upstream}",
            "CLICKSEND_MCP_HTTP_CALLS_AT_ONCE": "10000",
            "CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE": "1000000",
            "PORT": str(port),
        }


@asynccontextmanager
async def upstream(folder: Path) -> AsyncIterator[Place]:
    """The stand-in for ClickSend, running, and everything that servers need."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(HERE / "upstream.py"), stdout=PIPE)
    assert process.stdout
    try:
        yield Place(folder, int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def server(place: Place, peer: Peer, way: str, era: str) -> AsyncIterator[Server]:
    """A running server, after the handshake."""
    port = _free_port()
    with tempfile.TemporaryFile(dir=place.folder) as errors:
        process = await asyncio.create_subprocess_exec(
            *peer.line(way, place.folder, port),
            stdin=PIPE if way == STDIO else DEVNULL,
            stdout=PIPE if way == STDIO else DEVNULL,
            stderr=errors,
            env=place.environment(port),
            cwd=place.folder,
            limit=2**24,
        )
        wire: Pipes | Web | None = None
        try:
            if way == HTTP:
                await _listening(port, process)
            wire = Web(port, era) if way == HTTP else Pipes(process, era)
            await greet(wire, era)
            yield Server(process, wire, errors)
        finally:
            if wire:
                wire.close()
            if process.returncode is None:
                process.kill()
            await process.wait()


class Bare:
    """A process that calls the upstream without MCP."""

    def __init__(self, process: Process) -> None:
        self.pid = process.pid
        self._process = process

    async def measure(self, work: Work) -> Measured:
        """Pass the work on. Raises CallFailed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(vars(work)).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise CallFailed("bare httpx failed; its error is above")
        return Measured(**json.loads(line))


@asynccontextmanager
async def bare(place: Place, kind: str) -> AsyncIterator[Bare]:
    """Bare httpx, or httpx on our connections."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "bare.py"),
        kind,
        stdin=PIPE,
        stdout=PIPE,
        env=place.environment(0) | {"PYTHONPATH": str(ROOT)},
        limit=2**24,
    )
    try:
        yield Bare(process)
    finally:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def _listening(port: int, process: Process) -> None:
    """Wait until a server listens. Raises CallFailed."""
    patience = time.monotonic() + 30
    while process.returncode is None and time.monotonic() < patience:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise CallFailed(f"a server did not listen on {port}")
