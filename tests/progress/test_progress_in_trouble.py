"""Progress where nobody reads it: the call goes on, a paid one is finished, and what was cancelled is silent."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import gettempdir
from typing import Any

import pytest
from support.guarding import Place
from support.hosting import HELLO, PATIENCE, PROGRAM, calling, environment, running, running_http
from support.reports import ANYWHERE_IN_AU, CAMPAIGN, READ, SALE, SEND, accepted, batch, holding
from support.troubles import at, call, request, until, wire

pytestmark = pytest.mark.anyio


def asking(number: int, slug: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A call whose caller asks for progress."""
    message = calling(number, slug, arguments)
    message["params"]["_meta"] = {"progressToken": f"of {number}"}
    return message


def progress_of(number: int, lines: list[str]) -> list[str]:
    return [line for line in lines if f'"progressToken":"of {number}"' in line]


@asynccontextmanager
async def deaf_host(**own: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The program, and the end of its stdout, which nobody reads until the test does."""
    ours, theirs = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=theirs, env=environment(**own), cwd=gettempdir()
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
        os.close(ours)


async def write(process: asyncio.subprocess.Process, *messages: dict[str, Any]) -> None:
    assert process.stdin
    process.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
    await process.stdin.drain()


async def test_a_host_that_reads_nothing_does_not_hold_up_a_paid_call(ledger: Place) -> None:
    own = {"CLICKSEND_MCP_LEDGER": ledger.text}
    lists = [{"jsonrpc": "2.0", "id": number, "method": "tools/list"} for number in range(10, 20)]
    async with (
        holding("/sms/send", sms_send=[accepted(1)]) as (clicksend, upstream),
        deaf_host(**at(upstream, **own)) as (process, stdout),
    ):
        # Ten lists of tools are more than a pipe holds, so nothing that comes after them is written.
        await write(process, *HELLO, *lists, asking(1, SEND, batch(1)))
        await upstream.wait(upstream.arrived)
        clicksend.let_go("/sms/send")
        await until(lambda: ledger.rows() and ledger.row()["state"] == "accepted")
        came = await asyncio.wait_for(asyncio.to_thread(read, stdout, b'"id":1,'), PATIENCE)
        assert process.stdin
        process.stdin.close()
        came += await asyncio.wait_for(asyncio.to_thread(read, stdout, b"the end"), PATIENCE)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    said = came.decode().splitlines()
    (result,) = (position for position, line in enumerate(said) if '"id":1,' in line)
    assert all(said.index(line) < result for line in progress_of(1, said))


def read(stdout: int, mark: bytes) -> bytes:
    """Read until a mark has come, or the other end is closed."""
    came = b""
    while mark not in came and (chunk := os.read(stdout, 65_536)):
        came += chunk
    return came


async def test_a_paid_call_whose_caller_went_away_amid_its_progress_is_finished(ledger: Place) -> None:
    own = {"CLICKSEND_MCP_LEDGER": ledger.text}
    async with (
        holding("/sms/send", sms_send=[accepted(1)]) as (clicksend, upstream),
        running_http(**at(upstream, **own)) as (program, url),
    ):
        async with wire(url) as client:
            await client.write(request(url, call(SEND, batch(1), meta={"progressToken": 1})))
            status, headers = await client.head()
            assert (status, headers["content-type"]) == (200, "text/event-stream")
            while b"waiting for ClickSend's answer" not in await asyncio.wait_for(client.reader.readline(), PATIENCE):
                pass
        clicksend.let_go("/sms/send")
        await until(lambda: ledger.row()["state"] == "accepted")
        program.process.terminate()
        assert await program.ended() == 0
    assert "Traceback" not in program.errors
    assert "progress" not in program.errors


async def test_a_host_that_closes_the_connection_amid_its_progress_has_its_paid_call_finished(ledger: Place) -> None:
    own = {"CLICKSEND_MCP_LEDGER": ledger.text}
    async with (
        holding("/sms/send", sms_send=[accepted(1)]) as (clicksend, upstream),
        running(**at(upstream, **own)) as program,
    ):
        await program.write(*HELLO, asking(1, SEND, batch(1)))
        while "waiting for ClickSend's answer" not in json.dumps(await program.read()):
            pass
        await program.close_stdin()
        clicksend.let_go("/sms/send")
        assert await program.ended() == 0
    assert ledger.row()["state"] == "accepted"
    assert "Traceback" not in program.errors


async def test_a_call_that_is_cancelled_amid_the_check_of_its_contacts_sends_nothing_and_falls_silent(
    ledger: Place,
) -> None:
    own = ANYWHERE_IN_AU | {"CLICKSEND_MCP_LEDGER": ledger.text}
    async with holding("page=3&") as (clicksend, upstream), running(**at(upstream, **own)) as program:
        await program.write(*HELLO, asking(1, CAMPAIGN, SALE))
        while "Read 200 of 300" not in json.dumps(await program.read()):
            pass
        await until(lambda: clicksend.asked("page=3&"))
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        await program.write(cancel, asking(2, READ, {}))
        heard = len(progress_of(1, program.lines))
        assert (await program.answer_to(2))["result"]["structuredContent"]["successful"]
        clicksend.let_go("page=3&")
        await program.write(asking(3, CAMPAIGN, SALE))
        assert (await program.answer_to(3))["result"]["structuredContent"]["successful"]
        await program.close_stdin()
        assert await program.ended() == 0
    assert len(progress_of(1, program.lines)) == heard
    assert clicksend.asked("sms-campaigns/send") == 1
    assert ledger.row()["state"] == "accepted"  # the third call's; the first has left none


async def test_no_progress_comes_after_a_result() -> None:
    async with holding() as (_, upstream), running(**at(upstream, **ANYWHERE_IN_AU)) as program:
        await program.write(*HELLO)
        for number in range(1, 21):
            await program.write(asking(number, CAMPAIGN, SALE | {"name": f"Sale {number}"}))
        for number in range(21, 41):
            await program.write(asking(number, READ, {}))
        await until_all(program, range(1, 41))
        await program.close_stdin()
        assert await program.ended() == 0
    for number in range(1, 41):
        (result,) = (at for at, line in enumerate(program.lines) if json.loads(line).get("id") == number)
        assert all(program.lines.index(line) < result for line in progress_of(number, program.lines))
    assert any(progress_of(number, program.lines) for number in range(1, 21))


async def until_all(program: Any, numbers: range) -> None:
    """Read until each of these requests has been answered."""
    waiting = set(numbers)
    while waiting:
        waiting.discard((await program.read()).get("id"))
