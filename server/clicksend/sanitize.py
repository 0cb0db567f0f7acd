"""Sanitizing: removes fields that hold secrets, and invisible characters, from an answer."""

import re
from typing import Any

_SECRET_NAME = re.compile("(apikey|password|secret|token|authorization)s?$")
_MAX_NAMES = 1_000
_harmless: set[str] = set()  # names found to hold no secret, at most _MAX_NAMES

# Zero-width, direction-changing and tag characters, lone halves of a surrogate pair.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
    "\x7f-\x9f]"
)
# Emoji and scripts need joiners and variation selectors: one, or the one pair that emoji use, after a character that
# is not ASCII, and in a keycap. Elsewhere they are removed.
JOINERS = "[\u200c\u200d\ufe0e\ufe0f]"
_MISPLACED = re.compile(f"(?<![^\x00-\x7f])(?!\ufe0f\u20e3){JOINERS}+|(?!\ufe0f\u200d(?!{JOINERS})){JOINERS}{{2,}}")

INVISIBLE_OR_JOINER = re.compile(f"{INVISIBLE.pattern}|{JOINERS}")
_PLAIN = bytes(byte for byte in range(0x80) if byte != 0x7F)


def strip_invisible(text: str) -> str:
    """A text without characters that are invisible or change its direction, which can hide a prompt injection."""
    if text.isascii() and "\x7f" not in text:  # nearly every answer
        return text
    if INVISIBLE_OR_JOINER.search(non_ascii(text)) is None:
        return text
    return _MISPLACED.sub("", INVISIBLE.sub("", text))


def non_ascii(text: str) -> str:
    """The characters of a text that are not ASCII, and DEL."""
    # Most of a text is ASCII. Deleting it as bytes is far faster than a pattern that skips it.
    return text.encode("utf-8", "surrogatepass").translate(None, _PLAIN).decode("utf-8", "surrogatepass")


def redact_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """A JSON object without fields named like a key or password; an `object_hook` for json.loads."""
    if _harmless.issuperset(fields):
        return fields
    return {name: value for name, value in fields.items() if not _is_secret(name)}


def _is_secret(name: str) -> bool:
    if _SECRET_NAME.search(re.sub(r"[^a-z]", "", name.lower())) is not None:
        return True
    if len(_harmless) < _MAX_NAMES:
        _harmless.add(name)
    return False
