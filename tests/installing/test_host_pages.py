"""docs/hosts.md: what each block says is started as the host would start it, with uvx and from this checkout.

Of a block only what a person or the host fills in is filled in: the path of the checkout, and the account. To the
environment one variable is added, so that ClickSend is the sandbox. Not shown here is that the hosts read these files.
"""

import asyncio
import json
import re
import shlex
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import pytest
from machines import PATIENCE, ROOT, Machine, call, tools_of, upstream, username
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pages import TEXT, block, sections
from support import offered
from support.hosting import running_http

from server.config.settings import VARIABLES
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # the first one fills uv's cache

CHECKOUT = "/absolute/path/to/clicksend-mcp"
MCP_URL = "https://mcp.example.com/mcp"


@dataclass(frozen=True)
class Host:
    """What differs: the key above the servers, and what stands for the account in the file."""

    servers: str
    username: str
    api_key: str

    @property
    def fills_in(self) -> bool:
        """Whether the host puts the values in; else a person writes them into the file."""
        return self.username.startswith("${")


HOSTS = {
    "Without the bundle": Host("mcpServers", "your API username", "your API key"),
    "Claude Code": Host("mcpServers", "${CLICKSEND_USERNAME}", "${CLICKSEND_API_KEY}"),
    "Cursor": Host("mcpServers", "${env:CLICKSEND_USERNAME}", "${env:CLICKSEND_API_KEY}"),
    "VS Code": Host("servers", "${input:clicksend-username}", "${input:clicksend-api-key}"),
}
each_host = pytest.mark.parametrize("heading", HOSTS)


def account(sandbox: RunningSandbox) -> dict[str, str]:
    """The account of the sandbox, as people keep it in their environment."""
    return {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}


def server_of(heading: str) -> dict[str, Any]:
    """The one server of a host's block, which has the key that our tools' names leave room for."""
    ((key, server),) = json.loads(block(heading, "json").replace(CHECKOUT, str(ROOT)))[HOSTS[heading].servers].items()
    assert key == "cs"
    found: dict[str, Any] = server
    return found


def filled_in(heading: str, sandbox: RunningSandbox) -> dict[str, str]:
    """The environment of a host's block after the host, or the person, has filled it in."""
    host = HOSTS[heading]
    assert server_of(heading)["env"] == {"CLICKSEND_USERNAME": host.username, "CLICKSEND_API_KEY": host.api_key}
    return account(sandbox)


@each_host
async def test_the_block_of_a_host_starts_a_server_that_answers(
    heading: str, machine: Machine, sandbox: RunningSandbox
) -> None:
    server, env = server_of(heading), filled_in(heading, sandbox)
    assert server.get("type", "stdio") == "stdio"
    async with machine.started(server["command"], server["args"], env | upstream(sandbox)) as client:
        assert await tools_of(client) == offered.SLUGS
        assert username(await call(client, "GET_ACCOUNT")) == sandbox.username


async def test_a_block_that_the_host_does_not_fill_in_starts_a_server_that_says_what_is_missing(
    machine: Machine, sandbox: RunningSandbox
) -> None:
    server = server_of("Cursor")
    async with machine.started(server["command"], server["args"], server["env"] | upstream(sandbox)) as client:
        assert await tools_of(client) == offered.SLUGS
        envelope = await call(client, "GET_ACCOUNT")
    assert "set CLICKSEND_USERNAME and CLICKSEND_API_KEY" in envelope["error"]


