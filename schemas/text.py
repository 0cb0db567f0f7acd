"""How long a text is for a phone network: GSM or Unicode, in how many parts.

Source: GSM 03.38, and ClickSend's table of message lengths (160/153 for GSM, 70/67 for Unicode).
"""

from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # sent as two units each
_GSM = GSM_BASIC | GSM_EXTENDED

MAX_PARTS = 8  # ClickSend cuts what is longer, in silence


@dataclass(frozen=True, slots=True)
class TextLength:
    """The measured length of one message text."""

    unicode: bool  # True if a character outside GSM 03.38 forces UCS-2
    units: int  # GSM septets, or UCS-2 code units
    parts: int  # messages that are sent, and paid for


def measure(text: str) -> TextLength:
    """Measure a text as it would be sent by SMS; an empty text has 0 units and 1 part."""
    characters = set(text)
    if characters <= _GSM:
        units = len(text) + sum(text.count(character) for character in characters & GSM_EXTENDED)
        return TextLength(unicode=False, units=units, parts=_parts(units, single=160, joined=153))
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return TextLength(unicode=True, units=units, parts=_parts(units, single=70, joined=67))


def _parts(units: int, single: int, joined: int) -> int:
    return 1 if units <= single else -(-units // joined)
