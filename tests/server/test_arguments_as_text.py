"""Arguments that arrive as JSON text, or as what some hosts send for none, over stdio and HTTP."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from hosting import HELLO, PATIENCE, calling, running, running_http
from scripted import SECRET, USERNAME, good, says, scripted

pytestmark = pytest.mark.anyio

READ, CANCEL, SEND = "CLICKSEND_GET_LISTS", "CLICKSEND_SMS_CANCEL_ALL_PUT", "CLICKSEND_CREATE_SMS_SEND"
ONE = {"messages": [{"to": "+61491570156", "body": "Grüße, \\ud83d\\udc4b"}]}


def raw(slug: str, arguments: Any) -> dict[str, Any]:
    message: dict[str, Any] = calling(1, slug, {})
    message["params"]["arguments"] = arguments
    return message


async def over_stdio(url: str, message: dict[str, Any]) -> dict[str, Any]:
    own = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": url}
    async with running(**own) as program:
        await program.write(*HELLO, message)
        return await program.answer_to(1)


async def over_http(url: str, message: dict[str, Any]) -> dict[str, Any]:
    """In the newer era, without a session."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "host", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message["params"]["_meta"] = meta
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": message["params"]["name"],
    }
    own = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": url}
    async with running_http(**own) as (_, address), httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as web:
        text = (await web.post(address, json=message, headers=headers)).text
    found: dict[str, Any] = json.loads(text if text.startswith("{") else text.rpartition("data: ")[2])
    return found


WIRES = [over_stdio, over_http]


@pytest.mark.parametrize("wire", WIRES)
async def test_arguments_as_json_text_are_understood(wire: Any) -> None:
    """D11: like JSON text one level deeper."""
    accepted = good({"messages": [{"to": "+61491570156", "status": "SUCCESS"}]})
    async with scripted(says(accepted)) as upstream:
        answer = await wire(upstream.url, raw(SEND, json.dumps(ONE)))
    assert answer["result"]["structuredContent"]["successful"], answer
    assert [request.json for request in upstream.requests] == [ONE]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("given", ['["+61491570156"]', "17", '"{}"', "null", "true"])
async def test_json_text_that_is_no_object_is_told_in_words(wire: Any, given: str) -> None:
    """D11: and nothing is sent."""
    async with scripted(says(good({}))) as upstream:
        envelope = (await wire(upstream.url, raw(SEND, given)))["result"]["structuredContent"]
    assert not envelope["successful"]
    assert envelope["error"] == (
        "Wrong input: the arguments must be a JSON object, which is {} if there are none. Nothing was sent."
    )
    assert upstream.connections == 0


@pytest.mark.parametrize("given", ["{'messages': []}", '{"messages": [', "[" * 5_000, '{"a": ' + "9" * 5_000 + "}"])
async def test_text_that_is_no_json_is_told_in_words(given: str) -> None:
    """D11, L4: whatever is wrong with it."""
    async with scripted(says(good({}))) as upstream:
        envelope = (await over_stdio(upstream.url, raw(SEND, given)))["result"]["structuredContent"]
    assert envelope["error"] == "Wrong input: the arguments came as text that is not JSON. Nothing was sent."
    assert upstream.connections == 0


async def test_half_a_character_in_the_text_is_told_as_elsewhere() -> None:
    """D11: an emoji that a model has cut."""
    cut = json.dumps({"messages": [{"to": "+61491570156", "body": "Hi \ud83d"}]})
    async with scripted(says(good({}))) as upstream:
        envelope = (await over_stdio(upstream.url, raw(SEND, cut)))["result"]["structuredContent"]
    assert "messages[0].body holds U+FFFD" in envelope["error"]
    assert upstream.connections == 0


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("given", [None, [], "", "  ", "{}", "null", "[]"], ids=repr)
async def test_what_stands_for_no_arguments_is_taken_so_by_a_read(wire: Any, given: Any) -> None:
    """D11: null, an empty list, an empty text."""
    async with scripted(says(good({"data": []}))) as upstream:
        answer = await wire(upstream.url, raw(READ, given))
    assert answer["result"]["structuredContent"]["successful"], answer


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("given", [None, [], "", "null", "[]"], ids=repr)
async def test_what_stands_for_no_arguments_never_cancels_everything(wire: Any, given: Any) -> None:
    """D11, W2: of a mangled call nobody knows which filter it had."""
    async with scripted(says(good({"count": 3}))) as upstream:
        envelope = (await wire(upstream.url, raw(CANCEL, given)))["result"]["structuredContent"]
    assert not envelope["successful"]
    assert "the arguments must be a JSON object" in envelope["error"]
    assert upstream.connections == 0


async def test_calls_at_once_do_not_share_what_was_wrong_with_one() -> None:
    """D11: the next call is not refused for the one before it."""
    async with scripted(says(good({"data": []}))) as upstream:
        own = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        async with running(**own) as program, asyncio.timeout(PATIENCE):
            calls = [raw(READ, "{" if number % 2 else "{}") | {"id": number} for number in range(1, 21)]
            await program.write(*HELLO, *calls)
            answers = {}
            while len(answers) < 20:
                message = await program.read()
                if message.get("id"):
                    answers[message["id"]] = message["result"]["structuredContent"]["successful"]
    assert answers == {number: number % 2 == 0 for number in range(1, 21)}
