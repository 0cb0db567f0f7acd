"""ClickSend's answer: its readers cope with anything in it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.answer import Answer

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KNOWN = (
    "data",
    "messages",
    "recipients",
    "total_price",
    "_currency",
    "sms_campaign",
    "sms_campaign_id",
    "_total_count",
)
_DATA = st.dictionaries(st.sampled_from(_KNOWN), _JSON)


@given(data=_DATA | _JSON)
def test_an_answer_can_be_read_whatever_it_holds(data: Any) -> None:
    answer = Answer({"data": data})
    assert answer.rows is None or isinstance(answer.rows, list)
    assert answer.price is None or answer.price >= 0
    assert answer.currency is None or len(answer.currency) == 3
    assert answer.contacts is None or answer.contacts >= 0
    assert all(isinstance(number, str) and number for number in answer.ids)
    for name in ("messages", "recipients"):
        assert all(hasattr(item, "get") for item in answer.items(name) or [])


SEND = {"messages": [{"status": "SUCCESS", "message_id": "A-1"}, {"status": "INVALID_RECIPIENT", "message_id": "A-2"}]}


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (SEND | {"total_price": "0.0792"}, (Decimal("0.0792"), ["A-1"], None)),
        ({"sms_campaign": {"sms_campaign_id": 7, "_total_count": 3}}, (None, ["7"], 3)),
        ({"sms_campaign_id": 7, "sms_campaign": {"sms_campaign_id": 8}}, (None, ["7"], None)),
        ({"messages": [{"status": "SUCCESS", "message_id": "A-1"}, "no object"]}, (None, [], None)),
        ([SEND], (None, [], None)),
    ],
)
def test_price_ids_and_contacts_of_an_answer(data: Any, read: tuple[Decimal | None, list[str], int | None]) -> None:
    answer = Answer({"data": data})
    assert (answer.price, answer.ids, answer.contacts) == read


def test_notes_are_added_beside_what_clicksend_said_and_a_large_answer_stays_large() -> None:
    answer = Answer({"data": 1}, is_large=True).with_notes(_attempts="2")
    assert answer == Answer({"data": 1, "_attempts": "2"}, is_large=True)
