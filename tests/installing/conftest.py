"""A machine of its own for what hosts start: a home directory, and a PATH with uv and nothing of ours."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from machines import ROOT, Machine
from uv import find_uv_bin


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with uv on which uvx has run our checkout once, as docs/hosts.md tells people to."""
    home = tmp_path_factory.mktemp("home")
    programs = home / "programs"
    programs.mkdir()
    uv = Path(find_uv_bin())
    for name in ("uv", "uvx"):
        (programs / name).symlink_to(uv.with_name(name))
    # With the Python of these tests the outcome does not depend on which others there are.
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    environment = {"HOME": str(home), "PATH": f"{programs}:/usr/bin:/bin"}
    machine = Machine(home, environment, _network())
    machine.run("uvx", "--from", ROOT, "clicksend-mcp", "--version")
    # From here on a start by uvx that would download something is a failure, and no registry is asked.
    settings = home / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("offline = true\n", encoding="utf-8")
    return machine


def _network() -> dict[str, str]:
    """How this machine reaches packages: what is in the environment, and the index that pip is set to."""
    names = [name for name in os.environ if re.match(r"(?i)UV_(?!CACHE_DIR)|SSL_CERT_|(https?|all|no)_proxy$", name)]
    found = {name: os.environ[name] for name in names}
    pip = (sys.executable, "-m", "pip", "config", "list")
    listed = subprocess.run(pip, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    if index := re.findall(r"\.index-url='(.*)'", listed):
        found.setdefault("UV_DEFAULT_INDEX", index[-1])
    # XDG_CONFIG_HOME: without the uv.toml above. UV_PYTHON: no other is downloaded.
    return found | {"XDG_CONFIG_HOME": "/nonexistent", "UV_PYTHON": str(Path(sys.executable).resolve())}
