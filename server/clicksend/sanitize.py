"""Cleaning: keys and passwords, and characters that people cannot see, are taken out of an answer."""

import re
from typing import Any

_SECRET_NAME = re.compile("(apikey|password|secret|token|authorization)s?$")
_MOST_NAMES = 1_000
_harmless: set[str] = set()  # names that were looked at

# Zero-width, direction-changing and tag characters, lone halves of a surrogate pair.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
    "\x7f-\x9f]"
)
# Joiners and variation selectors stay where emoji and scripts need them: singly, or as the one pair that emoji
# have, after a character that is not ASCII; and in a keycap.
JOINERS = "[\u200c\u200d\ufe0e\ufe0f]"
_MISPLACED = re.compile(f"(?<![^\x00-\x7f])(?!\ufe0f\u20e3){JOINERS}+|(?!\ufe0f\u200d(?!{JOINERS})){JOINERS}{{2,}}")

PECULIAR = re.compile(f"{INVISIBLE.pattern}|{JOINERS}")
_PLAIN = bytes(byte for byte in range(0x80) if byte != 0x7F)


def strip_invisible(text: str) -> str:
    """A text without the characters that hide something from people or turn its direction."""
    if text.isascii() and "\x7f" not in text:  # nearly every answer
        return text
    if PECULIAR.search(beside_ascii(text)) is None:
        return text
    return _MISPLACED.sub("", INVISIBLE.sub("", text))


def beside_ascii(text: str) -> str:
    """What a text has that is not ASCII, and the control character DEL."""
    # Most of a text is ASCII, which as bytes is put aside far quicker than a pattern passes it.
    return text.encode("utf-8", "surrogatepass").translate(None, _PLAIN).decode("utf-8", "surrogatepass")


def redact_fields(named: dict[str, Any]) -> dict[str, Any]:
    """A JSON object without the entries whose names say that they are a key or a password; for each that is parsed."""
    if _harmless.issuperset(named):
        return named
    return {name: value for name, value in named.items() if not _is_secret(name)}


def _is_secret(name: str) -> bool:
    if _SECRET_NAME.search(re.sub(r"[^a-z]", "", name.lower())) is not None:
        return True
    if len(_harmless) < _MOST_NAMES:
        _harmless.add(name)
    return False
