"""The wire over standard input and output: pipes and sockets are read and written in the event loop.

Where the loop cannot wait for a stream (Windows, files, a terminal), a thread reads each line, and the SDK writes.
"""

import io
import os
import re
import stat
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread

from server.protocol.framing import refusal
from server.protocol.sdk_internals import LineSink, LineSource

_CHUNK = 65_536  # bytes
_BOM = "\ufeff"  # byte order mark


def open_wire() -> tuple["Lines", anyio.AsyncFile[str] | None]:
    """The streams to serve a host on: one to read, and one to write, or None where the SDK has to write.

    From now on whatever else prints goes to stderr, and cannot corrupt the wire.
    """
    text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    lines = _PipeLines(text) if _is_pollable(0) else _ThreadLines(text)
    if not _is_pollable(1):
        return lines, None
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    os.set_blocking(private, False)
    return lines, _PipeSink(open(private, "w", encoding="utf-8", closefd=False))


def _is_pollable(fd: int) -> bool:
    """Whether the event loop can wait for a stream: a pipe or a socket, not on Windows."""
    if sys.platform == "win32" or os.isatty(fd):
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


Refuse = Callable[[Mapping[str, Any]], Awaitable[None]]


class Lines(LineSource):
    """The lines that are messages. Any other line is answered with an error here, because the SDK would drop it."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        super().__init__(text)
        self._refuse: Refuse | None = None
        self._can_refuse = anyio.Event()

    def refuse_by(self, refuse: Refuse) -> None:
        """Send errors for unreadable lines with this; until it is set, such a line waits."""
        self._refuse = refuse
        self._can_refuse.set()

    async def readline(self) -> str:
        while True:
            read = await self._line()
            line = replace_lone_surrogates(read.lstrip(_BOM))  # some systems begin a text, or each line, with one
            error = refusal(line) if line.strip() else None
            if error is None:
                return line
            await self._can_refuse.wait()
            assert self._refuse
            await self._refuse(error)

    async def _line(self) -> str:
        """The next line with its newline; "" at the end."""
        raise NotImplementedError


class _ThreadLines(Lines):
    """Lines that a thread reads. Unlike in anyio's own file, a pending read can be cancelled, so that signals work."""

    async def _line(self) -> str:
        try:
            return await anyio.to_thread.run_sync(self.wrapped.readline, abandon_on_cancel=True)
        except OSError:  # a terminal that has gone, or a stream that cannot be read
            return ""


class _PipeLines(Lines):
    """Lines of a pipe or a socket, read in the event loop."""

    _unread = b""

    async def _line(self) -> str:
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            await anyio.wait_readable(self.wrapped)
            try:
                chunk = os.read(self.wrapped.fileno(), _CHUNK)
            except ConnectionError:  # a socket whose host has gone
                chunk = b""
            if not chunk:
                break
            parts.append(chunk)
        line, newline, self._unread = b"".join(parts).partition(b"\n")
        return (line + newline).decode("utf-8", "replace")


class _PipeSink(LineSink):
    """A non-blocking pipe or socket, written in the event loop."""

    async def write(self, b: str) -> int:
        remaining = memoryview(b.encode())
        while remaining:
            try:
                remaining = remaining[os.write(self.wrapped.fileno(), remaining) :]
            except BlockingIOError:
                await anyio.wait_writable(self.wrapped)
        return len(b)


_SURROGATE = "\\ud"
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)")


def replace_lone_surrogates(line: str) -> str:
    """A line of JSON with U+FFFD for each lone surrogate; models write half a pair where they cut an emoji.

    The SDK would drop the line, and the host wait forever.
    """
    return _ESCAPE.sub(_replacement, line) if _SURROGATE in line.lower() else line


def _replacement(escape: re.Match[str]) -> str:
    """The same JSON escape, unless it is a lone surrogate."""
    is_lone = len(escape[0]) == 6 and escape[0][2:4].lower() in ("d8", "d9", "da", "db", "dc", "dd", "de", "df")
    return r"\ufffd" if is_lone else escape[0]
