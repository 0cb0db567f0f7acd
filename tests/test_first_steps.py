"""What a newcomer meets first: the targets of make, and the pages that say how to get and start the program."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_make_help_lists_every_target_that_says_what_it_is_for() -> None:
    """A plain `make` does the same."""
    described = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    for command in (["make", "help"], ["make"]):
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert [line.split()[0] for line in told.splitlines() if line.split()[0] in described] == described


def test_what_is_installed_is_said_before_it_takes_its_time() -> None:
    """The first `make demo` is silent for most of a minute otherwise."""
    recipes = (ROOT / "Makefile").read_text().split("\n\n")
    installing = [recipe for recipe in recipes if recipe.startswith("$(VENV)/ready") and "$(INSTALL)" in recipe]

    assert installing
    for recipe in installing:
        assert recipe.index("echo") < recipe.index("$(INSTALL)")


@pytest.mark.parametrize("place", ["%APPDATA%\\Claude\\", "%APPDATA%\\Claude\\logs"])
def test_the_page_of_hosts_knows_the_places_of_windows(place: str) -> None:
    assert place in (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")


def test_the_page_of_hosts_says_that_no_index_has_the_program() -> None:
    """Whoever tries to install it by name gets somebody else's."""
    text = " ".join((ROOT / "docs" / "hosts.md").read_text(encoding="utf-8").split())

    assert "The package is on no index." in text
