"""The program on a real terminal: what it shows, what is typed, and how the program ends."""

import asyncio
import os
import pty
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import gettempdir

from support.hosting import PATIENCE, PROGRAM, environment
from support.troubles import until


@dataclass
class Terminal:
    """A program on a terminal; its standard output is a pipe, as in `clicksend-mcp call ... | jq`."""

    process: asyncio.subprocess.Process
    keyboard: int
    shown: str = ""

    async def until(self, *words: str) -> None:
        """Wait until all of these words have been shown."""
        await until(lambda: all(word in self.shown for word in words))

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    async def ended(self) -> tuple[int, str]:
        """Wait for the end: the exit status and standard output."""
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            out = (await self.process.stdout.read()).decode()
            return await self.process.wait(), out

    def _take(self) -> None:
        try:
            output = os.read(self.keyboard, 65_536)
        except OSError:  # the program has ended
            output = b""
        if not output:
            asyncio.get_running_loop().remove_reader(self.keyboard)
        self.shown += output.decode("utf-8", "replace")


@asynccontextmanager
async def terminal(*arguments: str, columns: int = 100, **own: str) -> AsyncIterator[Terminal]:
    """The program with a terminal for its standard input and errors."""
    keyboard, screen = pty.openpty()
    termios.tcsetwinsize(screen, (24 if columns else 0, columns))
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        stdin=screen,
        stdout=asyncio.subprocess.PIPE,
        stderr=screen,
        env=environment(**own),
        cwd=gettempdir(),
    )
    os.close(screen)
    started = Terminal(process, keyboard)
    asyncio.get_running_loop().add_reader(keyboard, started._take)
    try:
        yield started
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(keyboard)
        os.close(keyboard)
