"""A wrong setting over stdio: the server starts, tells it, and makes no call; no limit is ever left out in silence."""

import pytest
from support import offered
from support.hosting import HELLO, calling, run, running
from support.inputs import GOOD
from support.scripted import SECRET, USERNAME, good, says, scripted

pytestmark = pytest.mark.anyio

WRONG = {
    "CLICKSEND_MCP_MAX_RECIPIENTS": "few",
    "CLICKSEND_MCP_QUIET_HOURS": "at night",
    "CLICKSEND_MCP_APPROVAL": "${user_config.approval}",
    "CLICKSEND_MCP_MAX_COST_PER_DAY": "-1",
    "CLICKSEND_MCP_HTTP_GRACE": "soon",
    "CLICKSEND_MCP_DRYRUN": "1",
    "CLICKSEND_MCP_READ_TIMEOUT": "never",
}


@pytest.mark.parametrize("name", WRONG)
async def test_each_call_is_refused_with_the_reason_and_it_is_logged_once(name: str) -> None:
    """A host hides a server that ends at its start, and with it the reason."""
    async with scripted(says(good({}))) as upstream:
        own = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        async with running(**own, **{name: WRONG[name]}) as program:
            await program.write(*HELLO, {"jsonrpc": "2.0", "id": 9, "method": "tools/list"})
            listed = await program.answer_to(9)
            for number, slug in enumerate(offered.SLUGS, start=10):
                await program.write(calling(number, slug, GOOD[slug]))
                envelope = (await program.answer_to(number))["result"]["structuredContent"]
                assert not envelope["successful"]
                assert envelope["error"].startswith(name), envelope
            await program.close_stdin()
            assert await program.ended() == 0
        assert upstream.connections == 0
    assert len(listed["result"]["tools"]) == len(offered.SLUGS)
    assert program.errors.count(name) == 1
    assert "WARNING clicksend_mcp: every call will be refused: " in program.errors


async def test_the_sandbox_is_refused_too() -> None:
    """What would be refused with an account is no success without one."""
    async with running("--sandbox", CLICKSEND_MCP_MAX_RECIPIENTS="few") as program:
        await program.write(*HELLO, calling(1, "CLICKSEND_GET_LISTS", {}))
        envelope = (await program.answer_to(1))["result"]["structuredContent"]
    assert envelope["error"].startswith("CLICKSEND_MCP_MAX_RECIPIENTS must be")


async def test_the_log_keeps_its_format() -> None:
    """Programs that collect logs can read the line."""
    async with running(CLICKSEND_MCP_MAX_RECIPIENTS="few", CLICKSEND_MCP_LOG_FORMAT="json") as program:
        await program.close_stdin()
        await program.ended()
    assert program.errors.startswith('{"time": ')


@pytest.mark.parametrize("command", [("http", "--port", "0"), ("call", "get_lists"), ("check",)])
async def test_where_somebody_sees_the_end_a_wrong_limit_stops_the_start(command: tuple[str, ...]) -> None:
    """A person at a terminal, or a supervisor, reads why."""
    status, out, errors = await run(*command, CLICKSEND_MCP_MAX_RECIPIENTS="few")
    assert (status, out, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("clicksend-mcp: CLICKSEND_MCP_MAX_RECIPIENTS must be")
