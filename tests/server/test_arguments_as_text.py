"""Arguments that arrive as JSON text, or as what some hosts send for none, over stdio and HTTP."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from support.hosting import HELLO, PATIENCE, calling, running, running_http
from support.scripted import SECRET, USERNAME, good, says, scripted

pytestmark = pytest.mark.anyio

READ, CANCEL, SEND = "CLICKSEND_GET_LISTS", "CLICKSEND_SMS_CANCEL_ALL_PUT", "CLICKSEND_CREATE_SMS_SEND"
ONE = {"messages": [{"to": "+61491570156", "body": "Grüße, \\ud83d\\udc4b"}]}


def raw(slug: str, arguments: Any) -> dict[str, Any]:
    message: dict[str, Any] = calling(1, slug, {})
    message["params"]["arguments"] = arguments
    return message


def account(url: str) -> dict[str, str]:
    return {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": url}


async def over_stdio(url: str, slug: str, given: Sequence[Any]) -> list[dict[str, Any]]:
    """The answers to calls of one tool, one after the other."""
    async with running(**account(url)) as program:
        await program.write(*HELLO)
        answers = []
        for arguments in given:
            await program.write(raw(slug, arguments))
            answers.append(await program.answer_to(1))
        return answers


async def over_http(url: str, slug: str, given: Sequence[Any]) -> list[dict[str, Any]]:
    """The same in the newer era, without a session."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "host", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": slug,
    }
    answers = []
    async with (
        running_http(**account(url)) as (_, address),
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as web,
    ):
        for arguments in given:
            message = raw(slug, arguments)
            message["params"]["_meta"] = meta
            text = (await web.post(address, json=message, headers=headers)).text
            answers.append(json.loads(text if text.startswith("{") else text.rpartition("data: ")[2]))
    return answers


def envelopes(answers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [answer["result"]["structuredContent"] for answer in answers]


WIRES = [over_stdio, over_http]


@pytest.mark.parametrize("wire", WIRES)
async def test_arguments_as_json_text_are_understood(wire: Any) -> None:
    """Like JSON text one level deeper."""
    accepted = good({"messages": [{"to": "+61491570156", "status": "SUCCESS"}]})
    async with scripted(says(accepted)) as upstream:
        (envelope,) = envelopes(await wire(upstream.url, SEND, [json.dumps(ONE)]))
    assert envelope["successful"], envelope
    assert [request.json for request in upstream.requests] == [ONE]


@pytest.mark.parametrize("wire", WIRES)
async def test_json_text_that_is_no_object_is_told_in_words(wire: Any) -> None:
    """And nothing is sent."""
    async with scripted(says(good({}))) as upstream:
        answers = await wire(upstream.url, SEND, ['["+61491570156"]', "17", '"{}"', "null", "true"])
    for envelope in envelopes(answers):
        assert not envelope["successful"]
        assert envelope["error"] == (
            "Wrong input: the arguments must be a JSON object, which is {} if there are none. Nothing was sent."
        )
    assert upstream.connections == 0


async def test_text_that_is_no_json_is_told_in_words() -> None:
    """Whatever is wrong with it."""
    given = ["{'messages': []}", '{"messages": [', "[" * 5_000, '{"a": ' + "9" * 5_000 + "}"]
    async with scripted(says(good({}))) as upstream:
        answers = await over_stdio(upstream.url, SEND, given)
    for envelope in envelopes(answers):
        assert envelope["error"] == "Wrong input: the arguments came as text that is not JSON. Nothing was sent."
    assert upstream.connections == 0


async def test_half_a_character_in_the_text_is_told_as_elsewhere() -> None:
    """An emoji that a model has cut."""
    cut = json.dumps({"messages": [{"to": "+61491570156", "body": "Hi \ud83d"}]})
    async with scripted(says(good({}))) as upstream:
        (envelope,) = envelopes(await over_stdio(upstream.url, SEND, [cut]))
    assert "messages[0].body holds U+FFFD" in envelope["error"]
    assert upstream.connections == 0


@pytest.mark.parametrize("wire", WIRES)
async def test_what_stands_for_no_arguments_is_taken_so_by_a_read(wire: Any) -> None:
    """Null, an empty list, an empty text."""
    async with scripted(says(good({"data": []}))) as upstream:
        answers = await wire(upstream.url, READ, [None, [], "", "  ", "{}", "null", "[]"])
    assert [envelope["successful"] for envelope in envelopes(answers)] == [True] * 7


@pytest.mark.parametrize("wire", WIRES)
async def test_what_stands_for_no_arguments_never_cancels_everything(wire: Any) -> None:
    """Of a mangled call nobody knows which filter it had."""
    async with scripted(says(good({"count": 3}))) as upstream:
        answers = await wire(upstream.url, CANCEL, [None, [], "", "null", "[]"])
    for envelope in envelopes(answers):
        assert not envelope["successful"]
        assert "the arguments must be a JSON object" in envelope["error"]
    assert upstream.connections == 0


async def test_calls_at_once_do_not_share_what_was_wrong_with_one() -> None:
    """The next call is not refused for the one before it."""
    async with (
        scripted(says(good({"data": []}))) as upstream,
        running(**account(upstream.url)) as program,
        asyncio.timeout(PATIENCE),
    ):
        calls = [raw(READ, "{" if number % 2 else "{}") | {"id": number} for number in range(1, 21)]
        await program.write(*HELLO, *calls)
        answers = {}
        while len(answers) < 20:
            message = await program.read()
            if message.get("id"):
                answers[message["id"]] = message["result"]["structuredContent"]["successful"]
    assert answers == {number: number % 2 == 0 for number in range(1, 21)}
