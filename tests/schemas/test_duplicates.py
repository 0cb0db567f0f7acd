"""The same thing to the same person twice in one call is a slip, unless a reference makes it deliberate."""

from typing import Any

import pytest
from support.asking import LETTER, MMS, PRICE, SMS, address, message, mms, refusal, refused, request

import schemas.duplicates
from tools.catalog import catalog

MEANT = "keep one of them, or give each its own custom_string if all are meant"


def messages(*items: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(items)}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("+447700900123", "+447700900123"),
        ("+447700900123", "+44 07700 900123"),
        ("+447700900123", "+44 (0)7700 900123"),
        ("+447700900123", "0044 7700 900123"),
        ("+5491166773399", "+541166773399"),
        ("+5511987654321", "+551187654321"),
        ("+525512345678", "+5215512345678"),
    ],
)
def test_two_spellings_of_one_phone_are_duplicates(first: str, second: str) -> None:
    arguments = messages(message(to=first), message(), message(to=second))

    assert refusal(SMS, arguments) == f"messages[0,2] say the same to one phone: {MEANT}"


def test_a_national_and_an_international_number_are_duplicates() -> None:
    arguments = messages(message(to="0411 111 111", country="AU"), message(to="+61411111111"))

    assert refusal(SMS, arguments).startswith("messages[0-1] say the same to one phone")


def test_white_space_does_not_make_another_text() -> None:
    arguments = messages(message(body="Hi  there"), message(body="Hi there\r\n"))

    assert refusal(SMS, arguments).startswith("messages[0-1] say the same to one phone")


def test_each_group_is_named_with_its_positions() -> None:
    other = message(to="+61422222222")

    explanation = refusal(SMS, messages(message(), other, message(), other, message(body="Bye")))

    assert (
        explanation
        == f"messages[0,2] say the same to one phone: {MEANT}; messages[1,3] say the same to one phone: {MEANT}"
    )


@pytest.mark.parametrize(
    "second",
    [{"body": "Bye"}, {"to": "+61422222222"}, {"custom_string": "b"}, {"custom_string": "a2"}],
    ids=str,
)
def test_messages_that_differ_are_sent(second: dict[str, Any]) -> None:
    """By text, phone or reference."""
    arguments = messages(message(custom_string="a"), message(**{"custom_string": "a", **second}))

    assert len((request(SMS, arguments).body or {})["messages"]) == 2


def test_an_equal_reference_does_not_make_a_duplicate_deliberate() -> None:
    assert refusal(SMS, messages(message(custom_string="a"), message(custom_string="a"))).startswith("messages[0-1]")


def test_a_price_may_have_duplicates() -> None:
    """A price is free and sends nothing."""
    assert len((request(PRICE, messages(message(), message())).body or {})["messages"]) == 2


def test_an_mms_with_an_equal_subject_and_text_is_a_duplicate() -> None:
    first = mms()
    twice = {**first, "messages": first["messages"] * 2}
    other = {**first, "messages": [*first["messages"], message(subject="Other")]}

    assert refusal(MMS, twice) == f"messages[0-1] say the same to one phone: {MEANT}"
    assert request(MMS, other)


@pytest.mark.parametrize(
    "change", [{}, {"address_city": "PERTH "}, {"address_line_2": ""}, {"return_address_id": 6}], ids=str
)
def test_a_letter_to_an_equal_address_is_a_duplicate(change: dict[str, Any]) -> None:
    arguments = {"file_url": "https://example.com/a.pdf", "recipients": [address(), address(**change)]}

    assert refusal(LETTER, arguments) == f"recipients[0-1] go to the same address: {MEANT}"


@pytest.mark.parametrize(
    "change", [{"address_name": "Bo"}, {"address_line_2": "Flat 2"}, {"custom_string": "b"}], ids=str
)
def test_letters_to_two_people_are_sent(change: dict[str, Any]) -> None:
    arguments = {"file_url": "https://example.com/a.pdf", "recipients": [address(), address(**change)]}

    assert len((request(LETTER, arguments).body or {})["recipients"]) == 2


def test_each_of_a_thousand_messages_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work grows with the messages, not with their pairs."""
    keyed: list[str] = []
    key = schemas.duplicates.phone_key
    monkeypatch.setattr(schemas.duplicates, "phone_key", lambda number: (keyed.append(number), key(number))[1])

    catalog()[SMS].input.model_validate(messages(*(message(to=f"+614111{n:05}") for n in range(1000))))

    assert len(keyed) == 1000


def test_invalid_messages_are_named_before_duplicates() -> None:
    """Messages are compared once all of them are valid."""
    error = refused(SMS, messages(message(), message(), message(to="x")))

    assert error.error_count() == 1


def test_only_the_first_of_many_scattered_positions_are_named() -> None:
    """The refusal stays short."""
    other = message(body="Bye")

    explanation = refusal(SMS, messages(*(message() if n % 2 else other for n in range(1000))))

    assert explanation.startswith("messages[0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,...] say the same to one phone: ")
    assert len(explanation) < 400
