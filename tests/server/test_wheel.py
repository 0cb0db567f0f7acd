"""The wheel, alone in a fresh environment: what people install has to run from anywhere."""

import asyncio
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client import advertise
from support import offered
from support.hosting import environment

from server.protocol.apps import EXTENSION, MIME_TYPE, URI

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"

pytestmark = pytest.mark.timeout(600)  # it builds, and installs from the index


def run(*command: str | Path) -> str:
    """Run a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment(), check=False)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_entry_module_the_three_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.split("/")[0] for name in names}
    (metadata,) = [folder for folder in folders if folder.endswith(".dist-info")]
    assert folders == {"clicksend_mcp.py", "server", "tools", "schemas", metadata}
    own = [name for name in names if not name.startswith(metadata)]
    page = "server/sandbox/inbox/page/"
    others = [name for name in own if not name.startswith(page) and not name.endswith((".py", "py.typed"))]
    assert others == ["server/protocol/view.html"]
    assert {str(path.relative_to(ROOT)) for path in ROOT.glob("server/**/*.py")} <= set(own)
    files = {str(path.relative_to(ROOT)) for path in (ROOT / page).rglob("*") if path.is_file()}
    assert len(files) > 10
    assert files == {name for name in own if name.startswith(page)}
    assert f"{metadata}/licenses/LICENSE" in names


def test_the_installed_program_lists_its_tools_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "environment"
    run(sys.executable, "-m", "venv", home)
    bounds = ("--constraint", CONSTRAINTS) if CONSTRAINTS.exists() else ()
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile")
    run(home / "bin" / "python", "-m", "pip", "install", *quiet, *bounds, wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = StdioServerParameters(command=str(home / "bin" / "clicksend-mcp"), args=["--sandbox"], cwd=elsewhere)

    async def listed() -> list[str]:
        shows = [advertise(EXTENSION, {"mimeTypes": [MIME_TYPE]})]
        async with asyncio.timeout(60), Client(program, extensions=shows) as client:
            result = await client.call_tool("CLICKSEND_GET_ACCOUNT", {})
            assert (result.structured_content or {})["successful"], result
            (page,) = (await client.read_resource(URI)).contents
            assert getattr(page, "text", "") == (ROOT / "server" / "protocol" / "view.html").read_text(encoding="utf-8")
            return [tool.name for tool in (await client.list_tools()).tools]

    assert asyncio.run(listed()) == offered.SLUGS
    installed = {line.partition("==")[0] for line in run(home / "bin" / "python", "-m", "pip", "freeze").splitlines()}
    assert not installed & {"pytest", "hypothesis", "clicksend-client", "clicksend_client", "ruff", "mypy", "coverage"}
