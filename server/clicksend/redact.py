"""Removing: an account's own secret is taken out of all that is told, however it is spelt there."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from server.clicksend.sanitize import INVISIBLE, JOINERS, PECULIAR, beside_ascii
from server.config.settings import Credentials

REMOVED = "[removed]"

_SHORTEST_SECRET = 8  # a shorter one would be found in ordinary words
_BASE64_AND_URLS = r"A-Za-z0-9+/=_.~%\-"

# What JSON writes for a character that could stand unseen inside a secret, or be part of it.
_CODES = (  # by their beginnings, since most escapes are none of these
    "0(?:0[0-9abAB][0-9a-fA-F]|34[fF]|61[cC])|1(?:15[fF]|160|7[bB][45]|80[b-fB-F])|20[0126][0-9a-fA-F]|3164"
    "|[fF](?:[eE](?:0[0-9a-fA-F]|[fF][fF])|[fF](?:[aA]0|[fF][0-9abAB]))"
)
_HALVES = "[dD][89a-fA-F][0-9a-fA-F]{2}"  # of a surrogate pair; also of an emoji's
_LONE_HALF = r"[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F]"
_ESCAPED = re.compile(rf"\\(?:[bfnrt]|u({_CODES}|{_HALVES}))")
_PERCENT = re.compile("%([2-7][0-9a-fA-F])")
_CONTROLS = "\x00-\x1f\u2028\u2029"
_DROPPED = re.compile(rf"{INVISIBLE.pattern}|{JOINERS}|[{_CONTROLS}\\]")
_GAP = rf"(?:{INVISIBLE.pattern}|{JOINERS}|[{_CONTROLS}]|\\[bfnrt]|\\u(?:{_CODES}|{_HALVES})|\\)*"
_PECULIAR = f"{INVISIBLE.pattern[1:-1]}{JOINERS[1:-1]}{_CONTROLS}"

_BETWEEN = "\uffff"  # no character, and in no secret

_removers: WeakKeyDictionary[Credentials, "Redactor"] = WeakKeyDictionary()  # for as long as somebody holds the key


def redactor_for(credentials: Credentials) -> "Redactor":
    """What takes this account's secret out of a text."""
    remover = _removers.get(credentials)
    if remover is None:
        remover = _removers[credentials] = Redactor(credentials)
    return remover


class Redactor:
    """Takes an account's own secret out of text, in every form that gives it away."""

    def __init__(self, credentials: Credentials) -> None:
        forms = {form for form in _forms(credentials) if len(form) >= _SHORTEST_SECRET}
        self._forms = sorted(forms, key=len, reverse=True)
        plainly = {_DROPPED.sub("", form) for form in forms}
        # Those with percent signs are found among the odd spellings.
        odd = {form for form in forms if "\\" not in form and form != _undone(form) in forms}
        # Bytes, because their capitals alone are ASCII's: far quicker than a pattern.
        sought = {_searched(form) for form in (forms - odd) | plainly - odd}
        # Whoever looks for a part need not look for the whole.
        self._sought = [form for form in sought if not any(part in form for part in sought - {form})]
        self._has_slashes = any(b"/" in form for form in self._sought)
        self._odd = _OddSpellings(credentials.secret, plainly)
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, text: str, *, json: bool = False) -> str:
        """The text without the secret, also where characters that nobody sees stand inside it; `json`: it is JSON."""
        if not self.is_in(text, json=json):
            return text
        if self._pattern is None:
            spelt = (_GAP.join(map(_spellings, form)) for form in self._forms)
            self._pattern = re.compile("|".join(spelt), re.IGNORECASE)
        return self._pattern.sub(REMOVED, text)

    def is_in(self, text: str, *, json: bool = False) -> bool:
        """Whether the secret is in a text."""
        if not self._forms:
            return False
        if self._holds(text):
            return True
        parts = _BETWEEN.join(self._odd.parts(text, json=json))
        return bool(parts) and (self._holds(_unescaped(parts)) or self._holds(_undone(parts)))

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
        searched = _searched(text)
        if self._has_slashes and b"\\" in searched:
            searched = searched.replace(b"\\/", b"/")
        return any(form in searched for form in self._sought)


class _OddSpellings:
    """Finds the parts of a text where a secret may stand that is not spelt as it is.

    Such a part is a run of the characters a secret is written with, and in it something escaped or unseen. At the
    first of those, one half of the secret stands before it as it is, or the other half follows; most texts have
    escapes, and nearly none has such a run, so the pattern need not look at much.
    """

    def __init__(self, secret: str, forms: Iterable[str]) -> None:
        lengths = [len(form) for form in forms]
        half = min(lengths, default=0) // 2
        own = "".join(map(re.escape, sorted({*secret, *secret.lower(), *secret.upper()} - {"\\"})))
        plain, any_ = f"[{own}{_BASE64_AND_URLS}]", rf"[{own}{_BASE64_AND_URLS}\\{_PECULIAR}]"
        self._reach = max(lengths, default=0)

        def run(first: str, beginning: str) -> re.Pattern[str]:
            return re.compile(f"{first}{beginning}(?:(?<={plain}{{{half}}}{first})|(?={any_}{{{half}}})){any_}*")

        escapes = rf"[\\bfnrt]|u(?:{_CODES}|{_LONE_HALF})"
        self._escaped = run(r"\\", f"(?={escapes})")
        self._percent = run("%", "(?=[2-7][0-9a-fA-F])")
        self._peculiar = run(f"[{_PECULIAR}]", "")

    def parts(self, text: str, *, json: bool) -> Iterator[str]:
        """Those parts. In JSON what steers is escaped."""
        patterns = [self._escaped] if "\\" in text else []
        if "%" in text:
            patterns.append(self._percent)
        if _is_peculiar(text) or not (json or text.isprintable()):
            patterns.append(self._peculiar)
        for pattern in patterns:
            for run in pattern.finditer(text):
                yield text[max(0, run.start() - self._reach) : run.end()]


def _is_peculiar(text: str) -> bool:
    if text.isascii():
        return "\x7f" in text
    rest = beside_ascii(text)
    return PECULIAR.search(rest) is not None or "\u2028" in rest or "\u2029" in rest


def _searched(text: str) -> bytes:
    return text.encode("utf-8", "replace").lower()


def _unescaped(text: str) -> str:
    """A text without what JSON escapes, and without what nobody sees."""
    return _DROPPED.sub("", _ESCAPED.sub(_character, text))


def _undone(text: str) -> str:
    """The same without percent signs of URLs."""
    return _PERCENT.sub(_character, _unescaped(text))


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


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else ""
