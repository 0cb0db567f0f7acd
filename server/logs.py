"""Logs: to stderr, and never more than a stranger may read."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Private(logging.Formatter):
    """Tells the kind and place of an exception; its text and variables may hold numbers, texts or keys."""

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - logging names it so
        kind, _, trace = ei
        frames = traceback.extract_tb(trace)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return f"{kind.__name__ if kind else 'exception'}{place}"


class _Json(_Private):
    """A JSON object a line, for programs that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Text(_Private):
    """A line for people; fields follow as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in getattr(record, "fields", {}).items())
        first, newline, rest = super().format(record).partition("\n")
        return f"{first}{fields}{newline}{rest}"


def announce(text: str, form: str) -> None:
    """Say on stderr where something is, whatever the level of the log; as JSON where the log is."""
    if form == "json":
        text = _Json().format(logging.LogRecord("clicksend_mcp", logging.INFO, "", 0, text, None, None))
    sys.stderr.write(f"{text}\n")


def configure(level: str, form: str = "text") -> None:
    """Log this program at `level`, and everything else from WARNING on; `form` is text or json.

    Libraries log addresses, headers and whole messages at lower levels, so they stay silent there.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("clicksend_mcp").setLevel(level)
