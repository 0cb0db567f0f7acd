"""The program with a terminal for all of its streams."""

import asyncio
import os
import pty
import termios
from tempfile import gettempdir

from support.hosting import PATIENCE, PROGRAM, environment


async def on_terminal(*command: str, typed: str = "", **own: str) -> tuple[int | None, str]:
    """Run a command and type something into it; its exit status, and all that it has shown."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**own), cwd=gettempdir()
    )
    os.close(theirs)
    shown = b""
    try:
        if typed:
            os.write(ours, typed.encode())
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    shown += await asyncio.to_thread(os.read, ours, 65_536)
                except OSError:  # the program has ended, and its terminal is closed
                    break
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)
    return process.returncode, shown.decode("utf-8", "replace").replace("\r\n", "\n")
