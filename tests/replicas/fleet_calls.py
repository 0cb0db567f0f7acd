"""Callers of a fleet: JSON-RPC by hand in both eras, so that each request and its id can be followed."""

import itertools
import json
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from fleet import NAME
from support.hosting import calling

ERAS = ("modern", "legacy")
VERSIONS = {"modern": "2026-07-28", "legacy": "2025-11-25"}
_META = "io.modelcontextprotocol/"


@dataclass(frozen=True)
class Answer:
    """What came back: a status (0 if the connection broke), and what the protocol and the envelope said."""

    status: int
    id: str
    message: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> dict[str, Any]:
        """The result of the protocol; {} if there is none."""
        result: dict[str, Any] = self.message.get("result", {})
        return result

    @property
    def envelope(self) -> dict[str, Any]:
        """The envelope; {} if there is none."""
        envelope: dict[str, Any] = self.result.get("structuredContent") or {}
        return envelope

    @property
    def data(self) -> Any:
        """ClickSend's data of a success."""
        assert self.envelope.get("successful"), self
        return json.loads(self.envelope["data"])["data"]

    @property
    def error(self) -> str:
        """What went wrong in words."""
        error: str = self.envelope.get("error") or ""
        return error


class Caller:
    """Somebody with a ClickSend account who calls tools in one of the eras; an async context manager."""

    def __init__(self, url: str, username: str = "acme", era: str = "modern", *, asks: bool = False) -> None:
        self.username = username
        self.era = era
        self._url = url
        self._asks = asks
        self._numbers = itertools.count(1)
        self._web = httpx.AsyncClient(auth=(username, f"key-of-{username}"), trust_env=False, verify=False, timeout=60)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._web.aclose()

    async def call(self, tool: str, arguments: dict[str, Any], *, url: str | None = None, **more: Any) -> Answer:
        """Call a tool once, whatever comes of it; `more` goes into the parameters of the request."""
        slug = f"CLICKSEND_{tool}"
        number = next(self._numbers)
        request_id = uuid.uuid4().hex
        message = calling(number, slug, arguments)
        message["params"] |= more
        headers = {
            "Accept": "application/json, text/event-stream",
            "Host": NAME,
            "X-Request-ID": request_id,
            "MCP-Protocol-Version": VERSIONS[self.era],
        }
        if self.era == "modern":
            headers |= {"Mcp-Method": "tools/call", "Mcp-Name": slug}
            message["params"]["_meta"] = {
                f"{_META}protocolVersion": VERSIONS["modern"],
                f"{_META}clientInfo": {"name": "test", "version": "1"},
                f"{_META}clientCapabilities": {"elicitation": {"form": {}}} if self._asks else {},
            }
        try:
            answer = await self._web.post(url or self._url, json=message, headers=headers)
        except httpx.TransportError:
            return Answer(0, request_id)
        assert answer.headers.get("x-request-id", request_id) == request_id
        if answer.status_code != 200:
            return Answer(answer.status_code, request_id, _json(answer.text))
        body = _of_stream(answer.text) if "event-stream" in answer.headers["content-type"] else _json(answer.text)
        assert body["id"] == number
        return Answer(200, request_id, body)

    async def send(self, body: str, **more: Any) -> Answer:
        """Send a text to one number."""
        return await self.call("CREATE_SMS_SEND", {"messages": [{"to": "+61491570156", "body": body}]}, **more)


def _json(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _of_stream(text: str) -> dict[str, Any]:
    """The last message of a stream of events."""
    return _json([line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")][-1])
