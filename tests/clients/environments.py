"""Where `make clients` puts the programs that are not ours, and what a test does where they are missing."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / ".clients"
NODE = PLACE / "node"


def needs_clients() -> None:
    """Skip the test if `make clients` has not been here, or fail where it must have been."""
    if all((PLACE / name / "ready").exists() for name in ("mcp1", "mcp2", "node")):
        return
    assert os.environ.get("REQUIRE_CLIENTS") != "1", "REQUIRE_CLIENTS=1, and `make clients` has not been here"
    pytest.skip("needs other people's clients: `make clients` installs them into .clients/")


def bare(home: str) -> dict[str, str]:
    """The environment of a foreign program: nothing but a home of its own, and Node where it is installed."""
    path = os.pathsep.join([str(NODE / "node_modules" / ".bin"), os.environ.get("PATH", os.defpath)])
    return {"HOME": home, "PATH": path}
