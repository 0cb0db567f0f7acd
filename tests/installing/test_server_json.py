"""server.json, by which the MCP registry lists us: valid, true, and of the same version as everything else."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from machines import ROOT

from server.config.settings import VARIABLES

LISTED: dict[str, Any] = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
(PACKAGE,) = LISTED["packages"]
MANIFEST: dict[str, Any] = json.loads((ROOT / "bundle" / "manifest.json").read_text(encoding="utf-8"))


def found(pattern: str, file: str) -> list[str]:
    """What a pattern, with one group, finds in a file of ours."""
    return re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def faults(folder: Path, document: dict[str, Any]) -> list[str]:
    """What skillsaw says against it: it has the schemas that the registry has published, and its further rules."""
    (folder / "server.json").write_text(json.dumps(document), encoding="utf-8")
    command = (sys.executable, "-m", "skillsaw", "lint", "--type", "mcp-registry", "--format", "json", folder)
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=folder, check=False)
    report = json.loads(done.stdout)
    assert report["stats"]["repo_types"] == ["mcp-registry"]
    return [violation["message"] for violation in report["violations"]]


def test_it_is_valid_by_the_schema_of_2025_12_11_and_the_rules_of_the_registry(tmp_path: Path) -> None:
    assert LISTED["$schema"].endswith("/schemas/2025-12-11/server.schema.json")
    assert faults(tmp_path, LISTED) == []


def test_what_judges_it_knows_a_wrong_one(tmp_path: Path) -> None:
    package = PACKAGE | {"version": ">=0.1.0", "transport": {"type": "pipe"}}
    wrong = {"name": "clicksend-mcp", "description": "x" * 101, "version": "latest", "packages": [package]}
    told = " | ".join(faults(tmp_path, LISTED | wrong))
    expected = ("'name'", "'version'", "packages[0].version", "packages[0].transport", "2025-12-11: $.description")
    assert [what for what in expected if what not in told] == []


def test_all_versions_are_that_of_the_package() -> None:
    (version,) = found(r'^version = "(.*)"', "pyproject.toml")
    others = {
        "server.json": LISTED["version"],
        "the package in server.json": PACKAGE["version"],
        "bundle/manifest.json": MANIFEST["version"],
        "the image in deploy/kubernetes.yaml": found(r"image: clicksend-mcp:(\S+)", "deploy/kubernetes.yaml")[0],
        "the wheel in docs/hosts.md": found(r"clicksend_mcp-([0-9.]+)-py3", "docs/hosts.md")[0],
    }
    assert {name: other for name, other in others.items() if other != version} == {}


def test_what_it_names_is_the_package_and_its_program() -> None:
    # uvx runs the program that has the name of the package.
    assert PACKAGE["identifier"] in found(r'^name = "(.*)"', "pyproject.toml")
    assert PACKAGE["identifier"] in found(r"^([\w-]+) = \"clicksend_mcp:main\"", "pyproject.toml")


def test_the_readme_and_the_image_have_its_name_by_which_the_registry_knows_whose_they_are() -> None:
    assert found(r"<!-- mcp-name: (\S+) -->", "README.md") == [LISTED["name"]]
    assert found(r'io\.modelcontextprotocol\.server\.name="(.*?)"', "Dockerfile") == [LISTED["name"]]


def test_its_variables_are_settings_and_say_what_the_settings_say() -> None:
    meanings = {variable.name: variable.meaning for variable in VARIABLES}
    said = {variable["name"]: variable["description"] for variable in PACKAGE["environmentVariables"]}
    assert said == {name: meanings[name] for name in said}


def test_it_asks_for_what_the_form_of_the_bundle_asks_for() -> None:
    def of_form(word: str) -> set[str]:
        fields = {f"${{user_config.{name}}}" for name, field in MANIFEST["user_config"].items() if field.get(word)}
        return {name for name, value in MANIFEST["server"]["mcp_config"]["env"].items() if value in fields}

    def here(word: str) -> set[str]:
        return {variable["name"] for variable in PACKAGE["environmentVariables"] if variable.get(word)}

    assert here("name") == set(MANIFEST["server"]["mcp_config"]["env"])
    assert here("isRequired") == {"CLICKSEND_USERNAME", "CLICKSEND_API_KEY"}  # in the form its switch stands for them
    assert here("isSecret") == of_form("sensitive")
