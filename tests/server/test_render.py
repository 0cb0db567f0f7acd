"""The data of an envelope: ClickSend's whole answer, compact, and of bounded size."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.inputs import GOOD
from support.scripted import envelope, good, says, scripted

from schemas.base import Arguments
from server.calls.dispatch import Dispatcher
from server.calls.render import render
from tools.action import Action
from tools.answer import Answer
from tools.catalog import catalog

DEFAULT = 20_000
ACCOUNT = catalog()["CLICKSEND_GET_ACCOUNT"]
SEND = catalog()["CLICKSEND_CREATE_SMS_SEND"]


def rendered(answer: Mapping[str, Any], action: Action = ACCOUNT, tokens: int = DEFAULT, **arguments: Any) -> str:
    return render(Answer(answer), action, valid(action, **arguments), tokens)


def valid(action: Action, **arguments: Any) -> Arguments:
    return action.input.model_validate(GOOD[action.slug] | arguments)


def shortened(text: str, to: int) -> str:
    return f"{text[:to]} ... ({len(text) - to} more characters)"


def weight(text: str) -> float:
    """Tokens of a text inside the JSON of a tool result, at the three bytes that the ceiling reckons with."""
    return len(json.dumps(text, ensure_ascii=False).encode()) / 3


# --- the whole answer ----------------------------------------------------------------------------


def test_data_is_the_whole_answer_without_a_needless_character() -> None:
    whole = envelope({"a": [1, 2.5, None, True], "text": 'Grüße 👋 "x"\n'})
    assert rendered(whole) == json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    assert rendered({}) == ""
    assert render(None, ACCOUNT, valid(ACCOUNT), DEFAULT) == ""


def test_below_the_ceiling_nothing_is_touched() -> None:
    rows = [{"message_id": str(n), "status": "Sent", "body": "x" * 2_500} for n in range(15)]
    page = envelope({"total": 15, "data": rows})
    shown = json.loads(rendered(page, catalog()["CLICKSEND_GET_SMS_HISTORY"]))
    assert shown.pop("_untrusted").startswith("body where direction is in")
    assert shown == page


LISTS = catalog()["CLICKSEND_GET_LISTS"]
ROW = st.dictionaries(st.sampled_from("abc"), st.sampled_from([None, None, 0, "", "x"]))


@given(st.lists(ROW | st.none(), max_size=4))
def test_what_is_null_in_every_row_is_named_once_and_nothing_is_lost(rows: list[dict[str, Any] | None]) -> None:
    shown = json.loads(rendered(envelope({"total": 4, "data": rows}), LISTS))
    names = shown["data"].pop("_always_null", [])
    for row in shown["data"]["data"]:
        if row is not None:
            assert row.keys().isdisjoint(names)
            row |= dict.fromkeys(names)
    assert shown == envelope({"total": 4, "data": rows})


def test_a_page_names_its_empty_fields_once() -> None:
    rows = [{"id": n, "fax": None, "email": None if n else "ana@example.com"} for n in range(3)]
    page = json.loads(rendered(envelope({"data": rows}), LISTS))["data"]
    assert page["_always_null"] == ["fax"]
    assert page["data"][1:] == [{"id": 1, "email": None}, {"id": 2, "email": None}]


# --- the ceiling ---------------------------------------------------------------------------------

TOTAL = 230


def page_of(rows: int, limit: int, page: int, size: int) -> dict[str, Any]:
    """A page as ClickSend gives it out, of rows that look like those of the history."""
    every = [{"message_id": n, "status": "Sent", "body": "x" * size} for n in range(rows)]
    some = every[(page - 1) * limit : page * limit]
    return envelope(
        {"total": rows, "per_page": limit, "current_page": page, "last_page": -(-rows // limit), "data": some}
    )


@dataclass(frozen=True)
class Pages:
    """A page that is asked for first, and the size of a row."""

    slug: str
    limit: int
    size: int
    tokens: int = 1_500

    @property
    def id(self) -> str:
        return f"{self.slug} {self.limit} rows of {self.size}"


PAGES = (
    Pages("CLICKSEND_GET_SMS_HISTORY", 100, 900, tokens=20_000),
    Pages("CLICKSEND_GET_SMS_HISTORY", 100, 5_000, tokens=20_000),
    Pages("CLICKSEND_GET_SMS_HISTORY", 10, 500),
    Pages("CLICKSEND_GET_SMS_HISTORY", 100, 90),
    Pages("CLICKSEND_GET_SMS_HISTORY", 100, 400),
    Pages("CLICKSEND_GET_SMS_HISTORY", 100, 2_000),
    Pages("CLICKSEND_GET_SMS_HISTORY", 97, 120),
    Pages("CLICKSEND_GET_SMS_HISTORY", 48, 300),
    Pages("CLICKSEND_GET_SMS_HISTORY", 15, 500),
    Pages("CLICKSEND_GET_LISTS_CONTACTS", 60, 200),
    Pages("CLICKSEND_GET_SMS_CAMPAIGNS3", 100, 90),
    Pages("CLICKSEND_GET_SMS_CAMPAIGNS3", 60, 120),
)


@pytest.mark.parametrize("case", PAGES, ids=lambda case: case.id)
def test_following_the_advice_of_a_shortened_page_yields_every_row_once(case: Pages) -> None:
    action, limit, page, seen = catalog()[case.slug], case.limit, 1, []
    for _ in range(TOTAL + 1):
        text = rendered(page_of(TOTAL, limit, page, case.size), action, case.tokens, limit=limit, page=page)
        assert weight(text) <= case.tokens
        shown = json.loads(text)
        assert shown["data"]["total"] == TOTAL
        assert all(row["body"].startswith("x" * 20) for row in shown["data"]["data"])
        seen += [row["message_id"] for row in shown["data"]["data"]]
        if "_left_out" in shown:
            advice = re.fullmatch(
                r"(\d+) of (\d+) rows of this page; go on with limit (\d+), page (\d+)", shown["_left_out"]
            )
            assert advice
            left, rows, limit, page = map(int, advice.groups())
            assert limit >= 15 or case.limit < 15
            assert rows - left == len(shown["data"]["data"])
        else:
            page += 1
        if len(seen) >= TOTAL:
            break
    assert seen == list(range(TOTAL))


def test_a_page_in_the_middle_goes_on_where_it_was_cut() -> None:
    history = catalog()["CLICKSEND_GET_SMS_HISTORY"]
    shown = json.loads(rendered(page_of(TOTAL, 50, 3, 400), history, 1_500, limit=50, page=3))
    advice = re.search(r"limit (\d+), page (\d+)", shown["_left_out"])
    assert advice
    limit, page = map(int, advice.groups())
    assert shown["data"]["data"][-1]["message_id"] + 1 == limit * (page - 1)
    assert shown["data"]["data"][0]["message_id"] == 100


def sent(total: int, refused: int) -> dict[str, Any]:
    """The answer to a large send of which the first are refused."""
    rows = [
        {"to": f"+614{n:08}", "body": "Parcel 17 is ready, thank you", "message_id": f"{n:036}", "message_parts": 1,
         "message_price": "0.0792", "custom_string": f"order-{n}", "carrier": "Optus",
         "status": "INVALID_RECIPIENT" if n < refused else "SUCCESS"}
        for n in range(total)
    ]  # fmt: skip
    return envelope({"total_price": 76.03, "total_count": total, "queued_count": total - refused, "messages": rows})


def test_a_large_send_keeps_everything_that_was_refused() -> None:
    text = rendered(sent(1000, 40), SEND)
    shown = json.loads(text)
    rows = shown["data"]["messages"]
    assert [row for row in rows if row["status"] != "SUCCESS"] == sent(40, 40)["data"]["messages"]
    assert weight(text) <= DEFAULT
    assert (shown["data"]["total_count"], shown["data"]["queued_count"]) == (1000, 960)
    left = 1000 - len(rows)
    assert 0 < left < 1000
    assert shown["_left_out"].startswith(f"{left} of 1000")
    assert "CLICKSEND_GET_SMS_HISTORY" in shown["_left_out"]


def test_a_thousand_refused_all_stay_in_short() -> None:
    rows = json.loads(rendered(sent(1000, 1000), SEND))["data"]["messages"]
    assert rows == [
        {"to": f"+614{n:08}", "status": "INVALID_RECIPIENT", "custom_string": f"order-{n}"} for n in range(1000)
    ]


def test_a_thousand_refused_with_long_references_all_stay_slim() -> None:
    answer = sent(1000, 1000)
    for row in answer["data"]["messages"]:
        row["custom_string"] = row["custom_string"].ljust(300, "c")
    rows = json.loads(rendered(answer, SEND))["data"]["messages"]
    assert [row["to"] for row in rows] == [f"+614{n:08}" for n in range(1000)]
    assert {row["status"] for row in rows} == {"INVALID_RECIPIENT"}
    assert all(row["custom_string"].startswith(f"order-{n}c") for n, row in enumerate(rows))
    assert max(len(json.dumps(row)) for row in rows) < 150


@pytest.mark.parametrize("hidden", ["", "\u200b" * 20], ids=["plain", "with unseen characters"])
@pytest.mark.parametrize("total", [400, 401, 1000])
def test_a_long_list_is_whole_exactly_as_long_as_it_fits(total: int, hidden: str) -> None:
    answer = sent(total, 0)
    whole = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    for row in answer["data"]["messages"]:
        row["body"] += hidden
    fits = -(-(len(whole) + whole.count('"')) // 3)
    assert rendered(answer, SEND, fits) == whole
    assert "_left_out" in json.loads(rendered(answer, SEND, fits - 1))


def test_a_giant_text_is_cut_and_says_by_how_much() -> None:
    text = rendered(envelope({"account_name": "x" * 500_000, "balance": "1.00"}))
    assert json.loads(text)["data"] == {
        "account_name": shortened("x" * 500_000, 2_000),
        "balance": "1.00",
    }


@pytest.mark.parametrize(
    ("budget", "longest"), [(20_000, 2_000), (5_000, 500), (1_000, 100), (400, 20)], ids=lambda number: str(number)
)
def test_texts_are_cut_shorter_and_shorter_until_the_whole_fits(budget: int, longest: int) -> None:
    fields = {f"custom_{n}": "x" * 10_000 for n in range(10)}
    text = rendered(envelope(fields), tokens=budget)
    assert weight(text) <= budget
    assert json.loads(text) == envelope({name: shortened(value, longest) for name, value in fields.items()})


def test_a_page_whose_texts_can_be_cut_needs_no_advice() -> None:
    shown = json.loads(rendered(page_of(7, 15, 1, 5_000), catalog()["CLICKSEND_GET_LISTS"], 1_000))
    assert [row["body"] for row in shown["data"]["data"]] == [shortened("x" * 5_000, 100)] * 7
    assert "_left_out" not in shown


@pytest.mark.parametrize(
    ("limit", "page", "following"), [(97, 1, "limit 15, page 1"), (97, 2, "limit 15, page 7"), (100, 3, "page 14")]
)
def test_a_page_of_which_nothing_can_be_shown_says_what_to_ask_for(limit: int, page: int, following: str) -> None:
    rows = [{f"field_{name}": n for name in range(40)} for n in range(limit)]
    shown = json.loads(
        rendered(envelope({"data": rows}), catalog()["CLICKSEND_GET_LISTS"], 1_000, limit=limit, page=page)
    )
    assert list(shown) == ["_left_out"]
    assert shown["_left_out"].startswith("everything, the answer is too large to show; ask for limit 15, page ")
    assert following in shown["_left_out"]


TOO_MUCH = {
    "a giant object": {f"name_{n}": n for n in range(10_000)},
    "a giant object in data": {"data": {f"name_{n}": n for n in range(10_000)}},
    "two giant lists": {"data": {"messages": [{"to": str(n)} for n in range(9_999)], "others": list(range(20_000))}},
    "a giant list of lists": {"data": [[list(range(50_000))]]},
    "names like books": {"x" * 100_000: 1},
    "lists in lists": {"data": {"data": [[{"a": "y" * 50}] * 2_000] * 2}},
}


@pytest.mark.parametrize("slug", ["CLICKSEND_GET_ACCOUNT", "CLICKSEND_GET_LISTS", "CLICKSEND_CREATE_SMS_SEND"])
@pytest.mark.parametrize("answer", TOO_MUCH.values(), ids=TOO_MUCH)
def test_no_shape_of_an_answer_breaks_the_ceiling(answer: dict[str, Any], slug: str) -> None:
    text = rendered(answer, catalog()[slug])
    assert weight(text) <= DEFAULT
    assert "_left_out" in json.loads(text)


ELSEWHERE = {
    "CLICKSEND_CREATE_SMS_SEND": ("messages", "; CLICKSEND_GET_SMS_HISTORY has them all"),
    "CLICKSEND_SMS_PRICE_POST": ("messages", "; ask for fewer at a time"),
    "CLICKSEND_CREATE_MMS_SEND": ("messages", "; the ClickSend dashboard has them all"),
    "CLICKSEND_CREATE_POST_LETTERS_SEND": ("recipients", "; the ClickSend dashboard has them all"),
}


@pytest.mark.parametrize("refused", [0, 3])
@pytest.mark.parametrize("slug", ELSEWHERE)
def test_what_is_left_out_is_to_be_had_elsewhere(slug: str, refused: int) -> None:
    things, where = ELSEWHERE[slug]
    rows = sent(500, refused)["data"]["messages"]
    text = rendered(envelope({things: rows}), catalog()[slug], 2_000)
    shown = json.loads(text)
    assert weight(text) <= 2_000
    assert shown["_left_out"].startswith(f"{500 - len(shown['data'][things])} of 500 entries")
    assert shown["_left_out"].endswith(where)


def test_other_lists_say_how_many_were_left_out() -> None:
    days = [{"date": n, "outbound": {"count": n, "price": 0.1}} for n in range(500)]
    shown = json.loads(
        rendered(envelope({"total": 7, "stats": days}), catalog()["CLICKSEND_GET_STATISTICS_SMS"], 1_000)
    )
    kept = shown["data"]["stats"]
    assert kept == days[: len(kept)]
    assert shown["_left_out"].startswith(f"{500 - len(kept)} of 500")
    assert shown["data"]["total"] == 7


# --- anything at all -----------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(
    answer=st.dictionaries(st.text() | st.sampled_from(["data", "messages"]), JSON),
    slug=st.sampled_from(list(catalog())),
)
def test_any_answer_becomes_json_or_nothing(answer: dict[str, Any], slug: str) -> None:
    action = catalog()[slug]
    for tokens in (1, 1_000):
        text = render(Answer(answer), action, valid(action), tokens)
        assert text == "" if not answer else isinstance(json.loads(text), dict)
        text.encode()


@pytest.mark.anyio
async def test_the_ceiling_of_the_settings_is_the_one_that_counts() -> None:
    rows = {"total": 15, "data": [{"list_id": n, "list_name": "x" * 900} for n in range(15)]}
    async with (
        scripted(says(good(rows))) as upstream,
        Dispatcher(upstream.settings(max_result_tokens=1_000)) as dispatcher,
    ):
        result = await dispatcher.call(catalog()["CLICKSEND_GET_LISTS"], {})
    assert result.successful
    assert weight(result.data) <= 1_000
    assert json.loads(result.data)["data"]["data"][14] == {"list_id": 14, "list_name": shortened("x" * 900, 100)}
