"""The commands for people: what they print, and with which status they end."""

import json
import signal
import socket
from importlib.metadata import version
from typing import Any

import httpx
import pytest
from mcp import Client
from support.hosting import run, running
from support.scripted import BASIC, SECRET, USERNAME, answer, drops, good, refusal, says, scripted

from server.cli.main import main
from server.config.settings import Settings
from server.protocol.server import build_server
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

ACCOUNT = {"username": "ana", "balance": "25.407600", "_currency": {"currency_name_short": "AUD"}}


async def test_it_tells_its_version() -> None:
    assert await run("--version") == (0, f"{version('clicksend-mcp')}\n", "")


@pytest.mark.parametrize(
    "wrong",
    [
        ("sned",),
        ("--sandbx",),
        ("http", "--port", "many"),
        ("check", "now"),
        ("http", "--port", "99999"),
        ("sandbox", "--port", "-1"),
    ],
    ids=str,
)
def test_a_wrong_use_ends_with_2_and_says_why(wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("usage: clicksend-mcp")
    assert "error: " in said.err


@pytest.mark.parametrize("command", ["http", "sandbox"])
async def test_a_port_that_is_none_is_told_in_one_line(command: str) -> None:
    status, out, errors = await run(command, "--port", "99999")
    assert (status, out) == (2, "")
    assert [line for line in errors.splitlines() if "error" in line] == [
        f"clicksend-mcp {command}: error: argument --port: must be from 0 to 65535"
    ]
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["tools", "demo", "sandbox"])
def test_the_sandbox_flag_goes_with_serving_only(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--sandbox", command])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--sandbox goes with serving: `clicksend-mcp --sandbox` or `clicksend-mcp http --sandbox`" in said.err


async def test_the_catalogue_for_a_terminal_names_every_tool_and_input() -> None:
    status, out, errors = await run("tools")
    assert (status, errors) == (0, "")
    for action in catalog().values():
        assert f"{action.slug} ({action.effect.value})\n" in out
    assert "inputs: messages*\n" in out
    assert max(map(len, out.splitlines())) <= 100


async def test_the_catalogue_as_json_is_what_the_protocol_publishes() -> None:
    status, out, errors = await run("tools", "--json")
    assert (status, errors) == (0, "")
    async with Client(build_server(Settings())) as client:
        published = [tool.model_dump(by_alias=True, exclude_none=True) for tool in (await client.list_tools()).tools]
    listed = json.loads(out)
    assert listed == [{name: tool[name] for name in listed[0]} for tool in published]
    assert {"name", "description", "inputSchema"} <= listed[0].keys()


async def test_check_says_whose_account_it_is() -> None:
    async with scripted(says(good(ACCOUNT))) as upstream:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        status, out, errors = await run("check", **account)
    assert (status, errors) == (0, "")
    assert out.splitlines()[0] == "Credentials are right: account ana, balance 25.407600 AUD."
    assert upstream.requests[0].headers["authorization"] == f"Basic {BASIC}"


ODD = {
    "currency in a word": (ACCOUNT | {"_currency": "AUD"}, "account ana, balance 25.407600."),
    "currency of null": (ACCOUNT | {"_currency": None}, "account ana, balance 25.407600."),
    "currency without a name": (ACCOUNT | {"_currency": {}}, "account ana, balance 25.407600."),
    "nothing": ({}, "account None, balance None."),
    "control characters": (
        ACCOUNT | {"username": "a\x1b[31mna\r\n\x07\u2028"},
        "account a[31mna, balance 25.407600 AUD.",
    ),
    "another direction": (ACCOUNT | {"username": "\u202eana\u200b"}, "account ana, balance 25.407600 AUD."),
}


@pytest.mark.parametrize(("content", "words"), ODD.values(), ids=ODD)
async def test_a_check_of_an_odd_account_is_one_clean_line(content: dict[str, Any], words: str) -> None:
    async with scripted(says(good(content))) as upstream:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        status, out, errors = await run("check", **account)
    assert (status, errors) == (0, "")
    assert out.split("\n")[0] == f"Credentials are right: {words}"
    assert all(line.isprintable() for line in out.split("\n"))


async def test_a_check_with_a_key_that_is_not_utf8_says_so() -> None:
    status, out, errors = await run("check", CLICKSEND_USERNAME=USERNAME, CLICKSEND_API_KEY=f"{SECRET}\udcff")
    assert (status, out) == (1, "")
    assert errors.startswith("clicksend-mcp: CLICKSEND_API_KEY must be UTF-8 text")
    assert SECRET not in errors
    assert errors.count("\n") == 1


CHECKS = {
    "wrong credentials": (refusal(401, "UNAUTHORIZED"), "correct the ClickSend username and API key"),
    "fault": (refusal(500, "INTERNAL_SERVER_ERROR"), "HTTP 500, a fault on ClickSend's side"),
    "not ClickSend": (answer(200, b"<html>", kind="text/html"), "HTTP 200 with a body that is no JSON object"),
    "odd account": (good([]), ""),
    "no account": (good(None), ""),
}


@pytest.mark.parametrize(("said", "words"), CHECKS.values(), ids=CHECKS)
async def test_a_check_that_fails_is_one_line_without_the_secret(said: bytes, words: str) -> None:
    async with scripted(says(said)) as upstream:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        status, out, errors = await run("check", **account)
    assert status == 1
    assert "Credentials are right" not in out
    assert errors.startswith("clicksend-mcp: ")
    assert errors.count("\n") == 1
    assert words in errors
    assert SECRET not in errors


async def test_a_check_without_credentials_says_what_to_set() -> None:
    status, out, errors = await run("check")
    assert (status, out) == (1, "")
    assert errors.startswith("clicksend-mcp: No ClickSend credentials: set CLICKSEND_USERNAME and CLICKSEND_API_KEY")
    assert errors.count("\n") == 1


async def test_a_check_of_an_unreachable_host_says_so() -> None:
    async with scripted(drops) as upstream:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
    status, out, errors = await run("check", **account)
    assert status == 1
    assert "Credentials are right" not in out
    assert errors.startswith("clicksend-mcp: ClickSend could not be reached: 127.0.0.1:")
    assert "refuses connections" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_the_sandbox_serves_until_a_signal_comes(number: signal.Signals) -> None:
    async with running("sandbox", "--port", "0") as program:
        first, second = await program.line(), await program.line()
        url = first.split(" at ")[1].split(": nothing")[0]
        username, key = second.removeprefix("Username ").split(". ")[0].split(", API key ")
        async with httpx.AsyncClient(trust_env=False) as web:
            account = await web.get(f"{url}/v3/account", auth=(username, key))
            state = await web.get(f"{url}/_sandbox/state")
        program.process.send_signal(number)
        status = await program.ended()
    assert (account.status_code, state.status_code) == (200, 200)
    assert f"Controls under {url}/_sandbox/." in second
    assert status == 0
    assert program.errors == ""


async def test_a_taken_port_of_the_sandbox_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, errors = await run("sandbox", "--port", port)
    assert (status, out) == (2, "")
    assert errors.startswith(f"clicksend-mcp: cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert errors.count("\n") == 1
