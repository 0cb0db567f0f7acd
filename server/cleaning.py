"""Cleaning: what must not reach a model is taken out of an answer: secrets, and characters that people cannot see."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from server.settings import Credentials

REMOVED = "[removed]"

_SHORTEST_SECRET = 8  # a shorter one would be found in ordinary words
_SECRET_NAME = re.compile("(apikey|password|secret|token|authorization)s?$")
_MOST_NAMES = 1_000
_harmless: set[str] = set()  # names that were looked at

# Zero-width, direction-changing and tag characters, lone halves of a surrogate pair.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
    "\x7f-\x9f]"
)
# Joiners and variation selectors stay where emoji and scripts need them: singly, or as the one pair that emoji
# have, after a character that is not ASCII; and in a keycap.
_JOINERS = "[\u200c\u200d\ufe0e\ufe0f]"
_MISPLACED = re.compile(f"(?<![^\x00-\x7f])(?!\ufe0f\u20e3){_JOINERS}+|(?!\ufe0f\u200d(?!{_JOINERS})){_JOINERS}{{2,}}")


_SUSPECT = re.compile(f"{_UNSEEN.pattern}|{_JOINERS}")
_PLAIN = bytes(byte for byte in range(0x80) if byte != 0x7F)

# What JSON writes for a character that could stand unseen inside a secret, or be part of it.
_ESCAPED = re.compile(
    r"\\(?:[bfnrt]|u(00[0-9ab][0-9a-f]|034f|061c|115f|1160|17b[45]|180[b-f]|20[0126][0-9a-f]|3164|fe0[0-9a-f]|feff|ffa0"
    r"|fff[0-9ab]|d[89a-f][0-9a-f]{2}))",
    re.IGNORECASE,
)
_PERCENT = re.compile("%([2-7][0-9a-f])", re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x1f]")
_DROPPED = re.compile(f"{_UNSEEN.pattern}|{_JOINERS}|[\x00-\x1f\u2028\u2029\\\\]")
_GAP = f"(?:{_UNSEEN.pattern}|{_JOINERS}|[\x00-\x1f\u2028\u2029]|{_ESCAPED.pattern.replace('(00', '(?:00')}|\\\\)*"


def without_unseen(text: str) -> str:
    """A text without the characters that hide something from people or turn its direction."""
    if text.isascii() and "\x7f" not in text:  # nearly every answer
        return text
    # Most of a text is ASCII, which as bytes is put aside far quicker than a pattern passes it.
    rest = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN).decode("utf-8", "surrogatepass")
    if _SUSPECT.search(rest) is None:
        return text
    return _MISPLACED.sub("", _UNSEEN.sub("", text))


def without_secrets(named: dict[str, Any]) -> dict[str, Any]:
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


class Remover:
    """Takes an account's own secret out of text, JSON or not, in every form that gives it away."""

    def __init__(self, credentials: Credentials) -> None:
        forms = {form for form in _forms(credentials) if len(form) >= _SHORTEST_SECRET}
        self._forms = sorted(forms, key=len, reverse=True)
        # Bytes, because their capitals alone are ASCII's: far quicker than the pattern, which nearly never matches.
        self._sought = {form.encode("utf-8", "replace").lower() for form in self._forms}
        self._sought |= {_DROPPED.sub("", form).encode("utf-8", "replace").lower() for form in self._forms}
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        """The text without the secret, also where characters that nobody sees stand inside it."""
        if not self.is_in(text):
            return text
        if self._pattern is None:
            spelt = (_GAP.join(map(_spellings, form)) for form in self._forms)
            self._pattern = re.compile("|".join(spelt), re.IGNORECASE)
        return self._pattern.sub(REMOVED, text)

    def is_in(self, text: str) -> bool:
        """Whether the secret is, or may be, in a text."""
        text = text.replace("\\/", "/")
        if self._holds(text):
            return True
        if "\\" not in text and "%" not in text and text.isascii() and text.isprintable():
            return False
        if not self._is_odd(text):
            return False
        return self._holds(_PERCENT.sub(_unescaped, _DROPPED.sub("", _ESCAPED.sub(_unescaped, text))))

    def cleaned(self, value: Any) -> Any:
        """What was read from JSON, without the secret in any name or text."""
        match value:
            case str():
                return self(value)
            case dict():
                return {self(name): self.cleaned(item) for name, item in value.items()}
            case list():
                return [self.cleaned(item) for item in value]
            case _:
                return value

    def _holds(self, text: str) -> bool:
        searched = text.encode("utf-8", "replace").lower()
        return any(form in searched for form in self._sought)

    def _is_odd(self, text: str) -> bool:
        if _ESCAPED.search(text) is not None or _PERCENT.search(text) is not None or _CONTROLS.search(text) is not None:
            return True
        rest = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN).decode("utf-8", "surrogatepass")
        return _SUSPECT.search(rest) is not None or "\u2028" in rest or "\u2029" in rest


def _forms(credentials: Credentials) -> Iterator[str]:
    """The secret and what stands for it: the header's base64, and common ways to write bytes."""
    secret = credentials.secret
    yield secret
    for ascii_only in (True, False):
        written = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.replace("/", r"\/")
    yield b64encode(f"{credentials.username}:{secret}".encode()).decode()
    raw = secret.encode()
    yield raw.hex()
    yield quote(secret, safe="")
    yield "".join(f"%{byte:02x}" for byte in raw)
    for before in range(3):  # wherever it begins in what was encoded; the outermost characters depend on neighbours
        encoded = b64encode(bytes(before) + raw).decode().rstrip("=")
        inner = encoded[(0, 2, 3)[before] : len(encoded) - (1 if (before + len(raw)) % 3 else 0)]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def _spellings(character: str) -> str:
    """A character as such, and as JSON and URLs may write it."""
    units = character.encode("utf-16-be", "surrogatepass")
    escaped = "".join(rf"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
    percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    return f"(?:{re.escape(character)}|{escaped}|{percent})"


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else ""
