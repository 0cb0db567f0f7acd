"""What the tests of several callers share: their file, headers, clients with these headers, and requests by hand."""

import asyncio
import hashlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from server.sandbox.serve import RunningSandbox
from support.guarding import Place, control
from support.hosting import PATIENCE, Program, running_http

SEND = "CLICKSEND_CREATE_SMS_SEND"
ACCOUNT = "CLICKSEND_GET_ACCOUNT"
LISTS = "CLICKSEND_GET_LISTS"
HISTORY = "CLICKSEND_GET_SMS_HISTORY"
NEW_LIST = "CLICKSEND_CREATE_LISTS"

JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
NEW_ERA = "2026-07-28"


@dataclass(frozen=True)
class Owner:
    """The owner of an account at the sandbox."""

    username: str
    api_key: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of HTTP Basic with this account."""
        return basic(self.username, self.api_key)


def owner_of(sandbox: RunningSandbox) -> Owner:
    """The owner of the sandbox's first account."""
    return Owner(sandbox.username, sandbox.api_key)


def another(sandbox: RunningSandbox, username: str, balance: str = "100") -> Owner:
    """The owner of one more account, which the sandbox makes."""
    owner = Owner(username, f"key-0f-{username}-5EC2E7")
    control(sandbox, "POST", "accounts", {"username": username, "api_key": owner.api_key, "balance": balance})
    return owner


def basic(username: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{secret}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header with a token."""
    return {"Authorization": f"Bearer {token}"}


def token_of(name: str) -> str:
    """The token of a caller in a file that `callers_file` wrote."""
    return f"t0ken-of-{name}"


def entry(name: str, owner: Owner | None = None, **more: Any) -> dict[str, Any]:
    """An entry of the file of callers, with a token."""
    proof = {} if "subject" in more else {"token_sha256": hashlib.sha256(token_of(name).encode()).hexdigest()}
    account = {} if owner is None else {"username": owner.username, "api_key": owner.api_key}
    return {"name": name, **proof, **account, **more}


def callers_file(folder: Path, *entries: Mapping[str, Any]) -> str:
    """Write a file of callers."""
    lines = []
    for caller in entries:
        lines += [
            "[[caller]]",
            *(f"{name} = {json.dumps(value)}" for name, value in caller.items() if name != "limits"),
        ]
        lines += [
            "[caller.limits]",
            *(f"{name} = {json.dumps(value)}" for name, value in caller.get("limits", {}).items()),
        ]
    file = folder / "callers.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    file.chmod(0o600)
    return str(file)


def served(
    auth: str, sandbox: RunningSandbox, ledger: Place | None = None, **own: str
) -> AbstractAsyncContextManager[tuple[Program, str]]:
    """The real program over HTTP. Small letters name options: `url="..."` becomes CLICKSEND_MCP_HTTP_URL."""
    hosting = {f"CLICKSEND_MCP_HTTP_{name.upper()}": value for name, value in own.items() if name.islower()}
    rest = {name: value for name, value in own.items() if not name.islower()}
    place = {"CLICKSEND_MCP_LEDGER": ledger.text} if ledger else {}
    return running_http(CLICKSEND_MCP_HTTP_AUTH=auth, CLICKSEND_BASE_URL=sandbox.url, **place, **hosting, **rest)


@asynccontextmanager
async def client_of(url: str, headers: Mapping[str, str], era: str = "auto", **more: Any) -> AsyncIterator[Client]:
    """An MCP client that sends these headers with each request."""
    async with (
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(headers=dict(headers), trust_env=False, timeout=PATIENCE) as web,
        Client(streamable_http_client(url, http_client=web), mode=era, **more) as client,
    ):
        yield client


async def called(client: Client, slug: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The envelope of a call."""
    result = await client.call_tool(slug, dict(arguments or {}))
    assert result.structured_content is not None
    return result.structured_content


async def username(client: Client) -> str:
    """The username of the account that a client's calls use."""
    envelope = await called(client, ACCOUNT)
    assert envelope["successful"], envelope
    name: str = json.loads(envelope["data"])["data"]["username"]
    return name


async def account_with(url: str, headers: Mapping[str, str], era: str = "auto") -> str:
    """The username of the account that calls with these headers use."""
    async with client_of(url, headers, era) as client:
        return await username(client)


# --- by hand -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to the end of its connection."""

    status: int
    headers: dict[str, str]
    body: str

    def result(self) -> Any:
        """The JSON-RPC message in it, whether as JSON or as an event."""
        text = next((line[6:] for line in self.body.splitlines() if line.startswith("data: {")), self.body)
        return json.loads(text)


def modern(method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A message of the modern era, and the headers that go with it."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": NEW_ERA,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {"MCP-Protocol-Version": NEW_ERA, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}, headers


async def raw(
    url: str,
    method: str = "POST",
    target: str | None = None,
    lines: tuple[str, ...] = (),
    message: object = None,
    kinds: Mapping[str, str] = JSON,
) -> Answer:
    """Send one request byte for byte, on a connection of its own. `lines`: further headers; `kinds`: media types."""
    place = urlsplit(url)
    body = b"" if message is None else json.dumps(message).encode()
    own = [] if any(line.lower().startswith("host:") for line in lines) else [f"Host: {place.netloc}"]
    own += [f"{name}: {value}" for name, value in kinds.items()]
    head = [f"{method} {place.path if target is None else target} HTTP/1.1", *own, *lines, "Connection: close"]
    request = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(request)
        received = (await asyncio.wait_for(reader.read(), PATIENCE)).decode()
    finally:
        writer.close()
    top, _, content = received.partition("\r\n\r\n")
    status, *rest = top.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return Answer(int(status.split()[1]), headers, content)


def lines(*several: Mapping[str, str]) -> tuple[str, ...]:
    """Headers as the lines of a request."""
    return tuple(f"{name}: {value}" for headers in several for name, value in headers.items())


async def stopped(program: Program) -> str:
    """End a program by a signal; all it has written to stderr."""
    program.process.terminate()
    await program.ended()
    return program.errors
