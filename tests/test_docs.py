"""The README tells the truth: its tables are the catalogue and the settings, its blocks start what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import offered

from server.config.settings import VARIABLES
from tools.catalog import catalog
from tools.reference import markdown_table

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def settings_table() -> str:
    rows = [f"| `{one.name}` | {one.default} | {one.meaning} |" for one in VARIABLES]
    return "\n".join(["| Variable | Default | |", "|---|---|---|", *rows]) + "\n"


@pytest.mark.parametrize(("section", "table"), [("tools", markdown_table()), ("settings", settings_table())])
def test_a_generated_table_is_what_the_code_says(section: str, table: str) -> None:
    text = README.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {section}:[^\n]*-->\n)(.*?)(<!-- /{section} -->)", re.DOTALL)
    found = pattern.search(text)
    assert found, f"README.md has no section {section}"
    if os.environ.get("UPDATE_README"):
        README.write_text(pattern.sub(lambda match: match[1] + table + match[3], text), encoding="utf-8")
        return
    assert found[2] == table, "README.md is stale: run `make accept`"


def test_every_action_and_every_command_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert [slug for slug in catalog() if f"`{slug}`" not in text] == []
    commands = ("clicksend-mcp http", "clicksend-mcp sandbox", "clicksend-mcp check", "make demo", "make test")
    assert [command for command in commands if command not in text] == []


def test_the_block_for_claude_desktop_starts_a_server_that_lists_26_tools() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    ((key, entry),) = json.loads(block)["mcpServers"].items()
    assert key == "cs"
    program = shutil.which("clicksend-mcp", path=str(Path(sys.executable).parent))
    assert program and entry["command"].endswith(".venv/bin/clicksend-mcp")
    requests = [
        {"id": 1, "method": "initialize", "params": _INITIALIZE},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list", "params": {}},
    ]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **request}) + "\n" for request in requests)
    with subprocess.Popen(
        [program, *entry.get("args", [])],
        env=entry["env"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(lines)
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.wait(timeout=60) == 0
    assert [tool["name"] for tool in answers[1]["result"]["tools"]] == offered.SLUGS


_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "a host", "version": "1"},
}


def test_every_dependency_has_its_reason_in_contributing() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (block,) = re.findall(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    reasons = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = re.findall(r'^    "([a-z-]+)', block, re.MULTILINE)
    assert names
    assert [name for name in names if f"| {name} |" not in reasons] == []


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    (released,) = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest and newest[1] == released
