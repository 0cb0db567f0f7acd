"""The wire over standard input and output, read and written in the event loop itself.

A thread for each line, as the SDK has it (mcp 2.3), costs a quarter of a millisecond a call. Where the loop cannot wait
for a stream (Windows, files, a terminal) it stays so.
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
_MARK = "\ufeff"  # the byte order mark


def wire() -> tuple["Lines", anyio.AsyncFile[str] | None]:
    """The streams to serve a host on. None stands for the SDK's own way to write.

    What anything else prints from now on goes to stderr, so that it cannot get into the wire.
    """
    text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    lines = _LinesOfPipe(text) if _can_be_waited_for(0) else _LinesByThread(text)
    if not _can_be_waited_for(1):
        return lines, None
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    os.set_blocking(private, False)
    return lines, _Out(open(private, "w", encoding="utf-8", closefd=False))


def _can_be_waited_for(fd: int) -> bool:
    """Whether a stream is one of a host's pipes or sockets."""
    if sys.platform == "win32" or os.isatty(fd):
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


Refuse = Callable[[Mapping[str, Any]], Awaitable[None]]


class Lines(LineSource):
    """Lines that the SDK can read. To any other the host is answered here: the SDK drops it, and the host waits."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        super().__init__(text)
        self._refuse: Refuse | None = None
        self._can_refuse = anyio.Event()

    def refuse_by(self, refuse: Refuse) -> None:
        """Send answers to lines that cannot be read by this; until then such a line waits."""
        self._refuse = refuse
        self._can_refuse.set()

    async def readline(self) -> str:
        while True:
            read = await self._line()
            line = whole_characters(read.lstrip(_MARK))  # some systems begin a text, or each line, with one
            answer = refusal(line) if line.strip() else None
            if answer is None:
                return line
            await self._can_refuse.wait()
            assert self._refuse
            await self._refuse(answer)

    async def _line(self) -> str:
        """The next line with its end; "" at the end of all."""
        raise NotImplementedError


class _LinesByThread(Lines):
    """Lines of a text file; unlike anyio's own it can be left while a line is awaited, which would hold up a signal."""

    async def _line(self) -> str:
        try:
            return await anyio.to_thread.run_sync(self.wrapped.readline, abandon_on_cancel=True)
        except OSError:  # a terminal that is gone, or something that cannot be read
            return ""


class _LinesOfPipe(Lines):
    """Lines of a pipe or a socket."""

    _unread = b""

    async def _line(self) -> str:
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            await anyio.wait_readable(self.wrapped)
            try:
                chunk = os.read(self.wrapped.fileno(), _CHUNK)
            except ConnectionError:  # a socket whose host is gone
                chunk = b""
            if not chunk:
                break
            parts.append(chunk)
        line, newline, self._unread = b"".join(parts).partition(b"\n")
        return (line + newline).decode("utf-8", "replace")


class _Out(LineSink):
    """A pipe or a socket that does not block."""

    async def write(self, b: str) -> int:
        left = memoryview(b.encode())
        while left:
            try:
                left = left[os.write(self.wrapped.fileno(), left) :]
            except BlockingIOError:
                await anyio.wait_writable(self.wrapped)
        return len(b)


_SURROGATE = "\\ud"
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)")


def whole_characters(line: str) -> str:
    """A line of JSON in which half a surrogate pair, which models write where they cut an emoji, is U+FFFD.

    The SDK would drop the whole line, and the host wait for ever.
    """
    return _ESCAPE.sub(_whole_character, line) if _SURROGATE in line.lower() else line


def _whole_character(escape: re.Match[str]) -> str:
    """A JSON escape as it is, unless it is half a surrogate pair."""
    is_half = len(escape[0]) == 6 and escape[0][2:4].lower() in ("d8", "d9", "da", "db", "dc", "dd", "de", "df")
    return r"\ufffd" if is_half else escape[0]
