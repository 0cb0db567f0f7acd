"""Phone numbers: the E.164 form of what people write, and a key that is the same for every spelling of one phone.

Source: the numbering plans of libphonenumber (the package phonenumbers), loaded when the first number is read, and
ITU-T E.164 for the lengths.
"""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import category

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_REMEMBERED: Final = 16_384  # numbers; a campaign has up to 20,000 contacts

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS = re.compile(r"\+?[0-9]{3,17}")
_PUNCTUATION = frozenset("()[].-/\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u00b7")
_PLUS = frozenset("+\uff0b\ufe62")
_FLOAT = re.compile(r"[.,]0+$")  # a spreadsheet's 61411111111.0: the 0 is no digit of the number
_SHORT_TAIL = re.compile(r"/[^0-9]*(?:[0-9][^0-9]*){0,3}$")  # 123456/57 is two numbers, 30/123456 is one


def plain(text: str) -> str | None:
    """A number as digits, with + in front if it had one; None for what is no phone number.

    Blanks, brackets, dots, slashes, dashes and invisible characters are taken out, digits of other scripts translated.
    """
    if _DIGITS.fullmatch(text):
        return text
    text = "".join(character for character in text if category(character) not in ("Cf", "Cc") or character.isspace())
    text = text.strip()
    if _FLOAT.search(text) or text.count("/") > 1 or _SHORT_TAIL.search(text):
        return None
    digits = "".join(map(_plain, text))
    return digits if _DIGITS.fullmatch(digits) else None


def _plain(character: str) -> str:
    if character.isdecimal():
        return str(int(character))
    if character in _PLUS:
        return "+"
    return "" if character.isspace() or character in _PUNCTUATION else character


@lru_cache(_REMEMBERED)
def e164(text: str, country: str | None = None) -> str | None:
    """The E.164 form of a number; None where it has none.

    International numbers may begin with + or 00, and have the trunk prefix that is not dialled after a country code:
    +44 (0)7700 900123 is +447700900123, while the 0 of +39 06 stays. `country`: 2 capital letters; with it a national
    number is read as that country's.
    """
    number = plain(text)
    if number is None:
        return None
    parsed = _as_dialled_in(number, country) if country and not number.startswith("+") else None
    if parsed is None and number.startswith("00"):
        number = f"+{number[2:]}"
    if number.startswith("+"):
        parsed = _parsed(number) if _may_have_trunk_prefix(number) else None
    found = number if parsed is None else _formatted(parsed)
    return found if _E164.fullmatch(found) else None


@lru_cache(_REMEMBERED)
def phone_key(number: str) -> str:
    """The same text for every spelling under which one phone is dialled; for comparing, never for sending.

    Beside what `e164` makes equal: Argentina with and without the 9 of mobiles, Brazil with and without the ninth
    digit, Mexico with and without the 1 of mobiles. What is no phone number is its own key.
    """
    found = e164(number) or number
    if match := re.fullmatch(r"\+549([0-9]{10})", found):  # mobiles and landlines share one plan
        return f"+54{match[1]}"
    if match := re.fullmatch(r"\+55([0-9]{2})([6-9][0-9]{7})", found):  # mobiles begin with 6 to 9
        return f"+55{match[1]}9{match[2]}"
    if match := re.fullmatch(r"\+521([0-9]{10})", found):
        return f"+52{match[1]}"
    return found


def dialled_forms(number: str) -> set[str]:
    """Every form in which one phone is dialled: with a trunk 0, and without the digits that only mobiles have."""
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
    """Whether an international number may hold digits that are not dialled; parsing it takes ten times as long."""
    for end in (2, 3, 4):  # a country code has 1 to 3 digits, and none begins with another
        prefix = _trunk_prefix(int(number[1:end] or 0))
        if prefix is not None:
            return prefix.match(number, end) is not None
    return True


@cache  # of at most a thousand codes
def _trunk_prefix(country_code: int) -> re.Pattern[str] | None:
    """What the plan of a country code takes away before a national number; None where the code is no country's."""
    import phonenumbers

    region = phonenumbers.region_code_for_country_code(country_code)
    if region == phonenumbers.UNKNOWN_REGION:
        return None
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(country_code, region)
    return re.compile((metadata and metadata.national_prefix_for_parsing) or "(?!)")


def _parsed(number: str, country: str | None = None) -> "PhoneNumber | None":
    """A number by its country's plan, without a trunk prefix; None where no plan can tell."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    # What the plan cannot make a number of stays as it was written.
    return parsed if country or _formatted(parsed) == number or _is_possible(parsed) else None


def _as_dialled_in(number: str, country: str) -> "PhoneNumber | None":
    """A number as it is dialled in a country: national, or with that country's own prefix for calls abroad."""
    import phonenumbers

    if number.startswith("00") and (parsed := _parsed(f"+{number[2:]}")) and phonenumbers.is_valid_number(parsed):
        return parsed
    parsed = _parsed(number, country)
    # A number without its area code, which is dialled in one town alone, would be another's abroad.
    reason = None if parsed is None else phonenumbers.is_possible_number_with_reason(parsed)
    return parsed if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


def _is_possible(parsed: "PhoneNumber") -> bool:
    import phonenumbers

    return phonenumbers.is_possible_number(parsed)


def _formatted(parsed: "PhoneNumber") -> str:
    import phonenumbers

    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
