"""The record of requests and answers. Credentials are never kept."""

import base64
import binascii
import json
from collections import deque
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 64 * 1024 * 1024  # of all recorded bodies and answers together


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A request to the API and the sandbox's answer, as it was before a fault altered it.

    `status` is None if a fault kept the request from being handled.
    """

    at: int  # Unix seconds, by the sandbox's clock
    username: str | None
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    status: int | None
    answer: bytes
    fault: str | None

    def as_json(self) -> dict[str, Any]:
        """The call as GET /_sandbox/calls shows it."""
        return {
            "at": self.at,
            "username": self.username,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "body": readable(self.body),
            "status": self.status,
            "answer": readable(self.answer),
            "fault": self.fault,
        }


class CallLog:
    """The newest calls, bounded in number and in bytes; the oldest are dropped first."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.calls: deque[RecordedCall] = deque()
        self.size = 0
        self.first = 1  # the number of the oldest kept call; calls are numbered as they arrive

    def add(self, call: RecordedCall) -> None:
        """Record a call."""
        self.calls.append(call)
        self.size += _size(call)
        while len(self.calls) > self.newest or self.size > MAX_BYTES:
            self.size -= _size(self.calls.popleft())
            self.first += 1

    def clear(self) -> None:
        """Forget all calls."""
        self.first += len(self.calls)
        self.calls.clear()
        self.size = 0

    def find(self, number: int) -> RecordedCall | None:
        """The call with a number, if it is still kept."""
        index = number - self.first
        return self.calls[index] if 0 <= index < len(self.calls) else None


def _size(call: RecordedCall) -> int:
    return len(call.body) + len(call.answer)


def readable(body: bytes) -> Any:
    """A body as JSON, or as text if it is not JSON; None if it is empty."""
    if not body:
        return None
    try:
        return parse_json(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def parse_json(body: bytes) -> Any:
    """A body as JSON. Raises ValueError, also for NaN and lone surrogates, which Python accepts."""
    try:
        parsed = json.loads(body, parse_constant=_refuse_constant)
        if b"\\u" in body:
            json.dumps(parsed, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def credentials(authorization: str | None) -> tuple[str, str] | None:
    """The username and key of a Basic Authorization header; None if it is not one."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, key = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (username, key) if colon else None
