"""Framing: which lines are JSON-RPC messages, and the error that answers any other.

The SDK drops such a line, and the host waits for a response that never arrives.
"""

import re
from typing import Any

from pydantic_core import from_json

from schemas.json_text import JSON_STRING, MOST_DIGITS, has_long_number

_PARSE_ERROR, _INVALID_REQUEST = -32700, -32600
_TOKEN = re.compile(rf"{JSON_STRING}|[\[\]{{}}]", re.DOTALL)
_ID = re.compile(rf"\s*:\s*({JSON_STRING}|-?[0-9]{{1,{MOST_DIGITS}}}+(?![0-9.eE]))", re.DOTALL)
_SEARCHED = 100_000  # characters, for the id in a line that is not JSON
_MAX_COMMAS = 50_000  # our rule; the longest call that ClickSend accepts has a fifth of them


def refusal(line: str) -> dict[str, Any] | None:
    """The JSON-RPC error for a line, with its id if one can be read; None for a message that the SDK can read."""
    if line.count(",") > _MAX_COMMAS:
        return _error(_id_in(line), _INVALID_REQUEST, f"A message must have at most {_MAX_COMMAS:,} commas")
    if has_long_number(line):
        return _error(_id_in(line), _PARSE_ERROR, f"A number has more than {MOST_DIGITS} digits")
    try:
        message = from_json(line)
    except ValueError:
        deep = line.count("[") + line.count("{") > 150
        problem = "This is not JSON, or it is nested too deeply" if deep else "This is not JSON"
        return _error(_id_in(line), _PARSE_ERROR, problem)
    if isinstance(message, list):
        return _error(None, _INVALID_REQUEST, "Batches are not taken: send each message on a line of its own")
    if not isinstance(message, dict):
        return _error(None, _INVALID_REQUEST, "A message must be a JSON object")
    invalid = _problem(message)
    identity = message.get("id")
    return _error(identity if _is_id(identity) else None, _INVALID_REQUEST, invalid) if invalid else None


def _problem(message: dict[str, Any]) -> str | None:
    """Why an object is not a JSON-RPC message; None if it is one."""
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
    """The id in a line that is not valid JSON, if its outermost object has one."""
    depth = 0
    for token in _TOKEN.finditer(line, 0, _SEARCHED):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        elif depth == 1 and token[0] == '"id"' and (match := _ID.match(line, token.end())):
            try:
                value = from_json(match[1])
            except ValueError:
                return None
            return value if _is_id(value) else None
    return None


def _error(identity: str | int | None, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}}
