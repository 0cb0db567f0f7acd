"""Standard input, output and errors as the program finds them: open, closed, full, or cut off by who reads them."""

import errno
import io
import os
import sys
from contextlib import suppress

_CUT_OFF = 141  # as of a program that SIGPIPE ends


class Unwritten(OSError):
    """Standard output could not be written."""


class _Output(io.FileIO):
    """Standard output, which fails once, and then takes whatever still waits in a buffer without another word."""

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
    """Standard errors: where it cannot be written, the program goes on, for it has nobody else to tell."""

    lost = False

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            self.lost = True
            return len(memoryview(data))  # type: ignore[arg-type]


_output: _Output | None = None
_errors: _Errors | None = None


def mend() -> None:
    """Make sure that all three are there and behave as described here.

    A closed one would leave its number to the next file that is opened: prints would then go into the ledger.
    """
    global _output, _errors
    for number in range(3):  # the null device, for reading: what cannot be written has to be noticed
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
            sys.stdout.flush()  # what a sitecustomize has printed
    told = sys.stdout or sys.stderr
    encoding = told.encoding if told else "utf-8"
    errors = told.errors if told and told.errors and told.errors != "strict" else "backslashreplace"
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
    """Tell in one line what went wrong."""
    print(f"clicksend-mcp: {message}", file=sys.stderr)


def reason(fault: OSError) -> str:
    """Why a stream could not be written, in the system's words."""
    return "it is closed" if fault.errno == errno.EBADF else fault.strerror or type(fault).__name__


def errors_lost() -> bool:
    """Whether something that was told on standard errors has reached nobody."""
    return _errors is not None and _errors.lost


def first(group: BaseExceptionGroup[OSError]) -> OSError:
    """One of the faults in nested groups, which is how task groups raise."""
    fault: BaseException = group
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    assert isinstance(fault, OSError)
    return fault


def settle(status: int) -> int:
    """Write what still waits; the exit status, which is no success if that cannot be done."""
    with suppress(OSError):
        sys.stdout.flush()
    lost = _output.lost if _output else None
    if lost is None:
        return status
    if lost.errno in (errno.EPIPE, errno.ECONNRESET):  # `... | head`: who reads has enough
        return _CUT_OFF if status in (0, 1) else status
    complain(f"the output could not be written: {reason(lost)}")
    return status or 1
