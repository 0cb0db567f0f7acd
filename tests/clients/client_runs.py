"""Runs of clients that are not ours against the real server, with a sandbox that knows what was really sent."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal
from environments import HERE, NODE, PLACE, bare
from support.hosting import PROGRAM, environment, running, running_http

TRANSPORTS = ("stdio", "HTTP")
PROTOCOLS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
TO = "+61491570156"
PRICE = 0.0792  # of a text in the sandbox
_SEND = "CLICKSEND_CREATE_SMS_SEND"
_LIMIT = 120  # seconds for everything that one client does


@dataclass(frozen=True)
class Client:
    """A client in one of its protocol eras."""

    name: str
    era: str
    home: str  # the folder in .clients/ with its packages
    driver: str  # the file in drivers/
    asks: bool = True  # whether it can put a question to a person

    def __str__(self) -> str:
        return f"{self.driver.partition('.')[0].removeprefix('drive_')}-{self.era}"

    @property
    def words(self) -> list[str]:
        """The command that starts the driver."""
        driver = str(HERE / "drivers" / self.driver)
        if self.driver.endswith(".mjs"):
            return ["node", driver]
        # The Inspector is driven by whatever Python there is.
        own = PLACE / self.home / "bin" / "python"
        return [str(own) if own.exists() else sys.executable, driver]


CLIENTS = (
    Client("MCP Inspector, command line", "legacy", "node", "drive_inspector.py", asks=False),
    Client("MCP Inspector, command line", "modern", "node", "drive_inspector.py", asks=False),
    Client("TypeScript SDK", "legacy", "node", "drive_typescript.mjs"),
    Client("TypeScript SDK", "modern", "node", "drive_typescript.mjs"),
    Client("FastMCP", "legacy", "mcp2", "drive_fastmcp.py"),
    Client("FastMCP", "modern", "mcp2", "drive_fastmcp.py"),
    Client("LangChain's adapters", "legacy", "mcp1", "drive_langchain.py"),
    Client("OpenAI Agents SDK", "modern", "mcp2", "drive_openai_agents.py", asks=False),
    Client("Pydantic AI", "modern", "mcp2", "drive_pydantic_ai.py"),
)


def calls(client: Client) -> dict[str, dict[str, Any]]:
    """What a client is told to do; a person says yes to one text and no to another."""

    def text(body: str, **more: Any) -> dict[str, Any]:
        # Its name, because the same text would be taken for a repeat of the client before.
        return {"messages": [{"to": TO, "from": "Ana", "body": f"{body}, {client}", **more}]}

    chosen: dict[str, dict[str, Any]] = {
        "price": {"tool": "CLICKSEND_SMS_PRICE_POST", "arguments": text("How much?")},
        "refused": {"tool": "CLICKSEND_GET_LISTS_CONTACTS", "arguments": {"list_id": 999_999}},
        "wrong": {"tool": _SEND, "arguments": text("Misspelt", shedule=1)},
        "approved": {"tool": _SEND, "arguments": text("Yes"), "answer": "accept"},
    }
    if client.asks:
        chosen["declined"] = {"tool": _SEND, "arguments": text("No"), "answer": "decline"}
    return chosen


@dataclass(frozen=True)
class Said:
    """What an agent reads after a call; `failed` is None where it is told in words only."""

    failed: bool | None
    text: str


@dataclass(frozen=True)
class Run:
    """What a driver reports, and what the sandbox has accepted meanwhile."""

    versions: dict[str, str]
    protocol: str
    tools: list[str]
    said: dict[str, Said]
    questions: list[str]
    sent: list[str]  # the texts


@dataclass(frozen=True)
class World:
    """What all runs use: a sandbox and, with its account, a server over HTTP."""

    sandbox: str
    account: dict[str, str]
    url: str


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A sandbox and a server over HTTP, each in a process of its own."""
    with TemporaryDirectory(prefix="clicksend-mcp-clients-") as folder:
        async with running("sandbox", "--port", "0") as program:
            address = (await program.line()).removeprefix("A simulated ClickSend at ").partition(": ")[0]
            username, key = (await program.line()).partition(". ")[0].removeprefix("Username ").split(", API key ")
            account = {
                "CLICKSEND_USERNAME": username,
                "CLICKSEND_API_KEY": key,
                "CLICKSEND_BASE_URL": address,
                "CLICKSEND_MCP_APPROVAL": "always",
            }
            own = {
                "CLICKSEND_MCP_LEDGER": f"{folder}/http.sqlite3",
                # All clients, and the conformance suite, count as one caller here.
                "CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE": "100000",
            }
            async with running_http(**account, **own) as (_, url):
                yield World(address, account, url)


class Runs:
    """The runs of all clients, each made when it is first asked for."""

    def __init__(self, portal: BlockingPortal, world: World) -> None:
        self.world = world
        self._portal = portal
        self._made: dict[tuple[Client, str], Run | Exception] = {}

    def of(self, client: Client, transport: str) -> Run:
        """What a client did; one that broke down is not run again for the next test."""
        if (client, transport) not in self._made:
            try:
                self._made[client, transport] = self._portal.call(_run, client, transport, self.world)
            except Exception as problem:
                self._made[client, transport] = problem
        made = self._made[client, transport]
        if isinstance(made, Exception):
            raise made
        return made


async def _run(client: Client, transport: str, world: World) -> Run:
    async with httpx.AsyncClient(base_url=world.sandbox, trust_env=False) as web:
        (await web.post("/_sandbox/reset")).raise_for_status()
        with TemporaryDirectory(prefix="clicksend-mcp-clients-") as folder:
            own = environment(CLICKSEND_MCP_LEDGER=f"{folder}/ledger.sqlite3", **world.account)
            # Without coverage: some clients take the environment on their command line.
            plain = {name: value for name, value in own.items() if not name.startswith("COVERAGE")}
            server = {"url": world.url} if transport == "HTTP" else {"command": PROGRAM, "environment": plain}
            told = await _drive(client, server, folder)
        sent = (await web.get("/_sandbox/sent")).json()["sent"]
    told["said"] = {name: Said(**said) for name, said in told.pop("calls").items()}
    return Run(**told, sent=[one["body"] for one in sent])


async def _drive(client: Client, server: dict[str, Any], folder: str) -> dict[str, Any]:
    """Run a driver; what it reports."""
    task = server | {"era": client.era, "calls": calls(client)}
    place = NODE if client.home == "node" else Path(folder)
    process = await asyncio.create_subprocess_exec(
        *client.words,
        json.dumps(task),
        cwd=place,
        env=bare(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # so that what it started ends with it
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), _LIMIT)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    assert process.returncode == 0, f"{client}: status {process.returncode}\n{errors.decode()}"
    report: dict[str, Any] = json.loads(out)
    return report
