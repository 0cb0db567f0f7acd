"""How long a text is for a phone network: GSM or Unicode, in how many parts.

Source: GSM 03.38, and ClickSend's table of message lengths (160/153 for GSM, 70/67 for Unicode).
"""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # sent as two units each
_GSM_TEXT = re.compile(f"[{re.escape(''.join(sorted(GSM_BASIC | GSM_EXTENDED)))}]*")

_UTF_16 = f"utf-16-{sys.byteorder[0]}e"  # as this machine has numbers of two bytes
MAX_PARTS = 8  # ClickSend cuts what is longer, in silence
_JOINED_GSM = 153  # units of a part where there are several
_JOINED_UNICODE = 67
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)  # the halves of a surrogate pair
_MOST_UNITS = 2  # of one character, whichever it is
NEVER_CUT = MAX_PARTS * (_JOINED_UNICODE // _MOST_UNITS)  # characters that fit into the parts, whichever they are


@dataclass(frozen=True, slots=True)
class TextLength:
    """The measured length of one message text."""

    unicode: bool  # True if a character outside GSM 03.38 forces UCS-2
    units: int  # GSM septets, or UCS-2 code units
    parts: int  # messages that are sent, and paid for


def measure(text: str) -> TextLength:
    """Measure a text as it would be sent by SMS; an empty text has 0 units and 1 part."""
    if _GSM_TEXT.fullmatch(text):
        units = _septets(text)
        return TextLength(unicode=False, units=len(units), parts=_parts(units, 160, _JOINED_GSM, _splits_septets))
    code_units = _code_units(text)
    parts = _parts(code_units, 70, _JOINED_UNICODE, _splits_surrogates)
    return TextLength(unicode=True, units=len(code_units), parts=parts)


def first_parts(text: str, parts: int = MAX_PARTS) -> str:
    """As much of a text of several parts as that many parts hold."""
    if _GSM_TEXT.fullmatch(text):
        units = _septets(text)
        return units[: _border(units, parts, _JOINED_GSM, _splits_septets)].replace("\x1b", "")
    code_units = _code_units(text)
    kept = code_units[: _border(code_units, parts, _JOINED_UNICODE, _splits_surrogates)]
    return kept.tobytes().decode(_UTF_16, "surrogatepass")


def _septets(text: str) -> str:
    """A GSM text with a character for each septet: an extended character has an escape before it."""
    for character in GSM_EXTENDED:
        text = text.replace(character, f"\x1b{character}")
    return text


def _code_units(text: str) -> memoryview:
    return memoryview(text.encode(_UTF_16, "surrogatepass")).cast("H")


def _splits_septets(units: Any, at: int) -> bool:
    return bool(units[at - 1] == "\x1b")


def _splits_surrogates(units: Any, at: int) -> bool:
    return units[at - 1] in _HIGH and units[at] in _LOW


def _parts(units: Sequence[Any], single: int, joined: int, splits: Callable[[Any, int], bool]) -> int:
    if len(units) <= single:
        return 1
    parts, at = 0, 0
    while at < len(units):
        at = _next_border(units, at, joined, splits)
        parts += 1
    return parts


def _border(units: Sequence[Any], parts: int, joined: int, splits: Callable[[Any, int], bool]) -> int:
    """How many units lie in the first parts."""
    at = 0
    for _ in range(parts):
        at = _next_border(units, at, joined, splits)
    return at


def _next_border(units: Sequence[Any], at: int, joined: int, splits: Callable[[Any, int], bool]) -> int:
    """Where the part ends that begins at a unit: what takes two units and would lie across goes into the next."""
    end = at + joined
    return end - 1 if end < len(units) and splits(units, end) else min(end, len(units))
