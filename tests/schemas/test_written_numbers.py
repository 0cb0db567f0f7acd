"""Numbers are sent as E.164, however people write them; a refusal says what is wrong with a number."""

from typing import Any

import pytest
from support.asking import CONTACT, MMS, NUMBER, PRICE, RULE, SMS, contact, mms, refusal, request, rule, sms

SPELLINGS = (
    "+61.411.111.111",
    "+61/411111111",
    "+61 411\u2212111\u2212111",
    "\u202a+61411111111\u202c",
    "\u2068+61411111111\u2069",
    "\ufeff+61411111111",
    "+61\u200b411\u00ad111111",
    "\uff0b61411111111",
    "+\u0666\u0661\u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
    "+61 (0)411 111 111",
    "+61 [0] 411 111 111",
    "+610411111111",
    "0061 411 111 111",
)


def sent_to(slug: str, arguments: dict[str, Any]) -> str:
    return str((request(slug, arguments).body or {})["messages"][0]["to"])


@pytest.mark.parametrize("written", SPELLINGS, ids=ascii)
def test_a_recipient_is_sent_as_e164(written: str) -> None:
    assert sent_to(SMS, sms(to=written)) == NUMBER
    assert sent_to(PRICE, sms(to=written)) == NUMBER
    assert sent_to(MMS, mms(to=written)) == NUMBER


@pytest.mark.parametrize("written", SPELLINGS, ids=ascii)
def test_every_other_number_is_sent_as_e164(written: str) -> None:
    """Of contacts and faxes, and the numbers of rules and senders."""
    assert request(CONTACT, {"list_id": 1, "phone_number": written, "fax_number": written}).body == {
        "phone_number": NUMBER,
        "fax_number": NUMBER,
    }
    received = request(RULE, rule(dedicated_number=written, action="SMS", action_address=written)).body or {}
    assert (received["dedicated_number"], received["action_address"]) == (NUMBER, NUMBER)
    assert request(SMS, sms(from_=written)) == request(SMS, sms(from_=NUMBER))


@pytest.mark.parametrize(
    ("written", "number"),
    [("+39 (0)6 1234 5678", "+390612345678"), ("+378 (0549) 886377", "+3780549886377"), ("+683 4002", "+6834002")],
)
def test_a_zero_that_is_part_of_the_number_is_sent(written: str, number: str) -> None:
    assert sent_to(SMS, sms(to=written)) == number
    assert request(CONTACT, {"list_id": 1, "fax_number": written}).body == {"fax_number": number}


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("0411 111 232", "AU", "+61411111232"),
        ("411111232", "AU", "+61411111232"),
        ("(415) 555-0132", "US", "+14155550132"),
        ("07700/900123", "GB", "+447700900123"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("+44 7700 900123", "AU", "+447700900123"),
        ("0011 44 7700 900123", "AU", "+447700900123"),
    ],
)
def test_a_national_number_belongs_to_the_country_beside_it(written: str, country: str, number: str) -> None:
    """Whichever of the two names comes first."""
    for arguments in ({"to": written, "country": country}, {"country": country, "to": written}):
        assert sent_to(SMS, {"messages": [{**arguments, "body": "Hi"}]}) == number
    assert sent_to(MMS, mms(to=written, country=country)) == number
    kept = request(CONTACT, {"list_id": 1, "phone_number": written, "address_country": country}).body or {}
    assert kept["phone_number"] == number


def test_a_national_fax_number_beside_an_invalid_field_breaks_nothing() -> None:
    """With an invalid field, the valid ones are parsed once more, each by itself."""
    arguments = {"list_id": 1, "fax_number": "(08) 9333 3333", "address_country": "AU", "email": "ana"}

    assert refusal(CONTACT, arguments) == "email must be an e-mail address, such as ana@example.com"


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("", "it has no digits"),
        ("\u200b \u202a", "it has no digits"),
        ("+*#", "it has no digits"),
        ("+1 800 FLOWERS", "it holds letters"),
        ("null", "it holds letters"),
        ("0411 111 232", "it has no country code, so begin with + and that code, or give country"),
        ("61411111111", "it has no country code, so begin with + and that code, or give country"),
        ("+0411111111", "a country code does not begin with 0"),
        ("+61411", "a number has 7 to 15 digits, not 5"),
        ("+61 411 111 111 111 111", "a number has 7 to 15 digits, not 17"),
        ("+61411111111, +61422222222", "it holds several numbers, and one goes here"),
        ("+61411111111;+61422222222", "it holds several numbers, and one goes here"),
        ("+61411111111/+61422222222", "it holds several numbers, and one goes here"),
        ("+49 30 123456/57", "it holds several numbers, and one goes here"),
        ("61411111111.0", "it is written as spreadsheets write amounts, so write out its digits"),
        ("6.14E+10", "it is written as spreadsheets write amounts, so write out its digits"),
        ("+" + "1 " * 200, "it has 401 characters"),
    ],
)
def test_a_refused_number_is_explained(written: str, fault: str) -> None:
    explanation = refusal(SMS, sms(to=written))

    assert explanation == f"messages[0].to must be an international number, such as +61411111111: {fault}"


def test_a_number_of_another_country_is_refused_as_such() -> None:
    for number in ("12345", "555-0132", "61411111111", "020 7946 0958"):  # the second lacks its area code
        assert refusal(SMS, sms(to=number, country="US")).endswith(": it is not a number of US")
        assert refusal(CONTACT, contact(phone_number=number, address_country="US")).endswith(" is not a number of US")
    assert refusal(CONTACT, contact(phone_number="0411 111 232")).endswith("or give address_country")
    assert refusal(RULE, rule(dedicated_number="0411 111 232")).endswith("begin with + and that code")


@pytest.mark.parametrize(("code", "meant"), [("UK", "; did you mean GB?"), ("EN", "; did you mean GB?"), ("XX", "")])
def test_a_country_that_does_not_exist_is_refused(code: str, meant: str) -> None:
    assert (
        refusal(SMS, sms(country=code))
        == f"messages[0].country must be a country code, and no country has {code}{meant}"
    )


@pytest.mark.parametrize("code", ["AU", "GB", "XK", "PN", "TF"])
def test_a_country_without_a_numbering_plan_is_accepted(code: str) -> None:
    """Letters go to Pitcairn too."""
    assert request(SMS, sms(country=code))
