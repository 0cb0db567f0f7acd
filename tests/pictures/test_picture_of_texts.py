"""What a view gets to see of an answer: texts cut as they are charged, marked and matched; of odd answers, no fault."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.inputs.campaigns import PriceCampaign
from schemas.inputs.sms import PriceSms, SmsStatistics
from schemas.sms_length import MAX_PARTS, measure
from tools.answer import Answer
from tools.catalog import catalog
from tools.view import view_of

CURLY = "It\u2019s “ready” \u2013 see you…"


def price_of(*messages: dict[str, Any], rows: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """The picture of messages that ClickSend prices so."""
    asked = PriceSms.model_validate({"messages": messages})
    if rows is None:
        rows = [priced(message.to, message.body) for message in asked.messages]
    answer = {"data": {"messages": rows, "total_price": 0.5, "_currency": {"currency_name_short": "AUD"}}, **more}
    shown = view_of("messages", asked, Answer(answer))
    assert shown is not None
    json.dumps(shown)
    return shown


def priced(to: str, body: str, parts: int | None = None, price: str = "0.0792") -> dict[str, Any]:
    parts = measure(body).parts if parts is None else parts
    return {"to": to, "body": body, "message_parts": parts, "message_price": price, "status": "SUCCESS"}


def text_of(body: str) -> dict[str, Any]:
    (text,) = price_of({"to": "+61400550001", "body": body})["texts"]
    shown: dict[str, Any] = text
    return shown


def marked(text: dict[str, Any]) -> list[str]:
    return [run["text"] for part in text["parts"] for run in part if run.get("mark")]


def plainly(text: dict[str, Any]) -> list[str]:
    """The text of each part."""
    return ["".join(run["text"] for run in part) for part in text["parts"]]


@pytest.mark.parametrize(
    ("body", "lengths"),
    [
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 152 + "€" + "a" * 10, [152, 11]),  # two units, for which the first part has no room
        ("я" * 70, [70]),
        ("я" * 71, [67, 4]),
        ("👋" * 35, [35]),
        ("👋" * 36, [33, 3]),
    ],
)
def test_a_text_is_cut_where_a_part_is_full(body: str, lengths: list[int]) -> None:
    """A character of two units is never split."""
    text = text_of(body)
    assert [len(part) for part in plainly(text)] == lengths
    assert "".join(plainly(text)) == body
    assert text["part_count"] == len(lengths)


SENDABLE = st.text(st.sampled_from("ab €[\n\u2019—…я👋é"), min_size=1, max_size=400).filter(
    lambda text: bool(text.strip()) and measure(text).parts <= MAX_PARTS
)


@given(SENDABLE)
def test_whatever_the_text_its_parts_are_those_that_are_charged_and_nothing_is_lost(body: str) -> None:
    text = text_of(body)
    assert "".join(plainly(text)) == body
    assert len(text["parts"]) == text["part_count"] == measure(body).parts
    assert text["unicode"] is measure(body).unicode
    assert text["script"] or bool(marked(text)) is text["unicode"]
    assert text["units"] <= text["room"]
    assert text["could_be"] is None or text["could_be"] < text["part_count"]


def test_what_makes_a_text_unicode_is_marked_with_what_to_write_instead() -> None:
    text = text_of(CURLY)
    assert marked(text) == ["\u2019", "“", "”", "\u2013", "…"]
    assert {one["text"]: one["instead"] for one in text["foreign"]} == {
        "\u2019": "'",
        "“": '"',
        "”": '"',
        "\u2013": "-",
        "…": "...",
    }


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("\u00a0", " "),
        ("\u202f", " "),
        ("ç", "c"),
        ("e\u0301", "é"),  # as some keyboards write it
        ("™", "TM"),
        ("½", "1/2"),
        ("\u200b", ""),
        ("`", "'"),
        ("я", None),
        ("👋", None),
        ("❤\ufe0f", None),
        ("日", None),
    ],
)
def test_what_to_write_instead_is_said_where_it_is_obvious(written: str, instead: str | None) -> None:
    (one,) = text_of(f"a{written}b")["foreign"]
    assert one["instead"] == instead


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\u0007", "\U000e0041"])
def test_what_people_could_not_see_is_named_by_its_number(hidden: str) -> None:
    text = text_of(f"a {hidden}b")
    assert marked(text) == [f"U+{ord(hidden):04X}"]
    assert hidden not in json.dumps(text, ensure_ascii=False)


def test_a_text_in_a_script_of_its_own_is_not_marked_but_for_what_is_hidden_in_it() -> None:
    text = text_of("Привет, это “магазин”\u200b")
    assert (text["unicode"], text["script"], text["could_be"]) == (True, True, None)
    assert marked(text) == ["U+200B"]
    stray = text_of("Your p\u0430ssword")  # one Cyrillic letter
    assert (marked(stray), stray["script"]) == (["\u0430"], False)


def test_joined_emoji_stay_together() -> None:
    text = text_of("Hi 👩\u200d👧 ❤\ufe0f")
    assert [one["text"] for one in text["foreign"]] == ["👩\u200d👧", "❤\ufe0f"]


def test_it_is_said_how_many_parts_the_plainer_text_would_take() -> None:
    text = text_of(CURLY + "a" * 60)
    assert (text["part_count"], text["could_be"]) == (2, 1)
    assert text_of(CURLY)["could_be"] is None
    assert text_of(f"👋{CURLY}" + "a" * 60)["could_be"] is None


def test_messages_with_one_text_are_one_and_rows_may_come_in_any_order() -> None:
    to = [f"+6140055000{one}" for one in range(4)]
    asked = [{"to": one, "body": "same"} for one in to[:3]] + [{"to": to[3], "body": "other", "from": "Acme"}]
    rows = [priced(to[3], "other", price="0.2"), priced(to[1], "same"), priced(to[0], "same"), priced(to[2], "same")]
    same, other = price_of(*asked, rows=rows)["texts"]
    assert (same["count"], same["sum"], same["each"]) == (3, "0.2376", ["0.0792", "0.0792"])
    assert (other["count"], other["sum"], other["from"]) == (1, "0.2", "Acme")


def test_two_texts_to_one_recipient_are_told_apart_by_their_text() -> None:
    to = "+61400550001"
    rows = [priced(to, "second", price="2.0"), priced(to, "first", price="1.0")]
    first, second = price_of({"to": to, "body": "first"}, {"to": to, "body": "second"}, rows=rows)["texts"]
    assert (first["sum"], second["sum"]) == ("1.0", "2.0")


def test_messages_that_the_answer_does_not_mention_are_not_counted_as_accepted() -> None:
    asked = [{"to": f"+6140055000{one}", "body": "same"} for one in range(3)]
    shown = price_of(*asked, rows=[priced("+61400550000", "same")])
    assert (shown["messages"], shown["accepted"], shown["texts"][0]["sum"]) == (3, 1, None)


def test_the_refused_are_named_and_a_text_that_nobody_gets_comes_last() -> None:
    refused = {"to": "+61400990404", "body": "b", "status": "INVALID_RECIPIENT"}
    asked = [{"to": "+61400990404", "body": "b"}, {"to": "+61400550001", "body": "a"}]
    shown = price_of(*asked, rows=[refused, priced("+61400550001", "a")])
    assert (shown["refused"], shown["refused_count"]) == ([{"to": "+61400990404", "status": "INVALID_RECIPIENT"}], 1)
    assert [text["each"] for text in shown["texts"]] == [["0.0792", "0.0792"], []]
    assert [text["refused"] for text in shown["texts"]] == [False, True]


def test_who_is_refused_is_not_counted_among_those_who_get_a_text() -> None:
    to = ["+61400990404", "+61400550001", "+61400550002"]
    rows = [{"to": to[0], "body": "a", "status": "INVALID_RECIPIENT"}, *(priced(one, "a") for one in to[1:])]
    (text,) = price_of(*({"to": one, "body": "a"} for one in to), rows=rows)["texts"]
    assert (text["to"], text["count"], text["sum"]) == (to[1:], 2, "0.1584")


def test_many_texts_are_summarised() -> None:
    shown = price_of(*({"to": f"+6140055{one:04}", "body": f"No. {one}"} for one in range(1000)))
    assert shown["messages"] == 1000
    assert len(shown["texts"]) == 5
    assert shown["more"] == {"texts": 995, "messages": 995}
    assert len(json.dumps(shown)) < 5_000


def test_of_a_shortened_answer_no_sum_is_made_up() -> None:
    asked = [{"to": f"+6140055000{one}", "body": "same"} for one in range(3)]
    shown = price_of(*asked, rows=[priced("+61400550000", "sa ... (2 more characters)")], _left_out="2 of 3 entries")
    (text,) = shown["texts"]
    assert (text["sum"], text["each"], text["count"]) == (None, ["0.0792", "0.0792"], 3)
    assert (shown["left_out"], shown["total"], shown["accepted"]) == ("2 of 3 entries", "0.5", 3)


def test_where_clicksend_counts_otherwise_its_number_is_shown_and_our_cuts_are_not() -> None:
    (text,) = price_of({"to": "+61400550001", "body": "a" * 161}, rows=[priced("+61400550001", "a" * 161, parts=3)])[
        "texts"
    ]
    assert (text["part_count"], len(text["parts"])) == (3, 1)


def test_a_campaign_has_a_price_in_total_and_on_average() -> None:
    asked = PriceCampaign.model_validate({"list_id": 1, "name": "Spring", "body": "Hi (First Name)"})
    shown = view_of("campaign", asked, Answer({"data": {"total_count": 3, "total_price": "0.2500", "_currency": None}}))
    assert shown is not None
    (text,) = shown["texts"]
    assert (shown["campaign"], shown["total"], shown["currency"]) == ("Spring", "0.2500", "")
    assert (text["each"], text["average"], text["placeholders"], text["count"]) == (["0.0833"], True, True, 3)


def test_statistics_are_read_by_the_name_that_older_descriptions_have_too() -> None:
    day = {"date": 1764892800, "outbound": {"count": 2, "price": 0.1584}, "inbound": {"count": 1}}
    for name in ("stats", "stat"):
        shown = view_of("statistics", SmsStatistics(), Answer({"data": {"total": {}, name: [day]}}))
        assert shown is not None
        assert shown["days"] == [
            {
                "date": "2025-12-05",
                "outbound": {"count": 2, "price": "0.1584"},
                "inbound": {"count": 1, "price": None},
                "bounced": {"count": 0, "price": None},
            }
        ]


WORDS = st.sampled_from(
    [
        *("data", "messages", "stats", "total", "outbound", "count", "price", "date", "to", "body", "status"),
        *("message_price", "message_parts", "total_price", "total_count", "_currency", "currency_name_short"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("SUCCESS")
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=12)
MESSAGE = {"to": "+61400550001", "body": "a"}
ASKED = {
    "CLICKSEND_SMS_PRICE_POST": {"messages": [MESSAGE]},
    "CLICKSEND_GET_STATISTICS_SMS": {},
    "CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE": {"list_id": 1, "name": "n", "body": "a"},
}


@pytest.mark.parametrize("slug", [slug for slug, action in catalog().items() if action.view])
@given(data=st.dictionaries(WORDS, ANYTHING), note=ANYTHING)
def test_whatever_clicksend_answers_there_is_a_picture_or_none(slug: str, data: dict[str, Any], note: object) -> None:
    action = catalog()[slug]
    assert action.view is not None
    shown = view_of(action.view, action.input.model_validate(ASKED[slug]), Answer({"data": data, "_left_out": note}))
    json.dumps(shown)
