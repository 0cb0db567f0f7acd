"""Phone numbers: their country, their E.164 form, and the outcome of a message to them.

Some endings provoke an outcome. They have six digits, so that counting up from a round number does not reach one by
accident:

    ...990404  refused, INVALID_RECIPIENT
    ...990403  refused, COUNTRY_NOT_ENABLED
    ...990301  accepted, then fails for good: status code 301, error 12 (absent subscriber)
    ...990300  accepted, then a temporary failure: status code 300, error 16 (network error)
    ...990200  accepted and sent, but no receipt ever arrives

ClickSend's own test numbers are accepted, cost nothing and never produce a receipt.
"""

import re
from enum import Enum, auto
from functools import lru_cache
from unicodedata import category

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

UNKNOWN_COUNTRY = "ZZ"
_CACHED_NUMBERS = 65_536  # parsing one takes 50 microseconds, and a campaign has up to 20,000

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
_FRACTION = re.compile(r"[^.]*\.0+")  # 61400000001.0, from a spreadsheet: the last 0 is not a digit of the phone number


class Outcome(Enum):
    """What the simulated network does with a message to a number."""

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
    """The outcome of a message to an E.164 number."""
    if number in TEST_NUMBERS:
        return Outcome.FREE
    return _ENDINGS.get(number[-6:], Outcome.DELIVERED)


@lru_cache(_CACHED_NUMBERS)
def country_of(number: str) -> str:
    """The two-letter country of an E.164 number; "ZZ" if it belongs to none."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return UNKNOWN_COUNTRY
    # Where countries share a calling code, an unassigned number counts for the largest of them.
    country = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    return country if is_country(country) else UNKNOWN_COUNTRY


def is_country(code: str) -> bool:
    """Whether a code is a country with a numbering plan, in two capital letters."""
    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(_CACHED_NUMBERS)
def normalise(number: str, home: str) -> str | None:
    """The E.164 form of a number as people type it; None if no numbering plan allows it.

    A number without a country code is national in `home`. Only if its length does not fit there is it read as an
    international number without its +.
    """
    digits = _digits(number)
    if digits is None:
        return None
    if digits.startswith("+"):
        return _international(digits)
    if digits.startswith("00") and (international := _international(f"+{digits[2:]}")):
        return international
    national = _parsed(digits, home) if is_country(home) else None
    if national is not None:
        # A leading 0 marks a national number.
        if phonenumbers.is_valid_number(national) or (digits.startswith("0") and _has_phone_length(national)):
            return _formatted(national)
        if _has_phone_length(national):
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
    return _formatted(parsed) if phonenumbers.is_valid_number(parsed) or _has_phone_length(parsed) else None


def _has_phone_length(number: PhoneNumber) -> bool:
    """Whether a number is as long as phone numbers of its country, assigned or made up."""
    if _formatted(number).removeprefix(f"+{number.country_code}").startswith("0"):
        return False
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    possible = ValidationResult.IS_POSSIBLE
    return any(phonenumbers.is_possible_number_for_type_with_reason(number, kind) == possible for kind in kinds)


def _formatted(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


@lru_cache
def shared_number(country: str) -> str:
    """The number that messages to this country come from if no sender is given."""
    code = phonenumbers.country_code_for_region(country) or 1
    if number := _international(f"+{code}400000999"):
        return number
    example = phonenumbers.example_number_for_type(country if is_country(country) else "US", PhoneNumberType.MOBILE)
    return _formatted(example) if example else "+12015550123"


def choose_sender(requested: str, country: str) -> tuple[str, bool] | None:
    """The sender actually used, and whether it is a shared number; None for an invalid sender ID.

    As recorded from the live service, a foreign number is silently replaced by a local one.
    """
    if not requested:
        return shared_number(country), True
    if number := normalise(requested, country):
        return (number, False) if country_of(number) == country else (shared_number(country), True)
    if len(requested) > 11 or any(character.isspace() for character in requested):
        return None
    return requested, False
