"""The command `call`: the envelope on stdout, a bar and questions on a terminal, nothing on a pipe, honest statuses."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from support.guarding import Place
from support.hosting import PATIENCE, PROGRAM, environment, run, running, stdio
from support.reports import (
    ANYWHERE_IN_AU,
    CAMPAIGN,
    IMPORT,
    IMPORTING,
    READ,
    SALE,
    SEND,
    accepted,
    batch,
    holding,
)
from support.scripted import SECRET, good, refusal
from support.terminals import terminal
from support.troubles import at, until

pytestmark = pytest.mark.anyio

ONE = json.dumps(batch(1))
ASKING = {"CLICKSEND_MCP_APPROVAL": "always"}


def envelope(out: str) -> dict[str, Any]:
    """What was printed: an envelope on one line."""
    assert out.count("\n") == 1
    read: dict[str, Any] = json.loads(out)
    return read


@pytest.mark.parametrize("columns", [100, 40, 0], ids=["wide", "narrow", "of unknown size"])
async def test_a_terminal_shows_a_bar_while_contacts_are_checked_and_nothing_of_it_stays(columns: int) -> None:
    async with holding("page=3&", "sms-campaigns/send") as (clicksend, upstream):
        own = at(upstream, **ANYWHERE_IN_AU)
        async with terminal("call", CAMPAIGN, json.dumps(SALE), columns=columns, **own) as screen:
            await screen.until(" 67%|██")
            if columns != 40:
                await screen.until("Read 200 of 300 contacts")
            clicksend.let_go("page=3&")
            await screen.until("Create and Send SMS Campaign: wait")
            clicksend.let_go("sms-campaigns/send")
            status, out = await screen.ended()
    assert status == 0
    assert envelope(out)["successful"]
    assert max(map(len, screen.shown.replace("\n", "\r").split("\r"))) <= (columns or 80)
    assert screen.shown.rstrip("\r").rpartition("\r")[2].strip() == ""  # it was wiped off
    assert "\n" not in screen.shown


async def test_a_terminal_shows_how_an_import_comes_on() -> None:
    async with holding("GET /v3/lists/88 #2", "GET /v3/lists/88 #3") as (clicksend, upstream):
        async with terminal("call", IMPORT, json.dumps(IMPORTING), **at(upstream)) as screen:
            await screen.until("120 contacts in the list so far")
            clicksend.let_go("GET /v3/lists/88 #2")
            await screen.until("5,300 contacts in the list so far")
            clicksend.let_go("GET /v3/lists/88 #3")
            status, out = await screen.ended()
        piped = await run("call", IMPORT, json.dumps(IMPORTING), **at(upstream))
        assert clicksend.asked("GET /v3/lists/88 ") == 3  # nobody listened to the second one
    assert status == 0
    assert piped == (0, out, "")


async def test_pipes_get_the_envelope_and_nothing_else() -> None:
    async with holding() as (_, upstream):
        status, out, errors = await run("call", CAMPAIGN, json.dumps(SALE), **at(upstream, **ANYWHERE_IN_AU))
    assert (status, errors) == (0, "")
    assert envelope(out)["successful"]


@pytest.mark.parametrize(
    ("slug", "arguments"), [(READ, {}), (SEND, {}), (SEND, batch(1)), ("CLICKSEND_DELETE_LISTS", {"list_id": 0})]
)
async def test_the_envelope_is_the_one_an_agent_gets(slug: str, arguments: dict[str, Any]) -> None:
    async with holding(sms_send=[accepted(1)]) as (_, upstream):
        own = at(upstream, CLICKSEND_MCP_DUPLICATE_WINDOW="0")
        status, out, _ = await run("call", slug, json.dumps(arguments), **own)
        async with Client(stdio(**own)) as client:
            result = await client.call_tool(slug, arguments)
    assert envelope(out) == result.structured_content
    assert status == (1 if result.is_error else 0)


@pytest.mark.parametrize("typed", ["y\n", "YES\n"])
async def test_a_person_at_the_terminal_is_asked_and_a_yes_sends(typed: str) -> None:
    async with (
        holding(sms_send=[accepted(1)]) as (clicksend, upstream),
        terminal("call", SEND, ONE, **at(upstream, **ASKING)) as screen,
    ):
        await screen.until("Price: 79.2 AUD", "Send this? [y/N] ")
        assert not clicksend.asked("/sms/send")
        screen.type(typed)
        status, out = await screen.ended()
    assert (status, envelope(out)["successful"]) == (0, True)


@pytest.mark.parametrize("typed", ["n\n", "\n", "yeah\n", "\x04"], ids=["no", "enter", "another word", "end of file"])
async def test_whatever_is_no_plain_yes_sends_nothing(typed: str) -> None:
    async with holding() as (clicksend, upstream):
        async with terminal("call", SEND, ONE, **at(upstream, **ASKING)) as screen:
            await screen.until("Send this? [y/N] ")
            screen.type(typed)
            status, out = await screen.ended()
        assert not clicksend.asked("/sms/send")
    assert status == 1
    assert envelope(out)["error"] == "The person who was asked did not approve it. Nothing was sent."


async def test_nobody_who_answers_in_time_sends_nothing() -> None:
    async with holding() as (clicksend, upstream):
        own = at(upstream, **ASKING, CLICKSEND_MCP_APPROVAL_SECONDS="1")
        async with terminal("call", SEND, ONE, **own) as screen:
            status, out = await screen.ended()
        assert not clicksend.asked("/sms/send")
    assert status == 1
    assert envelope(out)["error"] == "The person who was asked did not answer in time. Nothing was sent."


async def test_a_price_that_has_changed_since_the_yes_sends_nothing() -> None:
    dearer = json.dumps({"data": {"total_price": 80, "_currency": {"currency_name_short": "AUD"}}}).encode()
    async with holding() as (clicksend, upstream):
        async with terminal("call", SEND, ONE, **at(upstream, **ASKING)) as screen:
            await screen.until("Send this? [y/N] ")
            clicksend.answers = {
                "/sms/price": [b"HTTP/1.1 200 Well\r\nContent-Length: %d\r\n\r\n" % len(dearer) + dearer]
            }
            screen.type("y\n")
            status, out = await screen.ended()
        assert not clicksend.asked("/sms/send")
    assert status == 1
    assert envelope(out)["error"].startswith("What was approved has changed meanwhile")


async def test_without_a_terminal_nobody_is_asked_and_nothing_is_sent() -> None:
    async with holding() as (clicksend, upstream):
        status, out, errors = await run("call", SEND, ONE, **at(upstream, **ASKING))
        assert not clicksend.asked("/sms/send")
    assert (status, errors) == (1, "")
    assert envelope(out)["error"].endswith(
        "This needs a person's approval, and there is no terminal on which to ask for it. Nothing was sent."
    )


async def test_the_arguments_may_come_from_stdin() -> None:
    async with holding(sms_send=[accepted(1)]) as (_, upstream), running("call", SEND, "-", **at(upstream)) as program:
        await program.write(ONE.encode())
        await program.close_stdin()
        assert await program.ended() == 0
    assert envelope("".join(program.lines))["successful"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ((SEND, "[}"), "the arguments are not JSON"),
        ((SEND, "[" * 100_000), "the arguments are not JSON"),
        ((SEND, "[]"), "the arguments must be a JSON object"),
        ((SEND, "\udcff"), "the arguments are not JSON"),
        ((SEND, "{}", "{}"), "unrecognized arguments: {}"),
        ((SEND, "{}", "--sandbox", "{}"), "unrecognized arguments: {}"),
        (("CLICKSEND_SEND_FAX",), "there is no tool 'CLICKSEND_SEND_FAX'"),
        ((), "the following arguments are required: TOOL"),
    ],
    ids=["no JSON", "deep JSON", "a list", "no text", "too much", "too much after an option", "no tool", "nothing"],
)
async def test_a_wrong_use_ends_with_2_and_calls_nothing(wrong: tuple[str, ...], said: str) -> None:
    async with holding() as (_, upstream):
        status, out, errors = await run("call", *wrong, **at(upstream))
        assert upstream.connections == 0
    assert (status, out) == (2, "")
    assert said in errors
    assert "Traceback" not in errors


async def test_a_tool_that_the_operator_has_switched_off_is_not_called() -> None:
    async with holding() as (_, upstream):
        status, out, errors = await run("call", SEND, ONE, **at(upstream, CLICKSEND_MCP_READ_ONLY="1"))
        assert upstream.connections == 0
    assert (status, out) == (2, "")
    assert errors == f"clicksend-mcp: {SEND} is switched off by the settings of this server\n"


async def test_a_wrong_limit_stops_it() -> None:
    status, out, errors = await run("call", SEND, ONE, CLICKSEND_MCP_MAX_RECIPIENTS="few")
    assert (status, out) == (2, "")
    assert errors.startswith("clicksend-mcp: CLICKSEND_MCP_MAX_RECIPIENTS must be")


@pytest.mark.parametrize("size", [1, 1_000])
async def test_who_does_not_read_the_envelope_gets_the_status_and_no_traceback(size: int) -> None:
    messages = json.dumps(batch(size))
    ours, theirs = os.pipe()
    os.close(ours)
    async with holding(sms_send=[accepted(size)]) as (clicksend, upstream):
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            "call",
            SEND,
            messages,
            stdout=theirs,
            stderr=asyncio.subprocess.PIPE,
            env=environment(**at(upstream)),
        )
        os.close(theirs)
        async with asyncio.timeout(PATIENCE):
            _, errors = await process.communicate()
        assert clicksend.asked("/sms/send") == 1
    assert (process.returncode, errors) == (0, b"")


async def test_the_envelope_is_utf8_whatever_the_terminal_speaks() -> None:
    async with holding() as (clicksend, upstream):
        clicksend.answers = {"/account": [good({"username": "Zoë 名"})]}
        status, out, _ = await run("call", READ, **at(upstream, PYTHONIOENCODING="latin-1"))
    assert status == 0
    assert "Zoë 名" in envelope(out)["data"]


async def test_missing_credentials_are_a_failure_that_says_so() -> None:
    status, out, _ = await run("call", READ)
    assert status == 1
    assert "No ClickSend credentials" in envelope(out)["error"]


async def test_a_refusal_of_clicksend_is_a_failure() -> None:
    async with holding() as (clicksend, upstream):
        clicksend.answers = {"/account": [refusal(401, "UNAUTHORIZED")]}
        status, out, errors = await run("call", READ, **at(upstream))
    assert (status, errors) == (1, "")
    assert "HTTP 401" in envelope(out)["error"]
    assert SECRET not in out


async def test_the_same_send_is_not_sent_twice(ledger: Place) -> None:
    async with holding(sms_send=[accepted(1)]) as (clicksend, upstream):
        own = at(upstream, CLICKSEND_MCP_LEDGER=ledger.text)
        assert (await run("call", SEND, ONE, **own))[0] == 0
        status, out, _ = await run("call", SEND, ONE, **own)
        assert clicksend.asked("/sms/send") == 1
    assert status == 1
    assert "so it was not sent again" in envelope(out)["error"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_paid_call_that_has_left_is_finished_whatever_signal_comes(
    number: signal.Signals, ledger: Place
) -> None:
    async with (
        holding("/sms/send", sms_send=[accepted(1)]) as (clicksend, upstream),
        terminal("call", SEND, ONE, **at(upstream, CLICKSEND_MCP_LEDGER=ledger.text)) as screen,
    ):
        await upstream.wait(upstream.arrived)
        screen.process.send_signal(number)
        await until(lambda: ignores(screen.process.pid, number))
        screen.process.send_signal(number)
        assert ledger.row()["state"] == "started"
        clicksend.let_go("/sms/send")
        status, out = await screen.ended()
        await screen.until("clicksend-mcp ledger")
    assert (status, out) == (128 + number, "")
    assert ledger.row()["state"] == "accepted"
    assert "Traceback" not in screen.shown


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process has taken note of a signal: it ignores further ones."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    (ignored,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored, 16) >> (number - 1) & 1)


async def test_a_signal_while_a_person_is_asked_ends_it_at_once() -> None:
    """It had certainly not left."""
    async with holding() as (clicksend, upstream):
        async with terminal("call", SEND, ONE, **at(upstream, **ASKING)) as screen:
            await screen.until("Send this? [y/N] ")
            screen.process.send_signal(signal.SIGINT)
            assert await screen.ended() == (130, "")
        assert not clicksend.asked("/sms/send")
    assert "interrupted before the question was answered: nothing was sent" in screen.shown


@pytest.mark.parametrize(
    "order",
    [("--sandbox", "call", SEND, ONE), ("call", "--sandbox", SEND, ONE), ("call", SEND, "--sandbox", ONE)],
    ids=["before", "after", "between"],
)
async def test_it_works_with_the_sandbox(order: tuple[str, ...]) -> None:
    status, out, errors = await run(*order)
    assert status == 0
    assert envelope(out)["successful"]
    assert errors.startswith("Sandbox: nothing is sent or paid.")
    assert "http" not in errors  # N8: what it shows is gone when somebody looks


async def test_what_commands_a_terminal_is_not_passed_on_to_it() -> None:
    message = {"to": "+61491570006", "body": "Hi\x1b[2J\x07\u202e"}
    async with (
        holding() as (_, upstream),
        terminal("call", SEND, json.dumps({"messages": [message]}), **at(upstream, **ASKING)) as screen,
    ):
        await screen.until("Send this? [y/N] ")
        screen.type("n\n")
        await screen.ended()
    assert not {"\x1b", "\x07", "\u202e"} & set(screen.shown)


def test_the_server_starts_without_what_only_the_command_needs() -> None:
    program = (
        "import sys, server.cli.main, server.cli.startup, server.protocol.server, server.protocol.stdio\n"
        "assert not {'server.cli.call', 'server.calls.follow_up'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
