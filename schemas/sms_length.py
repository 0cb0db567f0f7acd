"""The length of a text on the phone network: GSM or Unicode, and in how many parts.

The lengths are documented by ClickSend, the alphabet is that of GSM 03.38.
"""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

GSM_BASIC = frozenset(  # GSM 03.38
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # sent as two units each; GSM 03.38
_GSM_TEXT = re.compile(f"[{re.escape(''.join(sorted(GSM_BASIC | GSM_EXTENDED)))}]*")

_UTF_16 = f"utf-16-{sys.byteorder[0]}e"  # native byte order, which memoryview.cast reads
MAX_PARTS = 8  # ClickSend silently cuts a longer text; documented
_SINGLE_GSM = 160  # units of a text of one part; documented
_SINGLE_UNICODE = 70  # documented
_JOINED_GSM = 153  # units of each of several parts; documented
_JOINED_UNICODE = 67  # documented
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)  # the halves of a surrogate pair; UTF-16
_MOST_UNITS = 2  # of any one character; GSM 03.38 and UTF-16
NEVER_CUT = MAX_PARTS * (_JOINED_UNICODE // _MOST_UNITS)  # characters of any kind that always fit


@dataclass(frozen=True, slots=True)
class TextLength:
    """The measured length of one message text."""

    unicode: bool  # True if a character outside GSM 03.38 forces UCS-2
    units: int  # GSM septets, or UCS-2 code units
    parts: int  # messages sent, each of which is paid for


def measure(text: str) -> TextLength:
    """Measure a text as it would be sent by SMS; an empty text has 0 units and 1 part."""
    if _GSM_TEXT.fullmatch(text):
        units = _septets(text)
        return TextLength(
            unicode=False, units=len(units), parts=_parts(units, _SINGLE_GSM, _JOINED_GSM, _splits_septets)
        )
    code_units = _code_units(text)
    parts = _parts(code_units, _SINGLE_UNICODE, _JOINED_UNICODE, _splits_surrogates)
    return TextLength(unicode=True, units=len(code_units), parts=parts)


def first_parts(text: str, parts: int = MAX_PARTS) -> str:
    """The beginning of a text that fits into so many parts; the text has more than one part."""
    if _GSM_TEXT.fullmatch(text):
        units = _septets(text)
        return units[: _border(units, parts, _JOINED_GSM, _splits_septets)].replace("\x1b", "")
    code_units = _code_units(text)
    kept = code_units[: _border(code_units, parts, _JOINED_UNICODE, _splits_surrogates)]
    return kept.tobytes().decode(_UTF_16, "surrogatepass")


def _septets(text: str) -> str:
    """A GSM text with one character for each septet: an escape precedes each extended character."""
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
    """How many units the first parts hold."""
    at = 0
    for _ in range(parts):
        at = _next_border(units, at, joined, splits)
    return at


def _next_border(units: Sequence[Any], at: int, joined: int, splits: Callable[[Any, int], bool]) -> int:
    """The end of the part that begins at unit `at`: a character of two units is never split between parts."""
    end = at + joined
    return end - 1 if end < len(units) and splits(units, end) else min(end, len(units))
