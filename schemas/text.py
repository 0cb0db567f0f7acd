"""How long a text is for a phone network: GSM or Unicode, in how many parts.

Source: GSM 03.38, and ClickSend's table of message lengths (160/153 for GSM, 70/67 for Unicode).
"""

import re
from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # sent as two units each
_GSM_TEXT = re.compile(f"[{re.escape(''.join(sorted(GSM_BASIC | GSM_EXTENDED)))}]*")
_EXTENDED = re.compile(f"[{re.escape(''.join(sorted(GSM_EXTENDED)))}]")

MAX_PARTS = 8  # ClickSend cuts what is longer, in silence
_JOINED_GSM = 153  # units of a part where there are several
_JOINED_UNICODE = 67
_MOST_UNITS = 2  # of one character, whichever it is
NEVER_CUT = MAX_PARTS * _JOINED_UNICODE // _MOST_UNITS  # characters that fit into the parts, whichever they are


@dataclass(frozen=True, slots=True)
class TextLength:
    """The measured length of one message text."""

    unicode: bool  # True if a character outside GSM 03.38 forces UCS-2
    units: int  # GSM septets, or UCS-2 code units
    parts: int  # messages that are sent, and paid for


def measure(text: str) -> TextLength:
    """Measure a text as it would be sent by SMS; an empty text has 0 units and 1 part."""
    if _GSM_TEXT.fullmatch(text):
        units = len(text) + len(_EXTENDED.findall(text))
        return TextLength(unicode=False, units=units, parts=_parts(units, single=160, joined=_JOINED_GSM))
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return TextLength(unicode=True, units=units, parts=_parts(units, single=70, joined=_JOINED_UNICODE))


def _parts(units: int, single: int, joined: int) -> int:
    return 1 if units <= single else -(-units // joined)
