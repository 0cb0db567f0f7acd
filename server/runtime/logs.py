"""Logs: to stderr, without anything private."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class PrivateFormatter(logging.Formatter):
    """Logs the kind and place of an exception. Its text may hold phone numbers, message texts or keys."""

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - logging names it so
        kind, _, trace = ei
        frames = traceback.extract_tb(trace)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return f"{kind.__name__ if kind else 'exception'}{place}"


class _Json(PrivateFormatter):
    """One JSON object per line, for log collectors."""

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
        encoded = json.dumps(line, ensure_ascii=False)
        for newline in "\x85\u2028\u2029":  # valid in JSON, but some programs end a line there
            encoded = encoded.replace(newline, f"\\u{ord(newline):04x}")
        return encoded


class _Text(PrivateFormatter):
    """One line for people; fields follow as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in getattr(record, "fields", {}).items())
        message = record.getMessage()
        plain = logging.makeLogRecord({**vars(record), "msg": _one_line(message), "args": ()})
        first, newline, rest = super().format(plain).partition("\n")
        return f"{first}{_one_line(fields)}{newline}{rest}"


def _one_line(text: str) -> str:
    """A text with control characters escaped, so that it cannot forge a log line or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def announce(text: str, form: str) -> None:
    """Write a message to stderr at any log level, in the form of the log: text or json."""
    if form == "json":
        text = _Json().format(logging.LogRecord("clicksend_mcp", logging.INFO, "", 0, text, None, None))
    sys.stderr.write(f"{text}\n")


def configure(level: str, form: str = "text") -> None:
    """Log this program at `level`, and everything else at WARNING. `form`: text or json.

    At lower levels, libraries log addresses, headers and whole messages.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("clicksend_mcp").setLevel(level)
