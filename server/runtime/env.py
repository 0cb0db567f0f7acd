"""Environment variables: parsers of their text. Each raises WrongSetting."""

import re
from collections.abc import Callable
from decimal import Decimal

# 1,000 is a thousand. 1,5 is ambiguous, so it is refused.
_AMOUNT = re.compile(
    r"(?:[A-Z]{3} ?|[A-Z]{0,2}[$\u20ac\u00a3\u00a5\u20b9] ?)?"
    r"([0-9]{1,9}(?:\.[0-9]{1,9})?|[0-9]{1,3}(?:,[0-9]{3}){1,2}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})"
    r"(?: ?[A-Z]{3}| ?[$\u20ac])?",
    re.IGNORECASE,
)


class WrongSetting(ValueError):
    """An invalid setting. The text completes a sentence that begins with its name."""


def plain_text(text: str) -> str:
    """Any text that UTF-8 can encode; an environment may hold other bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongSetting("must be UTF-8 text") from None
    return text


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of a whole number within bounds, both inclusive."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise WrongSetting(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return read


def seconds(text: str) -> float:
    """Seconds, more than 0 and at most ten minutes."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise WrongSetting("must be seconds, more than 0 and at most 600")
    return value


def amount(text: str) -> Decimal:
    """An amount in the account's currency, with or without a currency sign or code."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise WrongSetting("must be an amount in the account's currency, such as 5 or 0.50, with a point for cents")
    return Decimal(match[1].replace(",", ""))


def yes_or_no(text: str) -> bool:
    """A switch: 1, true, yes or on; 0, false, no or off."""
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise WrongSetting("must be 1 or 0")
    return text.lower() in ("1", "true", "yes", "on")


def comma_separated(text: str) -> tuple[str, ...]:
    """A list separated by commas, without empty items."""
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise WrongSetting("must be a list separated by commas, without empty places")
    return words