async def test_the_command_for_claude_code_gives_it_a_server_that_answers(
    machine: Machine, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    # The shell runs the line; its `claude` is one that writes down what it was told.
    claude = tmp_path / "claude"
    claude.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    claude.chmod(0o755)
    line = block("Claude Code", "sh").replace(CHECKOUT, str(ROOT))
    told = (await shell(line, PATH=f"{tmp_path}:/usr/bin:/bin", **account(sandbox))).splitlines()
    options, (command, *arguments) = told[: told.index("--")], told[told.index("--") + 1 :]
    assert options[:5] == ["mcp", "add", "cs", "--scope", "user"]
    assert options[5::2] == ["-e", "-e"]
    env = dict(pair.split("=", 1) for pair in options[6::2])
    assert env == account(sandbox)
    async with machine.started(command, arguments, env | upstream(sandbox)) as client:
        assert await tools_of(client) == offered.SLUGS
        assert username(await call(client, "GET_ACCOUNT")) == sandbox.username


async def shell(lines: str, **env: str) -> str:
    """Let a shell run lines of the page; what they print."""
    process = await asyncio.create_subprocess_exec("sh", "-c", lines, env=env, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    return printed.decode()


def test_a_file_in_a_project_has_no_place_for_the_key_itself() -> None:
    of_a_project = {heading for heading, text in sections().items() if re.search(r"`\.[\w./]*mcp\.json`", text)}
    assert of_a_project == {heading for heading, host in HOSTS.items() if host.fills_in}


def test_vs_code_asks_for_what_the_block_needs_and_hides_the_key() -> None:
    document = json.loads(block("VS Code", "json"))
    asked = {one["id"]: one for one in document["inputs"]}
    used = re.findall(r"\$\{input:(.*?)\}", json.dumps(document["servers"]))
    assert sorted(used) == sorted(asked)
    assert {one["type"] for one in asked.values()} == {"promptString"}
    assert [name for name, one in asked.items() if one.get("password")] == ["clicksend-api-key"]


# --- a URL -------------------------------------------------------------------------------------------

URL = "SquadOS, and any host that takes a URL"


def served_by_the_page() -> tuple[list[str], dict[str, str]]:
    """The command by which the page serves over HTTP, and the variables that it sets before."""
    *exports, command = block(URL, "sh").splitlines()
    return command.split(), dict(line.removeprefix("export ").split("=", 1) for line in exports)


async def test_the_block_with_a_url_reaches_the_server_that_the_page_starts(sandbox: RunningSandbox) -> None:
    command, env = served_by_the_page()
    assert command == ["clicksend-mcp", "http"]
    printed = await shell(block(URL, "sh", 1), PATH="/usr/bin:/bin", **account(sandbox))
    (server,) = json.loads(block(URL, "json").replace("what it printed", printed))["mcpServers"].values()
    assert (server["type"], server["url"]) == ("http", MCP_URL)
    assert env["CLICKSEND_MCP_HTTP_URL"] == MCP_URL.removesuffix("/mcp")
    async with (
        running_http(**env, **upstream(sandbox)) as (_, url),
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(headers=server["headers"], trust_env=False, timeout=PATIENCE) as web,
        Client(streamable_http_client(url, http_client=web)) as client,
    ):
        assert await tools_of(client) == offered.SLUGS
        assert username(await call(client, "GET_ACCOUNT")) == sandbox.username
        stranger = await web.post(url, headers={"authorization": "Basic bm9ib2R5"})
        assert stranger.status_code == 401


# --- plain code --------------------------------------------------------------------------------------


async def output(code: str, machine: Machine, sandbox: RunningSandbox, **own: str) -> str:
    """Run code as a person would, with the account in the environment; what it has written to stdout."""
    environment = machine.environment | account(sandbox) | own
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment, stdout=asyncio.subprocess.PIPE
    )
    written, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    return written.decode()


async def test_the_code_over_stdio_prints_the_account(machine: Machine, sandbox: RunningSandbox) -> None:
    # The SDK passes on no variables, so the one for the sandbox is put where the code names those it needs.
    names = '("CLICKSEND_USERNAME", "CLICKSEND_API_KEY")'
    code = block("Over stdio", "python").replace(CHECKOUT, str(ROOT))
    assert names in code
    code = code.replace(names, '("CLICKSEND_USERNAME", "CLICKSEND_API_KEY", "CLICKSEND_BASE_URL")')
    written = await output(code, machine, sandbox, **upstream(sandbox))
    assert "'successful': True" in written
    assert sandbox.username in written


async def test_the_code_over_http_prints_the_account(machine: Machine, sandbox: RunningSandbox) -> None:
    code = block("Over HTTP", "python")
    assert MCP_URL in code
    _, env = served_by_the_page()
    async with running_http(**env, **upstream(sandbox)) as (_, url):
        written = await output(code.replace(MCP_URL, url), machine, sandbox)
    assert "'successful': True" in written
    assert sandbox.username in written


# --- the page ----------------------------------------------------------------------------------------


def test_the_page_names_only_settings_and_targets_that_there_are() -> None:
    names = set(re.findall(r"CLICKSEND_\w*\w", TEXT)) - set(catalog())
    assert len(names) > 4
    assert names <= {variable.name for variable in VARIABLES}
    targets = set(re.findall(r"`make (\w+)`", TEXT))
    assert targets
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_the_first_command_of_the_page_runs_what_the_blocks_run(machine: Machine) -> None:
    command = shlex.split(block("The program", "sh").replace(CHECKOUT, str(ROOT)))
    for server in map(server_of, HOSTS):
        assert command == [server["command"], *server["args"], "--version"]
    assert machine.run(*command).strip() == version("clicksend-mcp")


def test_every_block_that_is_on_the_page_is_started_by_a_test() -> None:
    counts = {heading: (len(re.findall(r"^```\w+\n", text, re.MULTILINE))) for heading, text in sections().items()}
    started = {"The program": 1, "Without the bundle": 1, "Claude Code": 2, "Cursor": 1, "VS Code": 1, URL: 3}
    started |= {"Docker": 3, "Over stdio": 1, "Over HTTP": 1}
    assert {heading: count for heading, count in counts.items() if count} == started
