"""The start of the program, before anything else is imported, and its exit, whatever the cause."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

from server.runtime import streams

_OBJECTS = 50_000  # allocations between two garbage collections; our rule, Python's own is 700
_INTERRUPTED = 130  # exit status, 128 + SIGINT as shells have it
_FAULT = 70  # exit status of an internal fault, EX_SOFTWARE in sysexits.h


def main() -> None:
    """Run the command line and exit. Whatever happens in it, no traceback is shown."""
    by_person = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a shell's background job ignores it
    if by_person:
        # Raised in the middle of an import, KeyboardInterrupt may surface as another exception, or not at all.
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    # Objects made by imports stay: collecting among them at Python's threshold takes a tenth of the start.
    gc.set_threshold(_OBJECTS)
    streams.repair()
    try:
        from server.cli import main

        if by_person:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        main.main()
        status = 0
    except BaseException as fault:  # the last resort
        status = _status_after(fault)
    if by_person:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while Python shuts down
    sys.exit(streams.flush(status))


def _status_after(fault: BaseException) -> int:
    """The exit status for the exception that ended a command; a line on stderr says more, if there is more to say."""
    causes = list(_single(fault))
    for cause in causes:
        if isinstance(cause, KeyboardInterrupt):
            return _INTERRUPTED
    for cause in causes:
        if isinstance(cause, streams.Unwritten):
            return 1  # reported when the streams are settled
    for cause in causes:
        if isinstance(cause, SystemExit):
            if cause.code is None or isinstance(cause.code, int):
                return cause.code or 0
            streams.complain(str(cause.code))
            return 1
    cause = causes[0]
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        streams.complain(f"the package {cause.name.partition('.')[0]} is missing: install clicksend-mcp again")
        return _FAULT
    streams.complain(f"a fault inside this program ({type(cause).__name__}); nothing more is done")
    _log(cause, fault)
    return _FAULT


def _single(fault: BaseException) -> Iterator[BaseException]:
    """The exceptions in nested groups, which is how task groups raise."""
    if isinstance(fault, BaseExceptionGroup):
        for member in fault.exceptions:
            yield from _single(member)
    else:
        yield fault


def _log(cause: BaseException, fault: BaseException) -> None:
    """Log the type and place of a fault. Its text stays out: it may hold numbers, texts or keys."""
    import logging

    from server.runtime.logs import configure

    place = cause.__traceback__ or fault.__traceback__
    if not logging.getLogger().handlers:
        configure("WARNING")
    logging.getLogger("clicksend_mcp").error("the program has ended by a fault", exc_info=(type(cause), cause, place))
