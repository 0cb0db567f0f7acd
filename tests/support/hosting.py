"""The real program, started as hosts start it: a child process with a minimal environment in another directory."""

import asyncio
import json
import os
import random
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from subprocess import PIPE
from tempfile import gettempdir
from typing import Any

from mcp import StdioServerParameters

PROGRAM = (sys.executable, "-m", "server")
ERAS = ("auto", "legacy")
PATIENCE = 60  # seconds to wait for anything that a process does, on a busy machine


def environment(**own: str) -> dict[str, str]:
    """What hosts pass on, and what coverage needs to measure child processes."""
    passed = {name: os.environ[name] for name in ("HOME", "PATH", "XDG_STATE_HOME") if name in os.environ}
    # Faults show at once; retries and searches for lost sends have tests of their own.
    passed |= {"CLICKSEND_MCP_ATTEMPTS": "1", "CLICKSEND_MCP_RECONCILE_AFTER": "none"}
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return passed | coverage | own


def free_port() -> int:
    """A free port below the ephemeral ones, which the system gives to nobody before it is used."""
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", random.randrange(20_000, 32_000))) as free:
            port: int = free.getsockname()[1]
            return port


def stdio(*arguments: str, **own: str) -> StdioServerParameters:
    """The program for an MCP client that starts it itself."""
    command, *rest = [*PROGRAM, *arguments]
    return StdioServerParameters(command=command, args=rest, env=environment(**own), cwd=gettempdir())


@dataclass
class Program:
    """A running program, its lines of stdout, and everything it has written to stderr."""

    process: asyncio.subprocess.Process
    errors: str = ""
    lines: list[str] = field(default_factory=list)

    async def write(self, *messages: dict[str, Any] | bytes) -> None:
        """Write lines to stdin: JSON, or raw bytes."""
        assert self.process.stdin
        for message in messages:
            self.process.stdin.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")
        await self.process.stdin.drain()

    async def read(self) -> dict[str, Any]:
        """The next line of stdout, which has to be JSON."""
        assert self.process.stdout
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        assert line, f"stdout was closed; stderr: {self.errors}"
        self.lines.append(line.decode())
        message: dict[str, Any] = json.loads(line)
        return message

    async def answer_to(self, number: int) -> dict[str, Any]:
        """The answer to a request, skipping whatever comes before it."""
        while (message := await self.read()).get("id") != number:
            pass
        return message

    async def error_line(self) -> str:
        """The next line of stderr, where programs say at which address they listen."""
        assert self.process.stderr
        line = (await asyncio.wait_for(self.process.stderr.readline(), PATIENCE)).decode()
        self.errors += line
        return line.strip()

    async def line(self) -> str:
        """The next line of stdout as text."""
        assert self.process.stdout
        return (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode().strip()

    async def ended(self) -> int:
        """Wait for the end while stdin stays open; the exit status."""
        assert self.process.stdout
        assert self.process.stderr
        async with asyncio.timeout(PATIENCE):
            out, errors = await asyncio.gather(self.process.stdout.read(), self.process.stderr.read())
            status = await self.process.wait()
        self.lines += out.decode().splitlines(keepends=True)
        self.errors += errors.decode()
        return status

    async def close_stdin(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        await self.process.stdin.wait_closed()


@asynccontextmanager
async def running(*arguments: str, **own: str) -> AsyncIterator[Program]:
    """The program with pipes to its streams; killed at the end if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment(**own),
        cwd=gettempdir(),
        limit=2**24,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def address_of(program: Program) -> str:
    """The address that a server over HTTP announces, after its other lines."""
    while True:
        line = await program.error_line()
        text = json.loads(line)["message"] if line.startswith("{") else line
        if text.startswith("MCP at http://"):
            return str(text).removeprefix("MCP at ")
        is_notice = text.startswith("Sandbox at ") or "WARNING" in line
        assert is_notice, f"{line} {program.errors}"


@asynccontextmanager
async def running_http(*arguments: str, **own: str) -> AsyncIterator[tuple[Program, str]]:
    """The program as an HTTP server on a free port, with its address."""
    async with running("http", "--port", "0", *arguments, **own) as program:
        yield program, await address_of(program)


async def run(*arguments: str, **own: str) -> tuple[int, str, str]:
    """Run the program to its end: status, stdout and stderr."""
    async with running(*arguments, **own) as program:
        await program.close_stdin()
        status = await program.ended()
        return status, "".join(program.lines), program.errors


# --- JSON-RPC by hand --------------------------------------------------------------------------------

HELLO: tuple[dict[str, Any], ...] = (
    {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
)


def calling(number: int, slug: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The message that calls a tool."""
    params = {"name": slug, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
