"""What is a JSON-RPC message, and what the host is told about a line that is none.

The SDK drops such a line, and the host waits for an answer that never comes.
"""

import re
from typing import Any

from pydantic_core import from_json

from schemas.json_text import JSON_STRING, MOST_DIGITS, has_long_number

_PARSE_ERROR, _INVALID_REQUEST = -32700, -32600
_PIECE = re.compile(rf"{JSON_STRING}|[\[\]{{}}]", re.DOTALL)
_ID = re.compile(rf"\s*:\s*({JSON_STRING}|-?[0-9]{{1,{MOST_DIGITS}}}+(?![0-9.eE]))", re.DOTALL)
_LOOKED_THROUGH = 100_000  # characters, for the id of a line that is no JSON
_COMMAS = 50_000  # the longest call that ClickSend takes has a fifth of them


def refusal(line: str) -> dict[str, Any] | None:
    """The error that answers a line, with its id where that can be read; None for a message that the SDK can read."""
    if line.count(",") > _COMMAS:
        return _error(_id_in(line), _INVALID_REQUEST, f"A message must have at most {_COMMAS:,} commas")
    if has_long_number(line):
        return _error(_id_in(line), _PARSE_ERROR, f"A number has more than {MOST_DIGITS} digits")
    try:
        message = from_json(line)
    except ValueError:
        deep = line.count("[") + line.count("{") > 150
        what = "This is not JSON, or it is nested too deeply" if deep else "This is not JSON"
        return _error(_id_in(line), _PARSE_ERROR, what)
    if isinstance(message, list):
        return _error(None, _INVALID_REQUEST, "Batches are not taken: send each message on a line of its own")
    if not isinstance(message, dict):
        return _error(None, _INVALID_REQUEST, "A message must be a JSON object")
    problem = _problem(message)
    identity = message.get("id")
    return _error(identity if _is_id(identity) else None, _INVALID_REQUEST, problem) if problem else None


def _problem(message: dict[str, Any]) -> str | None:
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc must be "2.0"'
    if "id" in message and not _is_id(message["id"]) and "error" not in message:
        return "id must be text or a whole number"
    if "method" in message:
        if not isinstance(message["method"], str):
            return "method must be text"
        if not isinstance(message.get("params"), dict | None):
            return "params must be an object"
    elif "id" not in message or not ("result" in message or "error" in message):
        return "method is missing"
    return None


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _id_in(line: str) -> str | int | None:
    """The id of a message that cannot be read as a whole, if it stands in its outermost object."""
    depth = 0
    for piece in _PIECE.finditer(line, 0, _LOOKED_THROUGH):
        if piece[0] in "{[":
            depth += 1
        elif piece[0] in "}]":
            depth -= 1
        elif depth == 1 and piece[0] == '"id"' and (found := _ID.match(line, piece.end())):
            try:
                value = from_json(found[1])
            except ValueError:
                return None
            return value if _is_id(value) else None
    return None


def _error(identity: str | int | None, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}}
