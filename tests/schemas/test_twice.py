"""The same thing to the same person twice in one call is a slip, unless a reference says that it is meant."""

from typing import Any

import pytest
from support.asking import LETTER, MMS, PRICE, SMS, address, message, mms, refusal, refused, request

import schemas.duplicates
from tools.catalog import catalog

MEANT = "keep one of them, or give each its own custom_string if all are meant"


def messages(*given: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(given)}


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
def test_one_phone_gets_a_text_once(first: str, second: str) -> None:
    """W7, D2, D3."""
    given = messages(message(to=first), message(), message(to=second))

    assert refusal(SMS, given) == f"messages[0,2] say the same to one phone: {MEANT}"


def test_a_national_and_an_international_spelling_are_one_phone() -> None:
    """D2, D4."""
    given = messages(message(to="0411 111 111", country="AU"), message(to="+61411111111"))

    assert refusal(SMS, given).startswith("messages[0-1] say the same to one phone")


def test_a_text_with_other_layout_is_the_same_text() -> None:
    """D2."""
    given = messages(message(body="Hi  there"), message(body="Hi there\r\n"))

    assert refusal(SMS, given).startswith("messages[0-1] say the same to one phone")


def test_each_group_is_told_with_its_positions() -> None:
    """D2."""
    other = message(to="+61422222222")

    told = refusal(SMS, messages(message(), other, message(), other, message(body="Bye")))

    assert told == f"messages[0,2] say the same to one phone: {MEANT}; messages[1,3] say the same to one phone: {MEANT}"


@pytest.mark.parametrize(
    "second",
    [{"body": "Bye"}, {"to": "+61422222222"}, {"custom_string": "b"}, {"custom_string": "a2"}],
    ids=str,
)
def test_what_differs_goes_out(second: dict[str, Any]) -> None:
    """D2: another text, another phone, or another reference."""
    given = messages(message(custom_string="a"), message(**{"custom_string": "a", **second}))

    assert len((request(SMS, given).body or {})["messages"]) == 2


def test_the_same_reference_does_not_say_that_it_is_meant() -> None:
    """D2."""
    assert refusal(SMS, messages(message(custom_string="a"), message(custom_string="a"))).startswith("messages[0-1]")


def test_the_price_of_the_same_twice_may_be_asked() -> None:
    """D2: asking costs nothing and sends nothing."""
    assert len((request(PRICE, messages(message(), message())).body or {})["messages"]) == 2


def test_nobody_gets_the_same_picture_message_twice() -> None:
    """D2."""
    first = mms()
    twice = {**first, "messages": first["messages"] * 2}
    other = {**first, "messages": [*first["messages"], message(subject="Other")]}

    assert refusal(MMS, twice) == f"messages[0-1] say the same to one phone: {MEANT}"
    assert request(MMS, other)


@pytest.mark.parametrize(
    "change", [{}, {"address_city": "PERTH "}, {"address_line_2": ""}, {"return_address_id": 6}], ids=str
)
def test_nobody_gets_the_same_letter_twice(change: dict[str, Any]) -> None:
    """D2."""
    given = {"file_url": "https://example.com/a.pdf", "recipients": [address(), address(**change)]}

    assert refusal(LETTER, given) == f"recipients[0-1] go to the same address: {MEANT}"


@pytest.mark.parametrize(
    "change", [{"address_name": "Bo"}, {"address_line_2": "Flat 2"}, {"custom_string": "b"}], ids=str
)
def test_two_letters_to_two_people_go_out(change: dict[str, Any]) -> None:
    """D2."""
    given = {"file_url": "https://example.com/a.pdf", "recipients": [address(), address(**change)]}

    assert len((request(LETTER, given).body or {})["recipients"]) == 2


def test_a_thousand_messages_are_each_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """D2: the work grows with the messages, not with their pairs."""
    keyed: list[str] = []
    key = schemas.duplicates.phone_key
    monkeypatch.setattr(schemas.duplicates, "phone_key", lambda number: (keyed.append(number), key(number))[1])

    catalog()[SMS].input.model_validate(messages(*(message(to=f"+614111{n:05}") for n in range(1000))))

    assert len(keyed) == 1000


def test_wrong_messages_are_told_before_repeated_ones() -> None:
    """D2: which messages are the same is told once all of them can be read."""
    error = refused(SMS, messages(message(), message(), message(to="x")))

    assert error.error_count() == 1


def test_of_many_scattered_positions_the_first_are_told() -> None:
    """D2: the refusal stays short."""
    other = message(body="Bye")

    told = refusal(SMS, messages(*(message() if n % 2 else other for n in range(1000))))

    assert told.startswith("messages[0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,...] say the same to one phone: ")
    assert len(told) < 400
