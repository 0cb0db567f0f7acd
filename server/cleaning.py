"""Cleaning: what must not reach a model is taken out of an answer: secrets, and characters that people cannot see."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

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


def without_unseen(text: str) -> str:
    """A text without the characters that hide something from people or turn its direction."""
    if text.isascii() and "\x7f" not in text:  # nearly every answer
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


def remover_of(credentials: Credentials) -> Callable[[str], str]:
    """Takes the account's own secret out of JSON text, in every form an answer could repeat it in."""
    secret = credentials.secret
    plain = (secret, b64encode(f"{credentials.username}:{secret}".encode()).decode())
    forms = {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in plain for ascii_only in (True, False)}
    forms |= {form.replace("/", r"\/") for form in forms}
    long_enough = sorted((form for form in {*plain, *forms} if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, long_enough)) or r"(?!)", re.IGNORECASE)
    lower = [form.lower() for form in long_enough]

    def remove(text: str) -> str:
        searched = text.lower()  # far quicker than the pattern, which nearly never matches
        return pattern.sub(REMOVED, text) if any(form in searched for form in lower) else text

    return remove
