"""A plain install takes no version of a package that is newer than what was tested."""

import tarfile
import tomllib
from pathlib import Path

import pytest
from machines import ROOT, Machine
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = [Requirement(text) for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgres"])]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
TESTED = {name.lower(): Version(version) for name, _, version in (line.partition("==") for line in LINES) if version}


@pytest.mark.parametrize("needed", NEEDED, ids=lambda needed: needed.name)
def test_the_tested_version_may_be_installed_and_the_next_minor_one_may_not(needed: Requirement) -> None:
    """Without constraints, too."""
    tested = TESTED[needed.name.lower()]
    beyond = f"{tested.major + 1}.1" if needed.name == "tzdata" else f"{tested.major}.{tested.minor + 1}.0"
    assert tested in needed.specifier
    assert beyond not in needed.specifier


@pytest.mark.timeout(600)
def test_the_source_archive_holds_the_constraints_that_the_pages_name(machine: Machine, tmp_path: Path) -> None:
    """What people are told to install with is there."""
    machine.run("uv", "build", "--sdist", "--out-dir", tmp_path, ROOT)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"constraints.txt", "clicksend_mcp.py", "server/start.py"} <= names
    page = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
    assert "pip install --constraint constraints.txt ." in page
