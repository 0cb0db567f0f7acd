"""Phone numbers: their country, their E.164 form, and what becomes of a message sent to them.

A few endings provoke an outcome on purpose. They are six digits long, so that numbers counted up from a
round one never meet them by accident:

    ...990404  refused, INVALID_RECIPIENT
    ...990403  refused, COUNTRY_NOT_ENABLED
    ...990301  accepted, then fails for good: status code 301, error 12 (absent subscriber)
    ...990300  accepted, then a temporary failure: status code 300, error 16 (network error)
    ...990200  accepted and sent, but no receipt ever arrives

ClickSend's own free test numbers are accepted, cost nothing and never produce a receipt.
"""

import re
from enum import Enum, auto

COUNTRY_BY_PREFIX = {
    "+1": "US",
    "+27": "ZA",
    "+33": "FR",
    "+34": "ES",
    "+353": "IE",
    "+39": "IT",
    "+44": "GB",
    "+49": "DE",
    "+55": "BR",
    "+60": "MY",
    "+61": "AU",
    "+62": "ID",
    "+63": "PH",
    "+64": "NZ",
    "+65": "SG",
    "+81": "JP",
    "+852": "HK",
    "+86": "CN",
    "+91": "IN",
}
PREFIX_BY_COUNTRY = {country: prefix for prefix, country in COUNTRY_BY_PREFIX.items()}
UNKNOWN_COUNTRY = "ZZ"

TEST_NUMBERS = frozenset(
    {
        "+61411111111",
        "+61422222222",
        "+61433333333",
        "+61444444444",
        "+14055555555",
        "+14055555666",
        "+447777777777",
        "+8615555555555",
    }
)

_E164 = re.compile(r"\+[1-9]\d{7,14}")
_PUNCTUATION = re.compile(r"[ ().\-]")


class Outcome(Enum):
    """What the imitated network does with a number."""

    DELIVERED = auto()
    FREE = auto()  # one of the public test numbers
    FAILED = auto()
    TEMPORARY = auto()
    SILENT = auto()
    BLOCKED = auto()
    UNUSABLE = auto()


_ENDINGS = {
    "990404": Outcome.UNUSABLE,
    "990403": Outcome.BLOCKED,
    "990301": Outcome.FAILED,
    "990300": Outcome.TEMPORARY,
    "990200": Outcome.SILENT,
}


def outcome_of(number: str) -> Outcome:
    """What will become of a message to this E.164 number."""
    if number in TEST_NUMBERS:
        return Outcome.FREE
    return _ENDINGS.get(number[-6:], Outcome.DELIVERED)


def country_of(number: str) -> str:
    """The two-letter country of an E.164 number, "ZZ" when its prefix is not in the table."""
    for length in (4, 3, 2):
        if country := COUNTRY_BY_PREFIX.get(number[:length]):
            return country
    return UNKNOWN_COUNTRY


def normalise(number: str, home: str) -> str | None:
    """The E.164 form of a number as people type it, or None when it cannot be one.

    A number without a country code is read as one of the country `home`.
    """
    digits = _PUNCTUATION.sub("", number)
    if digits.startswith("0"):
        digits = PREFIX_BY_COUNTRY.get(home, "+") + digits[1:]
    elif home == "US" and len(digits) == 10 and digits.isdecimal():
        digits = "+1" + digits
    elif not digits.startswith("+"):
        digits = "+" + digits
    return digits if _E164.fullmatch(digits) else None


def shared_number(country: str) -> str:
    """The number which messages to this country come from when the sender named none."""
    return PREFIX_BY_COUNTRY.get(country, "+1") + "400000999"


def choose_sender(wanted: str, country: str) -> tuple[str, bool] | None:
    """The sender really used and whether it is a shared number; None for an impossible sender ID.

    As recorded from the live service, a number of another country gives way to a local one in silence.
    """
    if not wanted:
        return shared_number(country), True
    if number := normalise(wanted, country):
        return (number, False) if country_of(number) == country else (shared_number(country), True)
    if len(wanted) > 11 or any(character.isspace() for character in wanted):
        return None
    return wanted, False
