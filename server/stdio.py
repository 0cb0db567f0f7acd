"""The wire over standard input and output, read and written in the event loop itself.

A thread for each line, as the SDK has it (mcp 2.3), costs a quarter of a millisecond a call. Where the loop cannot wait
for a stream (Windows, files, a terminal) it stays so.
"""

import io
import os
import re
import stat
import sys

import anyio
import anyio.to_thread

_CHUNK = 65_536  # bytes


def wire() -> tuple[anyio.AsyncFile[str], anyio.AsyncFile[str] | None]:
    """The streams to serve a host on. None stands for the SDK's own way to write.

    What anything else prints from now on goes to stderr, so that it cannot get into the wire.
    """
    text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    lines = _Lines(text) if _can_be_waited_for(0) else _LinesByThread(text)
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


class _LinesByThread(anyio.AsyncFile[str]):
    """Lines of a text file; unlike anyio's own it can be left while a line is awaited, which would hold up a signal."""

    async def readline(self) -> str:
        return whole_characters(await anyio.to_thread.run_sync(self.wrapped.readline, abandon_on_cancel=True))


class _Lines(anyio.AsyncFile[str]):
    """Lines of a pipe or a socket."""

    _unread = b""

    async def readline(self) -> str:
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            await anyio.wait_readable(self.wrapped)
            chunk = os.read(self.wrapped.fileno(), _CHUNK)
            if not chunk:
                break
            parts.append(chunk)
        line, newline, self._unread = b"".join(parts).partition(b"\n")
        return whole_characters((line + newline).decode("utf-8", "replace"))


class _Out(anyio.AsyncFile[str]):
    """A pipe or a socket that does not block."""

    async def write(self, b: str) -> int:
        left = memoryview(b.encode())
        while left:
            try:
                left = left[os.write(self.wrapped.fileno(), left) :]
            except BlockingIOError:
                await anyio.wait_writable(self.wrapped)
        return len(b)

    async def flush(self) -> None:
        """Nothing waits in it."""


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
