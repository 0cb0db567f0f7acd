"""Standard streams, which may be closed, full, or cut off by their reader."""

import errno
import io
import os
import sys
from contextlib import suppress

_SIGPIPE_STATUS = 141  # 128 + SIGPIPE, as shells report it


class Unwritten(OSError):
    """Standard output could not be written."""


class _Output(io.FileIO):
    """Standard output that fails once, then silently discards what is still buffered."""

    lost: OSError | None = None

    def write(self, data: object) -> int:
        if self.lost is None:
            try:
                return super().write(data)  # type: ignore[arg-type]
            except BlockingIOError:
                raise
            except OSError as fault:
                self.lost = fault
                raise Unwritten(fault.errno, fault.strerror) from None
        return len(memoryview(data))  # type: ignore[arg-type]


class _Errors(io.FileIO):
    """Standard error; if it cannot be written, the program goes on: there is nowhere else to report it."""

    lost = False

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            self.lost = True
            return len(memoryview(data))  # type: ignore[arg-type]


_output: _Output | None = None
_errors: _Errors | None = None


def repair() -> None:
    """Open closed streams to the null device, and replace stdout and stderr by the classes above.

    The next file opened would take a closed stream's number, and print would then write into the ledger.
    """
    global _output, _errors
    for number in range(3):  # the null device is opened read-only, so that a failing write is noticed
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "rb", closefd=False)), encoding="utf-8")
    if sys.stdout is not None:
        with suppress(OSError):
            sys.stdout.flush()  # what a sitecustomize printed
    original = sys.stdout or sys.stderr
    encoding = original.encoding if original else "utf-8"
    errors = original.errors if original and original.errors and original.errors != "strict" else "backslashreplace"
    _output, _errors = _Output(1, "wb", closefd=False), _Errors(2, "wb", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_output), encoding=encoding, errors=errors, line_buffering=_output.isatty()
    )
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_errors),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=True,
    )


def complain(message: str) -> None:
    """Print an error to stderr, in one line."""
    print(f"clicksend-mcp: {message}", file=sys.stderr)


def reason(fault: OSError) -> str:
    """Why a stream could not be read or written, in the system's words."""
    return "it is closed" if fault.errno == errno.EBADF else fault.strerror or type(fault).__name__


def errors_lost() -> bool:
    """Whether something written to stderr was lost."""
    return _errors is not None and _errors.lost


def first(group: BaseExceptionGroup[OSError]) -> OSError:
    """The first error in nested groups, as task groups raise them."""
    fault: BaseException = group
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    assert isinstance(fault, OSError)
    return fault


def flush(status: int) -> int:
    """Write what is buffered. Returns the exit status: not 0 if that fails."""
    with suppress(OSError):
        sys.stdout.flush()
    lost = _output.lost if _output else None
    if lost is None:
        return status
    if lost.errno in (errno.EPIPE, errno.ECONNRESET):  # the reader has enough, as in `... | head`
        return _SIGPIPE_STATUS if status in (0, 1) else status
    complain(f"the output could not be written: {reason(lost)}")
    return status or 1
