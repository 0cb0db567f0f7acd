"""The program starts, and is itself, whatever the current folder and PYTHONPATH hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.hosting import PATIENCE, environment

PROGRAM = str(Path(sys.executable).with_name("clicksend-mcp"))
WAYS = {"the command": (PROGRAM,), "the module": (sys.executable, "-P", "-m", "clicksend_mcp")}
# Ours, Python's own, and other people's that we need; not re and enum, which pip's own launcher imports before us.
NAMES = (
    "server",
    "tools",
    "schemas",
    "json",
    "typing",
    "signal",
    "logging",
    "asyncio",
    "pydantic",
    "anyio",
)
STOPS = "raise SystemExit('this is the project')\n"


def started(project: Path, way: tuple[str, ...], *command: str, path: str = ".") -> subprocess.CompletedProcess[str]:
    """Start the program in the folder of a project; its coverage is not measured, as that needs the json replaced."""
    own = environment(PYTHONPATH=path)
    return subprocess.run(
        [*way, *command],
        cwd=project,
        env={name: value for name, value in own.items() if not name.startswith("COVERAGE")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("kind", ["modules", "packages"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_names_of_the_project_are_not_taken_for_ours(tmp_path: Path, way: tuple[str, ...], kind: str) -> None:
    """Tools.py, server/, and names of Python's own library on PYTHONPATH."""
    for name in NAMES:
        if kind == "packages":
            (tmp_path / name).mkdir()
        (tmp_path / (f"{name}.py" if kind == "modules" else f"{name}/__init__.py")).write_text(STOPS)
    done = started(tmp_path, way, "tools")
    assert (done.returncode, done.stderr) == (0, "")
    assert "CLICKSEND_CREATE_SMS_SEND (sends)\n" in done.stdout


def test_folders_without_init_are_not_taken_for_ours(tmp_path: Path) -> None:
    """`server/` as a plain folder."""
    for name in ("server", "tools", "schemas"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "catalog.py").write_text(STOPS)
    assert started(tmp_path, WAYS["the command"], "--version").returncode == 0


def test_what_a_sitecustomize_has_imported_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Python runs it before any program."""
    for name in ("server", "tools", "schemas", "json"):
        (tmp_path / f"{name}.py").write_text("theirs = True\n")
    (tmp_path / "sitecustomize.py").write_text("import server, tools, schemas, json\nprint(json.theirs)\n")
    done = started(tmp_path, WAYS["the command"], "tools", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("True\n[")  # it was theirs that was imported first


def test_packages_on_pythonpath_are_still_found(tmp_path: Path) -> None:
    """That is what it is for; they come last, and do not vanish."""
    (tmp_path / "of_the_project.py").write_text("")
    code = "import clicksend_mcp; clicksend_mcp._look_here_first(); import of_the_project; import server.start"
    done = started(Path("/"), (sys.executable, "-c", code), path=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_demo_starts_the_same_program(tmp_path: Path) -> None:
    """Its host starts a server of its own."""
    for name in ("server", "tools", "schemas"):
        (tmp_path / f"{name}.py").write_text(STOPS)
    done = started(tmp_path, WAYS["the command"], "demo")
    assert done.returncode == 0, done.stderr
    assert "That was a day in" in done.stdout


def test_python_m_server_still_starts_it() -> None:
    """Where nothing else has that name."""
    done = started(Path(os.sep), (sys.executable, "-P", "-m", "server"), "--version", path="")
    assert done.returncode == 0
