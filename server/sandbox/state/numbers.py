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
from functools import lru_cache
from unicodedata import category

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

UNKNOWN_COUNTRY = "ZZ"
_REMEMBERED = 65_536  # numbers: to read one takes 50 microseconds, and a campaign has up to 20,000

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

_PUNCTUATION = re.compile(r"[\s().\-\u2010-\u2015\u2212]")
_DIGITS = re.compile(r"\+?[0-9]{3,17}")
_FRACTION = re.compile(r"[^.]*\.0+")  # 61400000001.0, as spreadsheets write numbers: its last 0 is no digit of a phone


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


@lru_cache(_REMEMBERED)
def country_of(number: str) -> str:
    """The two-letter country of an E.164 number, "ZZ" when it belongs to none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return UNKNOWN_COUNTRY
    # Where countries share a code, a number that nobody has belongs to the largest of them.
    country = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    return country if is_country(country) else UNKNOWN_COUNTRY


def is_country(code: str) -> bool:
    """Whether this is a country with a numbering plan, in two capital letters."""
    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(_REMEMBERED)
def normalise(number: str, home: str) -> str | None:
    """The E.164 form of a number as people type it, by the numbering plans; None when it cannot be one.

    A number without a country code is read as one of the country `home`. It is taken as the number of another country,
    written without its +, only where it is too long or too short for one of `home`.
    """
    digits = _digits(number)
    if digits is None:
        return None
    if digits.startswith("+"):
        return _international(digits)
    if digits.startswith("00") and (found := _international(f"+{digits[2:]}")):
        return found
    national = _parsed(digits, home) if is_country(home) else None
    if national is not None:
        # The 0 in front says that it is meant as a national one.
        if phonenumbers.is_valid_number(national) or (digits.startswith("0") and _is_like_others(national)):
            return _formatted(national)
        if _is_like_others(national):
            return None
    abroad = _parsed(f"+{digits}")
    return _formatted(abroad) if abroad is not None and phonenumbers.is_valid_number(abroad) else None


def _digits(number: str) -> str | None:
    visible = "".join(character for character in number if character.isspace() or category(character)[0] != "C").strip()
    if _FRACTION.fullmatch(visible):
        return None
    digits = _PUNCTUATION.sub("", visible).replace("\uff0b", "+")
    digits = "".join(str(int(character)) if character.isdecimal() else character for character in digits)
    return digits if _DIGITS.fullmatch(digits) else None


def _parsed(number: str, country: str | None = None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None


def _international(number: str) -> str | None:
    parsed = _parsed(number)
    if parsed is None:
        return None
    return _formatted(parsed) if phonenumbers.is_valid_number(parsed) or _is_like_others(parsed) else None


def _is_like_others(number: PhoneNumber) -> bool:
    """Whether a number has the length of phones in its country, though perhaps nobody has it: as made-up ones are."""
    if _formatted(number).removeprefix(f"+{number.country_code}").startswith("0"):
        return False
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    possible = ValidationResult.IS_POSSIBLE
    return any(phonenumbers.is_possible_number_for_type_with_reason(number, kind) == possible for kind in kinds)


def _formatted(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


@lru_cache
def shared_number(country: str) -> str:
    """The number which messages to this country come from when the sender named none."""
    code = phonenumbers.country_code_for_region(country) or 1
    if found := _international(f"+{code}400000999"):
        return found
    example = phonenumbers.example_number_for_type(country if is_country(country) else "US", PhoneNumberType.MOBILE)
    return _formatted(example) if example else "+12015550123"


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
