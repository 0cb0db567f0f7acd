"""The bundle for Claude Desktop: packed by the official tool, filled in as a host does, and started from elsewhere."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from machines import ROOT, Machine, call, missing, tools_of, upstream, username
from support import offered

from server.config.settings import VARIABLES
from server.sandbox.serve import RunningSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # the first test downloads the tool and the packages

MANIFEST: dict[str, Any] = json.loads((ROOT / "bundle" / "manifest.json").read_text(encoding="utf-8"))
CONFIGURATION: dict[str, str] = MANIFEST["server"]["mcp_config"]["env"]
FIELDS: dict[str, dict[str, Any]] = MANIFEST["user_config"]
PACK = runpy.run_path(str(ROOT / "bundle" / "pack.py"))

# What a host does with a manifest and the user's entries, by the library that hosts do it with.
FILL_IN = """
import { readFileSync } from "node:fs";
import { getMcpConfigForManifest } from "@anthropic-ai/mcpb";
const [folder, entered] = process.argv.slice(1);
const config = await getMcpConfigForManifest({
  manifest: JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8")),
  extensionPath: folder,
  systemDirs: {},
  userConfig: JSON.parse(entered),
  pathSeparator: "/",
});
console.log(JSON.stringify(config ?? null));
"""


@dataclass(frozen=True)
class Installed:
    """An unpacked bundle, and the tool that knows what a host makes of it."""

    archive: Path
    folder: Path
    tool: Path

    def filled_in(self, **entered: object) -> dict[str, Any] | None:
        """The command and environment for what a user has entered; None if that does not suffice for a start."""
        command = ("node", "--input-type=module", "-e", FILL_IN, "--", self.folder, json.dumps(entered))
        found: dict[str, Any] | None = json.loads(done(*command, cwd=self.tool))
        return found


def done(*command: str | Path, cwd: Path) -> str:
    """Run a command that has to succeed; what it has written to stdout."""
    ended = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=cwd, check=False)
    assert ended.returncode == 0, ended.stdout[-2_000:] + ended.stderr[-2_000:]
    return ended.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The bundle as `make bundle` packs it, unpacked by the tool in another place, whose name has a space."""
    if shutil.which("npx") is None or shutil.which("npm") is None:
        missing("Node.js with npm and npx")
    folder = tmp_path_factory.mktemp("bundle")
    archive = folder / "clicksend-mcp.mcpb"
    done(sys.executable, ROOT / "bundle" / "pack.py", archive, cwd=folder)
    tool = folder / "tool"
    tool.mkdir()
    done("npm", "install", "--no-audit", "--no-fund", "--prefix", tool, PACK["MCPB"], cwd=tool)
    unpacked = tmp_path_factory.mktemp("Application Support") / "clicksend-mcp"
    done(tool / "node_modules" / ".bin" / "mcpb", "unpack", archive, unpacked, cwd=folder)
    return Installed(archive, unpacked, tool)


def entered(sandbox: RunningSandbox, **more: object) -> dict[str, object]:
    return {"username": sandbox.username, "api_key": sandbox.api_key, **more}


async def test_it_starts_with_the_two_required_entries_and_answers(
    machine: Machine, installed: Installed, sandbox: RunningSandbox
) -> None:
    config = installed.filled_in(**entered(sandbox))
    assert config and config["command"] == "uv"
    assert str(ROOT) not in json.dumps(config)
    own = machine.network | config["env"] | upstream(sandbox)
    async with machine.started(config["command"], config["args"], own) as client:
        assert await tools_of(client) == offered.SLUGS
        assert username(await call(client, "GET_ACCOUNT")) == sandbox.username
    # It ran the bundle's own code, with the packages of these tests.
    python = installed.folder / ".venv" / "bin" / "python"
    where = machine.run(python, "-c", "import server.cli.main; print(server.cli.main.__file__)", cwd="/")
    assert where.strip() == str(installed.folder / "server" / "cli" / "main.py")
    tested = set((ROOT / "constraints.txt").read_text(encoding="utf-8").lower().splitlines())
    frozen = machine.run("uv", "pip", "freeze", "--python", python, "--exclude-editable")
    assert len(frozen.splitlines()) > 20
    assert not {line.lower() for line in frozen.splitlines()} - {line.replace("_", "-") for line in tested}


async def test_the_limits_of_the_form_hold(machine: Machine, installed: Installed, sandbox: RunningSandbox) -> None:
    config = installed.filled_in(**entered(sandbox, max_cost_per_call="0.01"))
    assert config
    async with machine.started("uv", config["args"], machine.network | config["env"] | upstream(sandbox)) as client:
        envelope = await call(client, "CREATE_SMS_SEND", {"messages": [{"to": "+61491570156", "body": "Hello"}]})
    assert not envelope["successful"]
    assert "CLICKSEND_MCP_MAX_COST_PER_CALL" in envelope["error"]


