"""MCP in and out: what a client of either era sees of the server."""

import json
from importlib.metadata import version
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import PromptReference
from support import offered
from support.hosting import ERAS
from support.inputs import BAD, GOOD
from support.scripted import answer, good, refusal, says, scripted

from schemas.envelope import ENVELOPE_SCHEMA, Envelope
from server.config.settings import Settings, from_environment
from server.protocol.server import build_server
from tools.action import Effect
from tools.catalog import catalog

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("era", ERAS)]

WITHOUT = from_environment({})
ACCOUNT = "CLICKSEND_GET_ACCOUNT"


def connected(era: str, settings: Settings = WITHOUT) -> Client:
    return Client(build_server(settings), mode=era)


async def test_all_tools_are_on_one_page_in_the_order_of_the_catalogue(era: str) -> None:
    async with connected(era) as client:
        page = await client.list_tools()
        again = await client.list_tools(cache_mode="bypass")
    assert [tool.name for tool in page.tools] == offered.SLUGS
    assert page.next_cursor is None
    assert again.tools == page.tools


async def test_each_tool_is_published_whole(era: str) -> None:
    async with connected(era) as client:
        tools = (await client.list_tools()).tools
    for tool in tools:
        action = catalog()[tool.name]
        assert (tool.title, tool.description) == (action.title, action.description)
        assert tool.input_schema == action.input_schema
        assert tool.output_schema == ENVELOPE_SCHEMA
        assert tool.annotations
        hints = tool.annotations
        assert hints.read_only_hint is (action.effect is Effect.READ)
        assert hints.destructive_hint is (action.effect in (Effect.SEND, Effect.DELETE))
        assert hints.idempotent_hint is action.idempotent
        assert hints.open_world_hint is True
        assert not (action.effect is Effect.SEND and hints.idempotent_hint)


async def test_the_list_may_be_cached(era: str) -> None:
    async with connected(era) as client:
        page = await client.list_tools()
    if era == "auto":
        assert (page.ttl_ms, page.cache_scope) == (3_600_000, "public")


@pytest.mark.parametrize("name", ["CLICKSEND_NO_SUCH_TOOL", "", "clicksend_get_account", "../account"])
async def test_an_unknown_tool_is_a_protocol_error(era: str, name: str) -> None:
    async with connected(era) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool(name, {})
    assert refused.value.error.code == -32602
    assert name in refused.value.error.message


async def test_a_call_without_arguments_is_a_call(era: str) -> None:
    async with scripted(says(good({"username": "ana"}))) as upstream, connected(era, upstream.settings()) as client:
        for arguments in (None, {}):
            result = await client.call_tool(ACCOUNT, arguments)
            assert not result.is_error
    assert len(upstream.requests) == 2


def envelope_of(result: Any) -> Envelope:
    """The envelope of a result, which has to be the same in both places."""
    (content,) = result.content
    assert content.type == "text"
    assert json.loads(content.text) == result.structured_content
    envelope = Envelope.model_validate(result.structured_content)
    assert result.is_error is not envelope.successful
    assert ("error" in result.structured_content) is not envelope.successful
    return envelope


@pytest.mark.parametrize("text", ["plain", 'Grüße 👋 "quoted" \\ \n\t', "می‌خواهم", "\u2028"])
async def test_a_success_is_the_same_in_text_and_in_structure(era: str, text: str) -> None:
    async with scripted(says(good({"name": text}))) as upstream, connected(era, upstream.settings()) as client:
        envelope = envelope_of(await client.call_tool(ACCOUNT, {}))
    assert (envelope.successful, envelope.error) == (True, None)
    assert json.loads(envelope.data)["data"] == {"name": text}


async def test_a_failure_is_an_error_and_still_an_envelope(era: str) -> None:
    script = says(refusal(401, "UNAUTHORIZED"))
    async with scripted(script) as upstream, connected(era, upstream.settings()) as client:
        envelope = envelope_of(await client.call_tool(ACCOUNT, {}))
    assert "CLICKSEND_API_KEY" in (envelope.error or "")
    assert json.loads(envelope.data)["response_code"] == "UNAUTHORIZED"


async def test_bad_arguments_are_an_error_of_the_tool_not_of_the_protocol(era: str) -> None:
    async with scripted(says(good({}))) as upstream, connected(era, upstream.settings()) as client:
        for slug, bad in BAD.items():
            envelope = envelope_of(await client.call_tool(slug, bad))
            assert "no_such_input" in (envelope.error or "")
    assert upstream.connections == 0


async def test_without_credentials_every_call_says_what_to_set(era: str) -> None:
    async with connected(era) as client:
        for slug, arguments in GOOD.items():
            envelope = envelope_of(await client.call_tool(slug, arguments))
            assert "CLICKSEND_USERNAME and CLICKSEND_API_KEY" in (envelope.error or "")


async def test_many_calls_at_once_get_their_own_answers(era: str) -> None:
    async def echo(conversation: Any) -> None:
        await conversation.say(answer(200, {"http_code": 200, "data": conversation.request.line}))

    async with scripted(echo) as upstream, connected(era, upstream.settings()) as client:

        async def call(page: int) -> None:
            result = await client.call_tool("CLICKSEND_GET_LISTS", {"page": page})
            assert f"page={page} " in envelope_of(result).data

        async with anyio.create_task_group() as tasks:
            for page in range(1, 41):
                tasks.start_soon(call, page)
    assert len(upstream.requests) == 40


async def test_the_server_introduces_itself(era: str) -> None:
    async with connected(era) as client:
        assert client.server_info.name == "clicksend"
        assert client.server_info.version == version("clicksend-mcp")
        instructions = client.instructions or ""
    assert "costs money" in instructions
    assert "never instructions" in instructions
    assert "SANDBOX" not in instructions


async def test_a_sandbox_says_so(era: str) -> None:
    async with connected(era, Settings(sandbox=True)) as client:
        assert client.server_info.name == "clicksend-sandbox"
        assert (client.instructions or "").startswith("SANDBOX")


async def test_beside_the_tools_there_is_nothing_and_hosts_that_ask_are_told_so(era: str) -> None:
    async with connected(era) as client:
        offered = client.server_capabilities.model_dump(exclude_none=True)
        assert (await client.list_prompts()).prompts == []
        assert (await client.list_resources()).resources == []
        assert (await client.list_resource_templates()).resource_templates == []
        with pytest.raises(MCPError, match="Unknown prompt: send"):
            await client.get_prompt("send")
        with pytest.raises(MCPError, match="Unknown resource") as refused:
            await client.read_resource("clicksend://history")
        argument = {"name": "to", "value": "+6"}
        suggested = await client.complete(PromptReference(type="ref/prompt", name="send"), argument)
    assert set(offered) == {"tools", "prompts", "resources", "completions"}
    assert refused.value.error.data == {"uri": "clicksend://history"}
    assert suggested.completion.values == []
