"""Environment variables: the ways their texts are read."""

import re
from collections.abc import Callable
from decimal import Decimal

# 1,000 is a thousand; 1,5 could be either, so it is refused.
_AMOUNT = re.compile(
    r"(?:[A-Z]{3} ?|[A-Z]{0,2}[$\u20ac\u00a3\u00a5\u20b9] ?)?"
    r"([0-9]{1,9}(?:\.[0-9]{1,9})?|[0-9]{1,3}(?:,[0-9]{3}){1,2}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
    r"(?: ?[A-Z]{3}| ?[$\u20ac])?",
    re.IGNORECASE,
)


class WrongSetting(ValueError):
    """A setting that cannot be; the text completes a sentence that begins with its name."""


def plain_text(text: str) -> str:
    """Any text that can be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongSetting("must be UTF-8 text") from None
    return text


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise WrongSetting(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def seconds(text: str) -> float:
    """More than none, and at most ten minutes."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise WrongSetting("must be seconds, more than 0 and at most 600")
    return value


def amount(text: str) -> Decimal:
    """Money, in the currency of the account: plain digits, with a sign or code of the currency if somebody likes."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise WrongSetting("must be an amount in the account's currency, such as 5 or 0.50, with a point for cents")
    return Decimal(found[1].replace(",", ""))


def yes_or_no(text: str) -> bool:
    """A switch."""
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise WrongSetting("must be 1 or 0")
    return text.lower() in ("1", "true", "yes", "on")


def comma_separated(text: str) -> tuple[str, ...]:
    """Texts separated by commas."""
    found = tuple(word.strip() for word in text.split(","))
    if not all(found):
        raise WrongSetting("must be a list separated by commas, without empty places")
    return found
