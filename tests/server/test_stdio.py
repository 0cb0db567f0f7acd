"""The real process over stdio: nothing but protocol on stdout, a good end, and nothing private on stderr."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest
from mcp import Client
from support import offered
from support.hosting import ERAS, HELLO, PATIENCE, Program, calling, environment, running, stdio
from support.inputs import BAD, GOOD, MARKED_NUMBER, MARKED_TEXT, MESSAGE_ID
from support.scripted import (
    BASIC,
    SECRET,
    USERNAME,
    Conversation,
    Script,
    Upstream,
    answer,
    drops,
    envelope,
    good,
    keeps_silent,
    says,
    says_and_closes,
    says_when_released,
    scripted,
)

pytestmark = pytest.mark.anyio

READ = "CLICKSEND_GET_ACCOUNT"
SEND = "CLICKSEND_CREATE_SMS_SEND"
ACCEPTED = good({"messages": [{"to": MARKED_NUMBER, "status": "SUCCESS"}]})
ACCOUNT = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET}
SIGNALS = [signal.SIGTERM, signal.SIGINT]


def pointed_at(upstream: Upstream, **own: str) -> dict[str, str]:
    """The environment of a program whose ClickSend is a scripted one."""
    account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
    return account | own


async def greeted(program: Program) -> None:
    await program.write(*HELLO)
    await program.answer_to(0)


@pytest.mark.parametrize("era", ERAS)
async def test_tools_are_listed_without_any_environment(era: str) -> None:
    async with asyncio.timeout(PATIENCE), Client(stdio(), mode=era) as client:
        page = await client.list_tools()
        assert [tool.name for tool in page.tools] == offered.SLUGS
        result = await client.call_tool(READ, {})
    assert "CLICKSEND_USERNAME and CLICKSEND_API_KEY" in str(result.structured_content)


async def test_every_line_of_stdout_is_json_rpc_whatever_comes_in() -> None:
    rubbish = (b"", b"hello", b"{", b"[1, 2]", b"null", b"\xff\xfe\x00\x01", b'"\xed\xa0\x80"', b'{"jsonrpc": "2.0"}')
    async with (
        scripted(says(ACCEPTED)) as upstream,
        running(**pointed_at(upstream, CLICKSEND_MCP_LOG_LEVEL="DEBUG")) as program,
    ):
        await program.write(*rubbish)
        await greeted(program)
        await program.write(*rubbish, b"x" * 200_000, calling(1, SEND, GOOD[SEND]))
        result = (await program.answer_to(1))["result"]
        await program.write(*rubbish, calling(2, "CLICKSEND_NO_SUCH_TOOL", {}))
        refused = await program.answer_to(2)
        await program.close_stdin()
        status = await program.ended()
    assert result["structuredContent"]["successful"]
    assert refused["error"]["code"] == -32602
    assert status == 0
    for line in program.lines:
        assert json.loads(line)["jsonrpc"] == "2.0"
        assert line.endswith("\n")


async def test_the_end_of_stdin_is_the_end() -> None:
    async with running(**ACCOUNT) as program:
        await greeted(program)
        await program.close_stdin()
        assert await program.ended() == 0
    assert program.errors == ""


async def test_a_host_that_leaves_before_it_says_anything_is_no_fault() -> None:
    async with running(**ACCOUNT) as program:
        await program.close_stdin()
        assert await program.ended() == 0
    assert (program.lines, program.errors) == ([], "")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_a_signal_ends_it_although_stdin_stays_open(number: signal.Signals) -> None:
    async with running(**ACCOUNT) as program:
        await greeted(program)
        program.process.send_signal(number)
        assert await program.ended() == 128 + number
    assert program.errors == ""


async def test_a_closed_stdout_leaves_no_traceback() -> None:
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *stdio().args and [stdio().command, *stdio().args],
        stdin=asyncio.subprocess.PIPE,
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**ACCOUNT),
    )
    os.close(writing)
    os.close(reading)
    errors = await asyncio.wait_for(process.communicate(json.dumps(HELLO[0]).encode() + b"\n"), PATIENCE)
    assert process.returncode == 0
    assert errors[1] == b""


async def leave(program: Program, how: signal.Signals | None) -> None:
    """Close stdin, or send a signal."""
    if how is None:
        await program.close_stdin()
    else:
        program.process.send_signal(how)


HOW = [None, *SIGNALS]


@pytest.mark.parametrize("how", HOW, ids=lambda how: how.name if how else "stdin closed")
async def test_a_paid_call_in_flight_is_finished_and_a_read_is_cut_at_once(how: signal.Signals | None) -> None:
    async def script(conversation: Conversation) -> None:
        paid = conversation.request.line.startswith("POST")
        (paid_for if paid else reads).set()
        await (says_when_released(ACCEPTED) if paid else keeps_silent)(conversation)

    paid_for, reads = asyncio.Event(), asyncio.Event()
    async with scripted(script) as upstream, running(**pointed_at(upstream, CLICKSEND_MCP_LOG_LEVEL="INFO")) as program:
        await greeted(program)
        await program.write(calling(1, SEND, GOOD[SEND]), calling(2, READ, {}))
        await upstream.wait(paid_for)
        await upstream.wait(reads)
        await leave(program, how)
        await upstream.wait(upstream.hung_up)  # the read: so the end has begun
        assert program.process.returncode is None
        assert not upstream.read_whole.is_set()
        upstream.released.set()
        await upstream.wait(upstream.read_whole)
        assert await program.ended() == (0 if how is None else 128 + how)
    (sent,) = [request for request in upstream.requests if request.line.startswith("POST")]
    assert sent.json == GOOD[SEND]
    assert f"action={SEND} outcome=successful" in program.errors


async def test_a_paid_call_that_hangs_holds_the_end_up_no_longer_than_its_deadline() -> None:
    async with (
        scripted(keeps_silent) as upstream,
        running(**pointed_at(upstream, CLICKSEND_MCP_TOTAL_TIMEOUT="1")) as program,
    ):
        await greeted(program)
        await program.write(calling(1, SEND, GOOD[SEND]))
        await upstream.wait(upstream.arrived)
        program.process.send_signal(signal.SIGTERM)
        assert await program.ended() == 128 + signal.SIGTERM


# --- broken characters ---------------------------------------------------------------------------


def send(body: str) -> dict[str, Any]:
    return {"messages": [{"to": MARKED_NUMBER, "body": body}]}


async def test_half_an_emoji_gets_an_answer_that_says_so() -> None:
    async with scripted(says(ACCEPTED)) as upstream, running(**pointed_at(upstream)) as program:
        await greeted(program)
        for number, half in enumerate(("\ud83d", "\ude00", "\ud83d\ud83d\ude00", "\\\ud83d", "\ud83dA"), start=1):
            await program.write(json.dumps(calling(number, SEND, send(f"Hi {half}"))).encode())
            envelope = (await program.answer_to(number))["result"]["structuredContent"]
            assert not envelope["successful"]
            assert "messages[0].body holds U+FFFD, which stands for a broken character" in envelope["error"]
        await program.write(json.dumps(calling(9, SEND, send("Hi \ud83d"))).replace("\\ud83d", "\\uD83D").encode())
        assert "U+FFFD" in str(await program.answer_to(9))
    assert upstream.connections == 0


async def test_half_an_emoji_in_the_name_of_an_argument_gets_an_answer_too() -> None:
    async with scripted(says(ACCEPTED)) as upstream, running(**pointed_at(upstream)) as program:
        await greeted(program)
        await program.write(json.dumps(calling(1, SEND, GOOD[SEND] | {"bod\ud83d": "x"})).encode())
        envelope = (await program.answer_to(1))["result"]["structuredContent"]
        await program.write(json.dumps(calling(2, "CLICKSEND\ud83d", {})).encode())
        assert (await program.answer_to(2))["error"]["code"] == -32602
    assert not envelope["successful"]
    assert "is not an input here" in envelope["error"]
    assert upstream.connections == 0


async def test_whole_characters_and_escaped_backslashes_stay_as_they_are() -> None:
    texts = ("Hi 👋", "a \\ud83d b", "\\\\ud83d", "\\👋", 'C:\\ud800\\"x"', "x \u0000 \ud7ff \ue000")
    async with scripted(says(ACCEPTED)) as upstream, running(**pointed_at(upstream)) as program:
        await greeted(program)
        for number, text in enumerate(texts, start=1):
            await program.write(calling(number, SEND, send(text)))
            assert (await program.answer_to(number))["result"]["structuredContent"]["successful"], text
    assert [request.json["messages"][0]["body"] for request in upstream.requests] == list(texts)


# --- private things ------------------------------------------------------------------------------


def scripts() -> list[Script]:
    """Answers that repeat everything private, good and bad."""
    echo = {"key": SECRET, "number": MARKED_NUMBER, "text": MARKED_TEXT, "messages": [{"to": MARKED_NUMBER}]}
    too_deep: Any = echo
    for _ in range(600):
        too_deep = [too_deep]
    return [
        says(good(echo)),
        says(answer(400, envelope(echo, 400, "BAD_REQUEST", f"{MARKED_TEXT} {SECRET}"))),
        says(answer(200, f'{{"data": "{MARKED_TEXT} {SECRET} {MARKED_NUMBER}'.encode())),
        says(good(too_deep)),
        says_and_closes(f"{MARKED_TEXT} {SECRET}\r\n\r\n".encode()),
        drops,
    ]


async def test_stderr_holds_nothing_private_at_any_level() -> None:
    async with (
        scripted(drops) as upstream,
        running(**pointed_at(upstream, CLICKSEND_MCP_LOG_LEVEL="DEBUG", CLICKSEND_MCP_DUPLICATE_WINDOW="0")) as program,
    ):
        await greeted(program)
        for turn, script in enumerate(scripts(), start=1):
            upstream.script = script
            expected = set()
            for number, slug in enumerate(offered.SLUGS):
                at = 100 * turn + 2 * number
                expected |= {at, at + 1}
                await program.write(calling(at, slug, GOOD[slug]), calling(at + 1, slug, BAD[slug]))
            while expected:
                expected.discard((await program.read()).get("id", -1))
        await program.write(MARKED_TEXT.encode(), calling(1, MARKED_TEXT, {MARKED_TEXT: SECRET}))
        await program.answer_to(1)
        await program.close_stdin()
        assert await program.ended() == 0
    assert len(upstream.requests) == len(offered.SLUGS) * len(scripts())
    assert program.errors.count("outcome=") == 2 * len(offered.SLUGS) * len(scripts())
    for mark in (SECRET, BASIC, MARKED_TEXT, MARKED_NUMBER, MARKED_NUMBER[1:], MESSAGE_ID, "127.0.0.1"):
        assert mark not in program.errors, mark
    for mark in (SECRET, BASIC):
        assert mark not in "".join(program.lines), mark
