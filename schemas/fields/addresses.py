"""Addresses: phone numbers, senders, countries and e-mail addresses."""

import re
from functools import cache
from typing import Annotated, Final
from unicodedata import category

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from schemas.absent import BlankIsAbsent, is_null_word
from schemas.phone import digits_of, e164
from schemas.problem import invalid

_LONGEST_NUMBER: Final = 60  # characters, separators included; our rule
_LONGEST_EMAIL: Final = 254  # characters; our rule: RFC 5321

_OWN_NUMBER = re.compile(r"\+?[0-9]{3,15}")  # our rule: short codes up to E.164
_OWN_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9+]{3,11}")  # documented for alpha tags
_COUNTRY_CODE = re.compile(r"[A-Z]{2}")  # documented; capitals: recorded
_NUMBERS_JOINED = re.compile(r"[0-9]\D*[,;|&\n]\D*[0-9]|\+.*\+|[0-9].*/.*[0-9]")  # our rule
_SPREADSHEET = re.compile(r"[0-9][.,]0+\s*$|[0-9]E\+?[0-9]+\s*$", re.IGNORECASE)  # our rule
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")  # our rule

# Countries without a numbering plan of their own, which libphonenumber does not list; letters go there too. Our rule.
_WITHOUT_A_PLAN: Final = frozenset({"AQ", "BV", "GS", "HM", "PN", "TF", "UM"})
_MEANT: Final = {"UK": "GB", "EN": "GB", "EL": "GR", "SP": "ES", "JA": "JP", "KO": "KR"}  # our rule


# --- phone numbers -----------------------------------------------------------------------------------


def phone_number(value: object, country: str | None = None, or_give: str | None = None) -> str:
    """The E.164 form of a number, however it is written.

    `country`: 2 capital letters; its national numbers are read too (documented). `or_give`: the field that could name
    that country. Raises the error of `invalid`, which says what is wrong with the number.
    """
    if not isinstance(value, str):
        raise invalid('must be text, such as "+61411111111"')
    number = e164(value, country) if len(value) <= _LONGEST_NUMBER else None
    if number is None:
        fault = _fault(value, country, or_give)
        raise invalid(f"must be an international number, such as +61411111111: {fault}")
    return number


def _fault(value: str, country: str | None, or_give: str | None) -> str:
    if len(value) > _LONGEST_NUMBER:
        return f"it has {len(value)} characters"
    number = digits_of(value)
    if number is None:
        return _fault_of_characters(value)
    if not number.startswith("+") and not number.startswith("00"):
        if country is not None:
            return f"it is not a number of {country}"
        return "it has no country code, so begin with + and that code" + (f", or give {or_give}" if or_give else "")
    if number.lstrip("+").startswith("0"):
        return "a country code does not begin with 0"
    return f"a number has 7 to 15 digits, not {len(number.lstrip('+'))}"


def _fault_of_characters(value: str) -> str:
    if not any(character.isalnum() for character in value):
        return "it has no digits"
    if _SPREADSHEET.search(value):
        return "it is written as spreadsheets write amounts, so write out its digits"
    if any(category(character).startswith("L") for character in value):
        return "it holds letters"
    if _NUMBERS_JOINED.search(value):
        return "it holds several numbers, and one goes here"
    return f"a number has 7 to 15 digits, not {sum(character.isdecimal() for character in value)}"


def _number_beside(field: str) -> BeforeValidator:
    """For a number that may be national if `field`, which must be declared before it, names a country."""

    def check(value: object, info: ValidationInfo) -> str:
        return phone_number(value, (info.data or {}).get(field), or_give=field)

    return BeforeValidator(check)


ContactNumber = Annotated[str, _number_beside("address_country"), BlankIsAbsent()]
Recipient = Annotated[str, _number_beside("country"), Field(description="E.164, e.g. +61411111111")]


def _sender(value: str) -> str:
    """An own number or a business name: documented. A word for null is refused: our rule."""
    if is_null_word(value):
        raise invalid(
            f'is "{value.strip()}", which programs write for nothing: leave it out to send from the shared number'
        )
    number = digits_of(value) if len(value) <= _LONGEST_NUMBER else None
    if number is not None and _OWN_NUMBER.fullmatch(number):
        return (number.startswith(("+", "00")) and e164(number)) or number
    if not _OWN_NAME.fullmatch(value):
        raise invalid(
            "must be a number of yours, or a name of 3 to 11 characters without spaces: "
            "A-Z, a-z, 0-9 and +, at least one letter"
        )
    return value


Sender = Annotated[
    str,
    AfterValidator(_sender),
    BlankIsAbsent(),
    Field(description="Own number, or name of 3-11 letters and digits"),
]


# --- countries and e-mail ----------------------------------------------------------------------------


def country_problem(code: str) -> str | None:
    """Why a text is not a country code, as a sentence that begins with its name; None if it is one."""
    if not _COUNTRY_CODE.fullmatch(code):
        return "must be a country code of 2 capital letters, such as AU"
    if code not in _countries():
        meant = f"; did you mean {_MEANT[code]}?" if code in _MEANT else ""
        return f"must be a country code, and no country has {code}{meant}"
    return None


def _country(value: str) -> str:
    if (problem := country_problem(value)) is not None:
        raise invalid(problem)
    return value


@cache
def _countries() -> frozenset[str]:
    import phonenumbers  # slow to import

    return frozenset(phonenumbers.SUPPORTED_REGIONS) | _WITHOUT_A_PLAN


Country = Annotated[str, AfterValidator(_country), BlankIsAbsent()]


def is_email_address(value: str) -> bool:
    """Whether a text has the form of an e-mail address."""
    return len(value) <= _LONGEST_EMAIL and _EMAIL.fullmatch(value) is not None


def _email(value: str) -> str:
    if not is_email_address(value):
        raise invalid("must be an e-mail address, such as ana@example.com")
    return value


Email = Annotated[str, AfterValidator(_email), BlankIsAbsent()]
