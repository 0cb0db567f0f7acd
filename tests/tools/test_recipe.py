"""CONTRIBUTING.md shows how to add an action; followed on a copy of the repository, the steps are sufficient."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copyfile

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Adding an action\n")[2].partition("\n## ")[0]
SLUG = "CLICKSEND_GET_SMS_TEMPLATES"
TESTS = ("tests/tools", "tests/test_layers.py", "tests/test_docs.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what is under version control, after the steps of the page."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout of git")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # it may be deleted and not yet committed
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            copyfile(ROOT / name, tmp_path / name)
    for name, kind, text in steps():
        file = tmp_path / name
        assert file.exists() == (kind == "diff"), name
        file.write_text(patched(file.read_text("utf-8"), text) if kind == "diff" else text, "utf-8")
    return tmp_path


def steps() -> list[tuple[str, str, str]]:
    """Each file of the recipe, the kind of its block, and the block."""
    return re.findall(r"^`([\w/.]+)`\n\n```(\w+)\n(.*?)```", RECIPE, re.MULTILINE | re.DOTALL)


def patched(text: str, diff: str) -> str:
    """A text after the single change of a diff."""
    before = "".join(line[1:] for line in diff.splitlines(keepends=True) if not line.startswith("+"))
    after = "".join(line[1:] for line in diff.splitlines(keepends=True) if not line.startswith("-"))
    assert text.count(before) == 1, f"the page does not fit the file any more:\n{before}"
    return text.replace(before, after)


def run(folder: Path, *command: str, **own: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the copy with the packages of this environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "PYTEST"))}
    environment |= {"PYTHONPATH": str(folder), "XDG_STATE_HOME": str(folder / "state"), **own}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


@pytest.mark.timeout(600)
def test_an_action_is_added_in_four_files_and_accepted_by_one_command(copy: Path) -> None:
    written = [line for _, kind, text in steps() for line in text.splitlines() if kind != "diff" or line[0] == "+"]
    assert len(steps()) == 4
    assert len([line for line in written if line.strip()]) <= 30

    accepted = run(
        copy,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/tools/test_snapshots.py", "tests/test_docs.py"),
        **{"UPDATE_SNAPSHOTS": "1", "UPDATE_README": "1"},
    )
    assert accepted.returncode == 0, accepted.stdout
    assert SLUG in (copy / "README.md").read_text("utf-8")
    tested = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not recipe", *TESTS)
    assert tested.returncode == 0, tested.stdout
    called = run(copy, "-m", "server", "--sandbox", "call", SLUG, "{}", CLICKSEND_MCP_TOOLSETS="templates")
    assert (called.returncode, '"successful":true' in called.stdout) == (0, True), called.stdout + called.stderr
