"""Changes to an outbound text: placeholders filled, links shortened, excess cut off."""

import re
from collections.abc import Mapping

from schemas.sms_length import MAX_PARTS, first_parts, measure

OPT_OUT_PLACEHOLDER = "StopMsg.me/xxxxx"

_LINK_PLACEHOLDER = re.compile(r"smsg\.(?:us|io)/xxxxx", re.IGNORECASE)
_URL = re.compile(r"https?://\S+")
_SHORT_LINK = "smsg.us/2b7k9"
_NAME_PLACEHOLDERS = {
    "(First Name)": "first_name",
    "(Last Name)": "last_name",
    "(Custom 1)": "custom_1",
    "(Custom 2)": "custom_2",
    "(Custom 3)": "custom_3",
    "(Custom 4)": "custom_4",
}


def personalise(text: str, contact: Mapping[str, str | None]) -> str:
    """Fill placeholders such as `(First Name)` from a contact's fields; unknown ones stay."""
    for placeholder, field in _NAME_PLACEHOLDERS.items():
        text = text.replace(placeholder, contact.get(field) or "")
    return text


def place_short_link(text: str) -> str:
    """Put the short link of a campaign at its placeholder, or at the end if there is none."""
    linked, placeholders = _LINK_PLACEHOLDER.subn(_SHORT_LINK, text)
    return linked if placeholders else f"{text} {_SHORT_LINK}"


def shorten_first_url(text: str) -> str:
    """Replace the first URL of a text with a short one."""
    return _URL.sub(_SHORT_LINK, text, count=1)


def cut_to_parts(text: str) -> tuple[str, int]:
    """The text as it is sent and its number of parts. Text beyond eight parts is silently dropped."""
    length = measure(text)
    if length.parts <= MAX_PARTS:
        return text, length.parts
    return first_parts(text), MAX_PARTS


def cut_picture_text(text: str) -> str:
    """The text of a picture message, cut to 1,500 GSM characters or 500 others."""
    return text[: 500 if measure(text).unicode else 1500]
