"""The field types of addresses: phone numbers, senders, countries, e-mail addresses and URLs."""

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Final
from unicodedata import category

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from schemas.base import invalid, is_nothing
from schemas.phone import e164, plain
from schemas.web import LONGEST_URL, ending, is_web_address, out_of_reach, page_instead_of_file

_LONGEST_NUMBER: Final = 60  # characters, with whatever stands between the digits
_LONGEST_EMAIL: Final = 254  # RFC 5321

_OWN_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_OWN_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9+]{3,11}")  # as ClickSend registers alpha tags
_COUNTRY_CODE = re.compile(r"[A-Z]{2}")
_NUMBERS_JOINED = re.compile(r"[0-9]\D*[,;|&\n]\D*[0-9]|\+.*\+|[0-9].*/.*[0-9]")
_SPREADSHEET = re.compile(r"[0-9][.,]0+\s*$|[0-9]E\+?[0-9]+\s*$", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

# Countries whose numbers belong to another country's plan, or that have none; letters go there all the same.
_WITHOUT_A_PLAN: Final = frozenset({"AQ", "BV", "GS", "HM", "PN", "TF", "UM"})
_MEANT: Final = {"UK": "GB", "EN": "GB", "EL": "GR", "SP": "ES", "JA": "JP", "KO": "KR"}


# --- phone numbers -----------------------------------------------------------------------------------


def phone_number(value: object, country: str | None = None, or_give: str | None = None) -> str:
    """The E.164 form of a number, however it is written; refuse what is none, and say what is wrong.

    `country`: whose national numbers are read. `or_give`: the field that could name that country.
    """
    if not isinstance(value, str):
        raise invalid('must be text, such as "+61411111111"')
    found = e164(value, country) if len(value) <= _LONGEST_NUMBER else None
    if found is None:
        wrong = _what_is_wrong(value, country, or_give)
        raise invalid(f"must be an international number, such as +61411111111: {wrong}")
    return found


def _what_is_wrong(value: str, country: str | None, or_give: str | None) -> str:
    if len(value) > _LONGEST_NUMBER:
        return f"it has {len(value)} characters"
    number = plain(value)
    if number is None:
        return _why_no_digits(value)
    if not number.startswith("+") and not number.startswith("00"):
        if country is not None:
            return f"it is not a number of {country}"
        return "it has no country code, so begin with + and that code" + (f", or give {or_give}" if or_give else "")
    if number.lstrip("+").startswith("0"):
        return "a country code does not begin with 0"
    return f"a number has 7 to 15 digits, not {len(number.lstrip('+'))}"


def _why_no_digits(value: str) -> str:
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
    """For a number that may be national where `field`, which is declared before it, names a country."""

    def check(value: object, info: ValidationInfo) -> str:
        return phone_number(value, (info.data or {}).get(field), or_give=field)

    return BeforeValidator(check)


ContactNumber = Annotated[str, _number_beside("address_country")]
Recipient = Annotated[str, _number_beside("country"), Field(description="E.164, e.g. +61411111111")]


def _sender(value: str) -> str:
    """A number, or a business name."""
    if is_nothing(value):
        raise invalid(
            f'is "{value.strip()}", which programs write for nothing: leave it out to send from the shared number'
        )
    number = plain(value) if len(value) <= _LONGEST_NUMBER else None
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
    Field(description="Own number, or name of 3-11 letters and digits"),
]


# --- countries and e-mail ----------------------------------------------------------------------------


def country_problem(code: str) -> str | None:
    """Why a text is no country's code, as a sentence that begins with its name; None if it is one."""
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
    import phonenumbers  # takes longer to load than all else here

    return frozenset(phonenumbers.SUPPORTED_REGIONS) | _WITHOUT_A_PLAN


Country = Annotated[str, AfterValidator(_country)]


def is_email_address(value: str) -> bool:
    """Whether a text has the form of an e-mail address."""
    return len(value) <= _LONGEST_EMAIL and _EMAIL.fullmatch(value) is not None


def _email(value: str) -> str:
    if not is_email_address(value):
        raise invalid("must be an e-mail address, such as ana@example.com")
    return value


Email = Annotated[str, AfterValidator(_email)]


# --- URLs --------------------------------------------------------------------------------------------


def _url(value: str) -> str:
    if len(value) > LONGEST_URL:
        raise invalid(f"has {len(value)} characters, and a URL of over {LONGEST_URL} is refused on its way")
    if not is_web_address(value):
        raise invalid("must be a public http or https URL, such as https://example.com/file")
    return value


def _fetched(value: str, info: ValidationInfo) -> str:
    reason = out_of_reach(value, info.context) or page_instead_of_file(value, info.context)
    if reason is not None:
        raise invalid(reason)
    return value


Url = Annotated[str, AfterValidator(_url)]
FileUrl = Annotated[Url, AfterValidator(_fetched)]  # of a file that ClickSend fetches

_OTHER_FILES: Final = frozenset(
    {
        *("avif", "heic", "heif", "svg", "tif", "tiff", "webp", "mov", "mp3", "mp4", "wav"),
        *("csv", "htm", "html", "json", "odt", "ppt", "pptx", "rtf", "txt", "xls", "xlsx", "zip"),
    }
)


def _of_kind(needed: str, converted: frozenset[str], refused: frozenset[str]) -> Callable[[str], str]:
    """Refuse a URL whose file is of another kind, as far as its name tells; `converted`: what ClickSend can turn."""

    def check(value: str) -> str:
        kind = ending(value)
        if kind in converted:
            raise invalid(f"must be a {needed}; a {kind} file has to be converted first through ClickSend's uploads")
        if kind in refused:
            raise invalid(f"must be a {needed}, not a {kind} file")
        return value

    return check


LetterUrl = Annotated[
    FileUrl,
    AfterValidator(_of_kind("PDF", frozenset({"doc", "docx", "jpg", "jpeg", "gif", "png", "bmp"}), _OTHER_FILES)),
    Field(description="Public URL of a PDF"),
]
PictureUrl = Annotated[
    FileUrl,
    AfterValidator(_of_kind("JPG or GIF", frozenset({"jpeg", "png", "bmp"}), _OTHER_FILES | {"doc", "docx", "pdf"})),
    Field(description="Public URL of a JPG or GIF, at most 250 kB"),
]
