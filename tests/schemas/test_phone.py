"""One phone has one form and one key, however its number is written."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.phone import digits_of, e164, phone_key


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+61411111111", "+61411111111"),
        ("+44 (0)7700 900123", "+447700900123"),
        ("+4407700900123", "+447700900123"),
        ("+49 (0) 30/123456", "+4930123456"),
        ("+90 0532 123 45 67", "+905321234567"),
        ("+36 06 30 123 4567", "+36301234567"),
        ("+7 8 912 345 67 89", "+79123456789"),
        ("0061 411 111 111", "+61411111111"),
        ("+1.415.555.0132", "+14155550132"),
        ("+33\u00a01\u202f23\u201145\u221267\u200b89", "+33123456789"),
        ("\u202a+61411111111\u202c", "+61411111111"),
        ("\ufeff+61 411\u00ad111111", "+61411111111"),
        ("\uff0b\uff16\uff11\uff14\uff11\uff11111111", "+61411111111"),
        ("+\u0669\u0667\u0661501234567", "+971501234567"),
        ("+683 4002", "+6834002"),
        ("+999123456789", "+999123456789"),  # no country has this code: ClickSend decides
    ],
)
def test_an_international_number_has_one_form(written: str, number: str) -> None:
    assert e164(written) == number


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+39 (0)6 1234 5678", "+390612345678"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+378 (0549) 886377", "+3780549886377"),
        ("+225 01 02 03 04 05", "+2250102030405"),
    ],
)
def test_a_zero_that_is_part_of_the_number_stays(written: str, number: str) -> None:
    """Italy, San Marino and Côte d'Ivoire have no trunk prefix."""
    assert e164(written) == number


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("0411 111 232", "AU", "+61411111232"),
        ("(415) 555-0132", "US", "+14155550132"),
        ("07700/900123", "GB", "+447700900123"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("011 61 411 111 232", "US", "+61411111232"),
        ("0011 61 411 111 232", "AU", "+61411111232"),
        ("0061 411 111 232", "AU", "+61411111232"),
        ("0044 20 7946 0958", "US", "+442079460958"),
    ],
)
def test_a_national_number_is_parsed_by_the_plan_of_its_country(written: str, country: str, number: str) -> None:
    """ClickSend documents `country` for this."""
    assert e164(written, country) == number


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("0411 111 232", None),
        ("12", "AU"),
        ("61411111111.0", None),
        ("+61411111111.0", None),
        ("+61411111111,00", "AU"),
        ("6.14E+10", None),
        ("+49 30 123456/57", None),
        ("+61411111111/+61422222222", None),
        ("+61411111111 / 0422222222 / 0433333333", "AU"),
        ("+1 800 FLOWERS", "US"),
        ("+61411111111 ext 5", "AU"),
        ("+1234567890123456", None),
        ("", "AU"),
        ("\u200b", None),
    ],
)
def test_a_text_that_is_no_number_has_no_form(written: str, country: str | None) -> None:
    assert e164(written, country) is None


@pytest.mark.parametrize(
    "spellings",
    [
        ("+5491166773399", "+541166773399", "+54 9 11 6677-3399"),
        ("+5511987654321", "+551187654321", "+55 (11) 8765-4321"),
        ("+525512345678", "+5215512345678", "+52 1 55 1234 5678"),
        ("+447700900123", "+4407700900123", "00447700900123"),
    ],
)
def test_every_spelling_of_a_phone_has_one_key(spellings: tuple[str, ...]) -> None:
    assert len(set(map(phone_key, spellings))) == 1


def test_other_phones_have_other_keys() -> None:
    numbers = (
        "+551132654321",  # a landline gets no ninth digit
        "+5511932654321",
        "+541166773399",
        "+541166773398",
        "+525512345678",
        "+525512345679",
        "+390612345678",
        "+39612345678",
    )

    assert len(set(map(phone_key, numbers))) == len(numbers)


def test_a_text_that_is_no_number_is_its_own_key() -> None:
    assert phone_key("ACME") == "ACME"
    assert digits_of("ACME") is None


CODES = st.sampled_from([*sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 21, 999])


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(CODES, st.sampled_from(["", "0", "00", "1", "8", "06", "01", "15"]), st.from_regex(r"\A[0-9]{3,11}\Z"))
def test_a_number_has_the_form_that_its_plan_gives_it(code: int, first: str, rest: str) -> None:
    """Also if it is not parsed, because its plan has no trunk prefix that could match."""
    number = f"+{code}{first}{rest}"
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return
    formatted = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if phonenumbers.is_possible_number(parsed) and 8 <= len(formatted) <= 16 and len(number) <= 18:
        assert e164(number) == formatted