async def test_a_switch_of_the_form_holds(machine: Machine, installed: Installed, sandbox: RunningSandbox) -> None:
    config = installed.filled_in(**entered(sandbox, read_only=True))
    assert config
    async with machine.started("uv", config["args"], machine.network | config["env"] | upstream(sandbox)) as client:
        assert await tools_of(client) == [action.slug for action in offered.ACTIONS if action.read_only]


async def test_a_host_that_runs_the_entry_point_gets_the_same_server(machine: Machine, installed: Installed) -> None:
    arguments = ["run", "--directory", str(installed.folder), MANIFEST["server"]["entry_point"]]
    async with machine.started("uv", arguments, machine.network) as client:
        assert await tools_of(client) == offered.SLUGS


async def test_the_switch_of_the_form_needs_no_account(machine: Machine, installed: Installed) -> None:
    """To try it, nothing else has to be filled in."""
    config = installed.filled_in(sandbox=True)
    assert config
    async with machine.started("uv", config["args"], machine.network | config["env"]) as client:
        assert username(await call(client, "GET_ACCOUNT")) == "sandbox"


async def test_a_form_that_is_filled_in_wrongly_is_told_in_each_call(
    machine: Machine, installed: Installed, sandbox: RunningSandbox
) -> None:
    """A host would hide a server that ends, and with it the reason."""
    config = installed.filled_in(**entered(sandbox, max_cost_per_day="very little"))
    assert config
    async with machine.started("uv", config["args"], machine.network | config["env"] | upstream(sandbox)) as client:
        envelope = await call(client, "GET_ACCOUNT")
    assert envelope["error"].startswith("CLICKSEND_MCP_MAX_COST_PER_DAY must be")


def test_without_an_account_a_host_starts_it_and_each_call_says_what_is_missing(installed: Installed) -> None:
    """No entry is required, so that the switch works alone."""
    assert installed.filled_in()
    assert [name for name, field in FIELDS.items() if field.get("required")] == []


def test_entries_left_empty_are_settings_that_are_not_set(installed: Installed) -> None:
    config = installed.filled_in(username="ana", api_key="KEY")
    assert config
    assert config["env"].pop("CLICKSEND_USERNAME") == "ana"
    assert config["env"].pop("CLICKSEND_API_KEY") == "KEY"
    assert config["args"][-1] == "--sandbox-if=false"
    assert set(config["env"].values()) == {"", "false", "5", "20"}  # limits that a user can take out


def test_it_holds_what_runs_and_nothing_else(installed: Installed) -> None:
    with zipfile.ZipFile(installed.archive) as archive:
        names = set(archive.namelist())
    ours = {path.relative_to(ROOT).as_posix() for part in ("server", "tools", "schemas") for path in code(ROOT / part)}
    assert names == ours | {
        "manifest.json",
        "pyproject.toml",
        ".python-version",
        "clicksend_mcp.py",
        "README.md",
        "LICENSE",
    }


def code(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_the_form_shows_every_tool(installed: Installed) -> None:
    manifest = json.loads((installed.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["tools"] == [{"name": action.slug, "description": action.title} for action in offered.ACTIONS]


def test_every_field_of_the_form_fills_one_setting() -> None:
    assert set(CONFIGURATION) <= {variable.name for variable in VARIABLES}
    assert sorted(CONFIGURATION.values()) == sorted(f"${{user_config.{name}}}" for name in FIELDS if name != "sandbox")
    assert MANIFEST["server"]["mcp_config"]["args"][-1] == "--sandbox-if=${user_config.sandbox}"


def test_every_optional_field_has_a_default_because_hosts_leave_others_unfilled_in() -> None:
    assert [name for name, field in FIELDS.items() if "default" not in field and not field.get("required")] == []


def test_the_api_key_is_the_only_secret_of_the_form() -> None:
    assert [name for name, field in FIELDS.items() if field.get("sensitive")] == ["api_key"]


def test_the_python_is_left_to_uv_and_is_the_one_of_the_image(installed: Installed) -> None:
    # A host that reads a requirement in the manifest looks for a Python of the user's, which is not needed.
    assert "runtimes" not in MANIFEST["compatibility"]
    (python,) = re.findall(r"^ARG PYTHON=(.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert (installed.folder / ".python-version").read_text(encoding="utf-8").strip() == python == PACK["PYTHON"]
