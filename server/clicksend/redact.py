"""Redaction: removes an account's own secret from text, however it is encoded there."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from server.clicksend.sanitize import INVISIBLE, INVISIBLE_OR_JOINER, JOINERS, non_ascii
from server.config.settings import Credentials

REMOVED = "[removed]"

_MIN_SECRET = 8  # characters; a shorter one would be found in ordinary words
_BASE64_AND_URLS = r"A-Za-z0-9+/=_.~%\-"

# JSON's escapes for invisible and control characters, which may hide inside a secret.
_CODES = (  # by prefix, because most escapes are none of these
    "0(?:0[0-9abAB][0-9a-fA-F]|34[fF]|61[cC])|1(?:15[fF]|160|7[bB][45]|80[b-fB-F])|20[0126][0-9a-fA-F]|3164"
    "|[fF](?:[eE](?:0[0-9a-fA-F]|[fF][fF])|[fF](?:[aA]0|[fF][0-9abAB]))"
)
_HALVES = "[dD][89a-fA-F][0-9a-fA-F]{2}"  # of a surrogate pair, such as an emoji's
_LONE_HALF = r"[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F]"
_ESCAPED = re.compile(rf"\\(?:[bfnrt]|u({_CODES}|{_HALVES}))")
_PERCENT = re.compile("%([2-7][0-9a-fA-F])")
_CONTROLS = "\x00-\x1f\u2028\u2029"
_DROPPED = re.compile(rf"{INVISIBLE.pattern}|{JOINERS}|[{_CONTROLS}\\]")
_GAP = rf"(?:{INVISIBLE.pattern}|{JOINERS}|[{_CONTROLS}]|\\[bfnrt]|\\u(?:{_CODES}|{_HALVES})|\\)*"
_INVISIBLE_OR_CONTROL = f"{INVISIBLE.pattern[1:-1]}{JOINERS[1:-1]}{_CONTROLS}"

_SEPARATOR = "\uffff"  # a noncharacter, in no secret

_redactors: WeakKeyDictionary[Credentials, "Redactor"] = WeakKeyDictionary()  # while the credentials are in use


def redactor_for(credentials: Credentials) -> "Redactor":
    """The redactor of an account's secret."""
    redactor = _redactors.get(credentials)
    if redactor is None:
        redactor = _redactors[credentials] = Redactor(credentials)
    return redactor


class Redactor:
    """Removes an account's own secret from text, in every form that reveals it."""

    def __init__(self, credentials: Credentials) -> None:
        forms = {form for form in _forms(credentials) if len(form) >= _MIN_SECRET}
        self._forms = sorted(forms, key=len, reverse=True)
        unescaped = {_DROPPED.sub("", form) for form in forms}
        # Percent-encoded forms are found among the escaped parts.
        percent_encoded = {form for form in forms if "\\" not in form and form != _fully_unescaped(form) in forms}
        # Bytes, because lower() folds only ASCII in them: far faster than a pattern.
        needles = {_folded(form) for form in (forms - percent_encoded) | unescaped - percent_encoded}
        # A form that contains another one need not be searched for.
        self._needles = [form for form in needles if not any(part in form for part in needles - {form})]
        self._has_slashes = any(b"/" in form for form in self._needles)
        self._escaped_parts = _EscapedParts(credentials.secret, unescaped)
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, text: str, *, json: bool = False) -> str:
        """The text without the secret, even with invisible characters inside it. `json`: the text is JSON."""
        if not self.is_in(text, json=json):
            return text
        if self._pattern is None:
            patterns = (_GAP.join(map(_spellings, form)) for form in self._forms)
            self._pattern = re.compile("|".join(patterns), re.IGNORECASE)
        return self._pattern.sub(REMOVED, text)

    def is_in(self, text: str, *, json: bool = False) -> bool:
        """Whether a text contains the secret. `json`: the text is JSON."""
        if not self._forms:
            return False
        if self._holds(text):
            return True
        parts = _SEPARATOR.join(self._escaped_parts.of(text, json=json))
        return bool(parts) and (self._holds(_unescaped(parts)) or self._holds(_fully_unescaped(parts)))

    def cleaned(self, value: Any) -> Any:
        """A JSON value without the secret in any name or string."""
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
        haystack = _folded(text)
        if self._has_slashes and b"\\" in haystack:
            haystack = haystack.replace(b"\\/", b"/")
        return any(needle in haystack for needle in self._needles)


class _EscapedParts:
    """Finds the parts of a text that may hold the secret with escapes or invisible characters in it.

    Such a part is a run of the secret's characters with at least one escape or invisible character. At the first of
    those, half of the secret's length precedes or follows. Most texts have escapes but nearly none has such a run, so
    little is searched.
    """

    def __init__(self, secret: str, forms: Iterable[str]) -> None:
        lengths = [len(form) for form in forms]
        half = min(lengths, default=0) // 2
        alphabet = "".join(map(re.escape, sorted({*secret, *secret.lower(), *secret.upper()} - {"\\"})))
        plain, any_ = f"[{alphabet}{_BASE64_AND_URLS}]", rf"[{alphabet}{_BASE64_AND_URLS}\\{_INVISIBLE_OR_CONTROL}]"
        self._reach = max(lengths, default=0)

        def run(first: str, beginning: str) -> re.Pattern[str]:
            return re.compile(f"{first}{beginning}(?:(?<={plain}{{{half}}}{first})|(?={any_}{{{half}}})){any_}*")

        escapes = rf"[\\bfnrt]|u(?:{_CODES}|{_LONE_HALF})"
        self._escaped = run(r"\\", f"(?={escapes})")
        self._percent = run("%", "(?=[2-7][0-9a-fA-F])")
        self._invisible = run(f"[{_INVISIBLE_OR_CONTROL}]", "")

    def of(self, text: str, *, json: bool) -> Iterator[str]:
        """Those parts of a text; in JSON, control characters are escaped."""
        patterns = [self._escaped] if "\\" in text else []
        if "%" in text:
            patterns.append(self._percent)
        if _has_invisible(text) or not (json or text.isprintable()):
            patterns.append(self._invisible)
        for pattern in patterns:
            for run in pattern.finditer(text):
                yield text[max(0, run.start() - self._reach) : run.end()]


def _has_invisible(text: str) -> bool:
    if text.isascii():
        return "\x7f" in text
    rest = non_ascii(text)
    return INVISIBLE_OR_JOINER.search(rest) is not None or "\u2028" in rest or "\u2029" in rest


def _folded(text: str) -> bytes:
    return text.encode("utf-8", "replace").lower()


def _unescaped(text: str) -> str:
    """A text without JSON's escapes and invisible characters."""
    return _DROPPED.sub("", _ESCAPED.sub(_character, text))


def _fully_unescaped(text: str) -> str:
    """The same, with percent-encoding undone too."""
    return _PERCENT.sub(_character, _unescaped(text))


def _forms(credentials: Credentials) -> Iterator[str]:
    """The secret and its encodings: JSON, hex, percent-encoding, base64 alone and in the Authorization header."""
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
    for before in range(3):  # wherever it begins in the encoded bytes; the outermost characters depend on neighbours
        encoded = b64encode(bytes(before) + raw).decode().rstrip("=")
        inner = encoded[(0, 2, 3)[before] : len(encoded) - (1 if (before + len(raw)) % 3 else 0)]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def _spellings(character: str) -> str:
    """A pattern for a character, plain, JSON-escaped or percent-encoded."""
    units = character.encode("utf-16-be", "surrogatepass")
    escaped = "".join(rf"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
    percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    return f"(?:{re.escape(character)}|{escaped}|{percent})"


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else ""
