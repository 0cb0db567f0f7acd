"""How the commands explain themselves: help, mistakes, and what people read on a terminal."""

import json
import re
from pathlib import Path

import pytest
from support.hosting import run
from support.scripted import SECRET, USERNAME, good, says, scripted
from support.terminal_of import on_terminal

from server.cli import usage
from server.config.settings import VARIABLES
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

READ = "CLICKSEND_GET_ACCOUNT"
ACCOUNT = good({"username": "ana\u202e\u00a0b", "balance": "25.40", "_currency": {"currency_name_short": "AUD"}})


def account(url: str, **own: str) -> dict[str, str]:
    return {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": url, **own}


@pytest.mark.parametrize("columns", ["60", "200"])
@pytest.mark.parametrize("command", ["--help", "settings", "tools", "call --help", "token --help", "ledger --help"])
async def test_help_is_as_wide_as_the_terminal(command: str, columns: str) -> None:
    """Words that are longer stay whole, so that they can be copied."""
    status, out, errors = await run(*command.split(), COLUMNS=columns)
    assert (status, errors) == (0, "")
    long = [line for line in out.splitlines() if len(line) > int(columns) and len(max(line.split(), key=len)) < 20]
    assert long == []


async def test_the_help_shows_an_example_and_no_wall_of_settings() -> None:
    """The settings have a command of their own, by theme."""
    _, out, _ = await run("--help")
    assert " ".join(out.split()).startswith(
        "usage: clicksend-mcp [-h] [--version] [--sandbox] [--sandbox-port PORT] COMMAND"
    )
    assert "example:" in out
    assert "exit status:" in out
    assert "CLICKSEND_MCP_" not in out
    _, listed, _ = await run("settings")
    assert sorted(re.findall(r"^  (CLICKSEND_\w+) ", listed, re.MULTILINE)) == sorted(one.name for one in VARIABLES)
    assert re.findall(r"^(\S.*):$", listed, re.MULTILINE) == list(usage.by_theme())


def test_every_setting_has_one_theme() -> None:
    """Also one that is new."""
    assert sorted(one.name for theme in usage.by_theme().values() for one in theme) == sorted(
        one.name for one in VARIABLES
    )


MISTAKES = {
    ("chek",): "clicksend-mcp: error: there is no command 'chek': did you mean check? there are ",
    ("call", "CLICKSEND_GET_LIST"): "there is no tool 'CLICKSEND_GET_LIST': did you mean CLICKSEND_GET_LISTS? ",
    ("call", "create_sms_sent"): "there is no tool 'create_sms_sent': did you mean CLICKSEND_CREATE_SMS_SEND? ",
    ("call", "NOPE"): "argument TOOL: there is no tool 'NOPE': `clicksend-mcp tools` names them all",
    ("ledger", "--action", "sms"): "there is no tool 'sms': `clicksend-mcp tools` names them all",
    ("check", "extra"): "clicksend-mcp check: error: unrecognized arguments: extra",
    ("tools", "--jsn"): "clicksend-mcp tools: error: unrecognized arguments: --jsn",
    ("call",): "the following arguments are required: TOOL",
    ("call", READ, "{limit: 2}"): "at line 1, column 2; JSON has double quotes",
    (
        "call",
        READ,
        '{"limit": 2,\n "page" 3}',
    ): "the arguments are not JSON: Expecting ':' delimiter at line 2, column 9",
    ("call", READ, ""): "the arguments are not JSON: there is nothing",
    ("call", READ, '{"limit": ' + "9" * 5_000 + "}"): "the arguments are not JSON: a number has too many digits",
    ("call", READ, "[" * 100_000): "the arguments are not JSON: it is nested too deeply",
    ("call", READ, "\udcff"): "the arguments are not JSON: they are not UTF-8 text",
    ("s\x1b[2Jned",): "there is no command",
}


@pytest.mark.parametrize(
    "command", MISTAKES, ids=lambda command: " ".join(command)[:30].encode("ascii", "replace").decode()
)
async def test_a_mistake_is_told_with_what_was_meant(command: tuple[str, ...]) -> None:
    """Where and what, with the usage of that very command."""
    status, out, errors = await run(*command)
    assert (status, out) == (2, "")
    assert MISTAKES[command] in errors
    assert "\x1b" not in errors
    assert "CLICKSEND_DELETE_LISTS" not in errors  # not the whole catalogue
    if "unrecognized" in errors:
        assert errors.startswith(f"usage: clicksend-mcp {command[0]} ")


@pytest.mark.parametrize("name", [READ.lower(), "get_account", "Get-Account", f" {READ}"])
async def test_a_tool_is_found_however_it_is_typed(name: str) -> None:
    """Small letters, and without what all names begin with."""
    status, out, _ = await run("call", name, "--sandbox")
    assert (status, json.loads(out)["successful"]) == (0, True)


async def test_data_alone_is_clicksends_answer() -> None:
    """JSON, and not JSON in JSON."""
    async with scripted(says(ACCOUNT)) as upstream:
        status, out, errors = await run("call", READ, "--data", **account(upstream.url))
    assert (status, errors) == (0, "")
    assert json.loads(out)["data"]["balance"] == "25.40"


async def test_data_alone_of_a_failure_is_on_stderr() -> None:
    """Stdout stays for data."""
    status, out, errors = await run("call", READ, "--data")
    assert (status, out, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("clicksend-mcp: No ClickSend credentials")


async def test_a_terminal_shows_the_result_over_several_lines_and_is_not_commanded() -> None:
    """To be read; a pipe gets the envelope on a line as before."""
    async with scripted(says(ACCOUNT)) as upstream:
        status, shown = await on_terminal("call", READ, **account(upstream.url))
        piped = await run("call", READ, **account(upstream.url))
    assert status == 0
    assert '\n      "balance": "25.40"' in shown
    assert "\\u00a0" in shown
    assert not {"\u202e", "\u00a0"} & set(shown)
    assert piped[1].count("\n") == 1


async def test_alone_on_a_terminal_it_says_what_it_waits_for() -> None:
    """A person who has started it would wait in vain."""
    _, shown = await on_terminal(typed="\x04")
    assert "MCP over stdio: a host starts this. Try `clicksend-mcp demo` or `--help`." in shown


@pytest.mark.parametrize("command", ["check", "doctor"])
async def test_check_tells_where_everything_is_and_which_limits_are_on(command: str, tmp_path: Path) -> None:
    """People look there."""
    own = {
        "CLICKSEND_MCP_MAX_COST_PER_DAY": " 20.50 ",
        "CLICKSEND_MCP_ALLOWED_COUNTRIES": "AU,NZ",
        "CLICKSEND_MCP_APPROVAL_KEY": "k" * 32,
        "CLICKSEND_MCP_LEDGER": str(tmp_path / "ledger.sqlite3"),
    }
    async with scripted(says(good({"username": "ana", "balance": "1"}))) as upstream:
        status, out, errors = await run(command, **account(upstream.url, **own))
    assert (status, errors) == (0, "")
    assert out.splitlines() == [
        "Credentials are right: account ana, balance 1.",
        f"ClickSend: {upstream.url}",
        f"Ledger: {tmp_path}/ledger.sqlite3",
        "Limit: CLICKSEND_MCP_MAX_COST_PER_DAY=20.50",
        "Limit: CLICKSEND_MCP_ALLOWED_COUNTRIES=AU,NZ",
    ]


async def test_check_fails_where_nothing_could_be_sent(tmp_path: Path) -> None:
    """A ledger that cannot be used stops every send."""
    async with scripted(says(good({"username": "ana", "balance": "1"}))) as upstream:
        ledger = tmp_path / "ledger.sqlite3"
        ledger.write_text("this is no ledger\n" * 100)
        status, out, errors = await run("check", **account(upstream.url, CLICKSEND_MCP_LEDGER=str(ledger)))
    assert (status, errors.count("\n")) == (1, 1)
    assert f"the ledger {ledger} cannot be used" in errors
    assert "Limits: none" in out


async def test_check_shows_no_password_of_the_ledger() -> None:
    """Its URL may hold one."""
    async with scripted(says(good({"username": "ana", "balance": "1"}))) as upstream:
        place = "postgresql://ana:hunter2@127.0.0.1:1/sends?password=hunter3"
        status, out, errors = await run("check", **account(upstream.url, CLICKSEND_MCP_LEDGER=place))
    assert status == 1
    assert "Ledger: postgresql://127.0.0.1:1/sends" in out
    assert "hunter" not in out + errors


def test_names_of_tools_are_all_found_as_they_stand() -> None:
    """The nearest name is never taken for the one that is meant."""
    assert [usage.action(slug).slug for slug in catalog()] == list(catalog())
