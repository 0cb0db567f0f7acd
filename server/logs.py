"""Logs: to stderr, and never more than a stranger may read."""

import logging
import traceback
from types import TracebackType

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Private(logging.Formatter):
    """Tells the kind and place of an exception; its text and variables may hold numbers, texts or keys."""

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - logging names it so
        kind, _, trace = ei
        frames = traceback.extract_tb(trace)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return f"{kind.__name__ if kind else 'exception'}{place}"


def configure(level: str) -> None:
    """Log this program at `level`, and everything else from WARNING on.

    Libraries log addresses, headers and whole messages at lower levels, so they stay silent there.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Private("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("clicksend_mcp").setLevel(level)
