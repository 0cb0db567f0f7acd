"""Ctrl-C at any moment: no traceback, and one exit status."""

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path
from tempfile import gettempdir

import pytest
from support.hosting import PATIENCE, environment

pytestmark = pytest.mark.anyio

PROGRAM = str(Path(sys.executable).with_name("clicksend-mcp"))
COMMANDS = [
    ("--sandbox",),
    ("http", "--sandbox", "--port", "0"),
    ("tools",),
    ("ledger",),
    ("check",),
    ("demo",),
    ("sandbox", "--port", "0"),
]
COMMANDS += [("call", "CLICKSEND_GET_LISTS", "--sandbox")]
# Sends itself Ctrl-C at the first import of a module, which is early, half way through the imports or late.
INTERRUPTS = """
import builtins, os, signal
real = builtins.__import__
def importing(name, *rest, **more):
    if name == os.environ["INTERRUPT_AT"]:
        builtins.__import__ = real
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest, **more)
builtins.__import__ = importing
"""


async def ended(
    command: tuple[str, ...], folder: Path, module: str, *, ignored: bool = False
) -> tuple[int | None, str]:
    """Run a command that is interrupted when it imports a module: the status and stderr."""
    (folder / "sitecustomize.py").write_text(INTERRUPTS)
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(PYTHONPATH=str(folder), INTERRUPT_AT=module),
        cwd=gettempdir(),
        # Set in each case: a job in the background of a shell, as these tests may be, inherits that it is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL),
    )
    async with asyncio.timeout(PATIENCE):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("module", ["server.start", "argparse", "pydantic", "schemas.fields.texts", "anyio"])
async def test_an_interrupt_during_the_imports_is_130_and_silent(tmp_path: Path, module: str) -> None:
    """The first 0.4 seconds."""
    assert await ended(("call", "CLICKSEND_GET_LISTS", "--sandbox"), tmp_path, module) == (130, "")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
async def test_every_command_has_the_same_status(tmp_path: Path, command: tuple[str, ...]) -> None:
    """130 until it serves."""
    status, errors = await ended(command, tmp_path, "schemas.base")
    assert (status, errors) == (130, "")


async def test_a_job_in_the_background_that_ignores_ctrl_c_goes_on_ignoring_it(tmp_path: Path) -> None:
    """`nohup` and shells set that, and it is not ours to change."""
    assert await ended(("tools",), tmp_path, "schemas.base", ignored=True) == (0, "")
