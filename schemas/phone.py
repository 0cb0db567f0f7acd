"""Phone numbers: the E.164 form of what people write, and one key for every spelling of one phone.

ClickSend documents E.164, and national numbers beside a country. What is forgiven beyond that is our rule, after
ITU-T E.164 and the numbering plans of libphonenumber (the package phonenumbers, loaded when the first number is read).
"""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import category

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_REMEMBERED: Final = 16_384  # numbers; our rule: a campaign has up to 20,000 contacts (documented)

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")  # documented as E.164; at least 7 digits: our rule
_DIGITS = re.compile(r"\+?[0-9]{3,17}")  # our rule: up to 15 in E.164, after a prefix of 00
_PUNCTUATION = frozenset("()[].-/\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u00b7")  # our rule
_PLUS = frozenset("+\uff0b\ufe62")  # our rule
_FLOAT = re.compile(r"[.,]0+$")  # our rule: the last 0 of a spreadsheet's 61411111111.0 is no digit
_SHORT_TAIL = re.compile(r"/[^0-9]*(?:[0-9][^0-9]*){0,3}$")  # our rule: 123456/57 is two numbers, 30/123456 is one


def digits_of(text: str) -> str | None:
    """A number reduced to ASCII digits, with + in front if it had one; None if it is no phone number.

    Blanks, brackets, dots, slashes, dashes and invisible characters are removed, digits of other scripts translated.
    """
    if _DIGITS.fullmatch(text):
        return text
    text = "".join(character for character in text if category(character) not in ("Cf", "Cc") or character.isspace())
    text = text.strip()
    if _FLOAT.search(text) or text.count("/") > 1 or _SHORT_TAIL.search(text):
        return None
    digits = "".join(map(_digit, text))
    return digits if _DIGITS.fullmatch(digits) else None


def _digit(character: str) -> str:
    if character.isdecimal():
        return str(int(character))
    if character in _PLUS:
        return "+"
    return "" if character.isspace() or character in _PUNCTUATION else character


@lru_cache(_REMEMBERED)
def e164(text: str, country: str | None = None) -> str | None:
    """The E.164 form of a number; None if it has none.

    International numbers may begin with + or 00. A trunk prefix, which is not dialled after a country code, is removed:
    +44 (0)7700 900123 is +447700900123, while +39 06 keeps its 0. `country`: 2 capital letters; with it a national
    number is read as one of that country.
    """
    number = digits_of(text)
    if number is None:
        return None
    parsed = _as_dialled_in(number, country) if country and not number.startswith("+") else None
    if parsed is None and number.startswith("00"):
        number = f"+{number[2:]}"
    if number.startswith("+"):
        parsed = _parsed(number) if _may_have_trunk_prefix(number) else None
    international = number if parsed is None else _formatted(parsed)
    return international if _E164.fullmatch(international) else None


@lru_cache(_REMEMBERED)
def phone_key(number: str) -> str:
    """One key for all numbers that reach one phone; for comparing, never for sending.

    Beyond what `e164` makes equal: Argentina with and without the 9 of mobiles, Brazil with and without the ninth
    digit, Mexico with and without the 1 of mobiles. A text that is no phone number is its own key.
    """
    international = e164(number) or number
    if match := re.fullmatch(r"\+549([0-9]{10})", international):  # mobiles and landlines share one plan
        return f"+54{match[1]}"
    if match := re.fullmatch(r"\+55([0-9]{2})([6-9][0-9]{7})", international):  # mobiles begin with 6 to 9
        return f"+55{match[1]}9{match[2]}"
    if match := re.fullmatch(r"\+521([0-9]{10})", international):
        return f"+52{match[1]}"
    return international


def dialled_forms(number: str) -> set[str]:
    """Every form in which one phone is dialled: with a trunk 0, and with and without the digit of mobiles."""
    import phonenumbers

    key = phone_key(number)
    forms = {number, e164(number) or number, key}
    if parsed := _parsed(key):
        region = str(phonenumbers.region_code_for_country_code(parsed.country_code or 0))
        if phonenumbers.ndd_prefix_for_region(region, True) == "0":
            forms.add(f"+{parsed.country_code}0{phonenumbers.national_significant_number(parsed)}")
    if match := re.fullmatch(r"\+54([0-9]{10})", key):
        forms.add(f"+549{match[1]}")
    elif match := re.fullmatch(r"\+55([0-9]{2})9([6-9][0-9]{7})", key):
        forms.add(f"+55{match[1]}{match[2]}")
    elif match := re.fullmatch(r"\+52([0-9]{10})", key):
        forms.add(f"+521{match[1]}")
    return forms


def _may_have_trunk_prefix(number: str) -> bool:
    """Whether a number may have a trunk prefix, so that it must be parsed, which takes ten times as long."""
    for end in (2, 3, 4):  # country codes have 1 to 3 digits and are prefix-free
        prefix = _trunk_prefix(int(number[1:end] or 0))
        if prefix is not None:
            return prefix.match(number, end) is not None
    return True


@cache  # of at most a thousand codes
def _trunk_prefix(country_code: int) -> re.Pattern[str] | None:
    """What the plan of a country code removes in front of a national number; None if no country has the code."""
    import phonenumbers

    region = phonenumbers.region_code_for_country_code(country_code)
    if region == phonenumbers.UNKNOWN_REGION:
        return None
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(country_code, region)
    return re.compile((metadata and metadata.national_prefix_for_parsing) or "(?!)")


def _parsed(number: str, country: str | None = None) -> "PhoneNumber | None":
    """A number parsed by its country's plan, which removes a trunk prefix; None if no plan fits."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    # A number that the plan does not recognize is not changed by it.
    return parsed if country or _formatted(parsed) == number or _is_possible(parsed) else None


def _as_dialled_in(number: str, country: str) -> "PhoneNumber | None":
    """A number as dialled in a country: national, or after that country's own international prefix."""
    import phonenumbers

    if number.startswith("00") and (parsed := _parsed(f"+{number[2:]}")) and phonenumbers.is_valid_number(parsed):
        return parsed
    parsed = _parsed(number, country)
    # A local number lacks its area code, and would reach somebody else from abroad.
    reason = None if parsed is None else phonenumbers.is_possible_number_with_reason(parsed)
    return parsed if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


def _is_possible(parsed: "PhoneNumber") -> bool:
    import phonenumbers

    return phonenumbers.is_possible_number(parsed)


def _formatted(parsed: "PhoneNumber") -> str:
    import phonenumbers

    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
