"""The data of an envelope: whole and compact, without secrets and hidden characters, and of bounded size."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inputs import GOOD
from scripted import SECRET, USERNAME, answer, envelope, good, says, scripted

from schemas.base import Arguments
from server.dispatch import Dispatcher
from server.result import render, without_secrets, without_unseen
from server.settings import Credentials
from tools.action import Action
from tools.catalog import CATALOG

DEFAULT = 20_000
ACCOUNT = CATALOG["CLICKSEND_GET_ACCOUNT"]
SEND = CATALOG["CLICKSEND_CREATE_SMS_SEND"]


def rendered(answer: Mapping[str, Any], action: Action = ACCOUNT, tokens: int = DEFAULT, **arguments: Any) -> str:
    return render(answer, action, valid(action, **arguments), tokens)


def valid(action: Action, **arguments: Any) -> Arguments:
    return action.input.model_validate(GOOD[action.slug] | arguments)


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
    history = CATALOG["CLICKSEND_GET_SMS_HISTORY"]
    assert json.loads(rendered(page, history)) == page


# --- secrets -------------------------------------------------------------------------------------

NAMES = ("api_key", "apiKey", "API-KEY", "Api Key", "password", "Secret", "token", "access_token", "authToken",
         "Authorization")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_removed_at_any_depth(name: str) -> None:
    answer = {"data": {name: "x", "_subaccount": {name: "x", "id": 1}, "rows": [{name: {"a": 1}, "b": [[{name: 0}]]}]}}
    assert without_secrets(answer) == {"data": {"_subaccount": {"id": 1}, "rows": [{"b": [[{}]]}]}}


@pytest.mark.parametrize("name", ["api_username", "monkey", "tokens_left", "secretary", "setting_password_policy"])
def test_other_names_stay(name: str) -> None:
    assert without_secrets({name: 1}) == {name: 1}


@pytest.mark.anyio
@pytest.mark.parametrize("secret", [SECRET, 'pass"wörd\\with/all', "pa ss\twörd"], ids=["key", "quoted", "tab"])
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_the_secret_of_the_account_is_never_repeated(secret: str, status: int) -> None:
    credentials = Credentials(USERNAME, secret)
    basic = b64encode(f"{USERNAME}:{secret}".encode()).decode()
    echo = {"name": f"key {secret}!", secret: [secret], "inner": json.dumps({"k": secret}), "header": f"Basic {basic}"}
    message = f"Not {secret}"
    async with (
        scripted(says(answer(status, envelope(echo, status, "BAD_REQUEST", message)))) as upstream,
        Dispatcher(upstream.settings(credentials=credentials)) as dispatcher,
    ):
        result = await dispatcher.call(ACCOUNT, {})
    assert not result.successful
    told = result.model_dump_json()
    for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        assert form not in told
        assert form not in result.data
        assert form not in (result.error or "")
    assert basic not in told
    assert "[removed]" in result.data
    json.loads(result.data)


@pytest.mark.anyio
async def test_a_secret_so_short_that_words_contain_it_leaves_the_words_alone() -> None:
    async with (
        scripted(says(good({"fruit": "banana"}))) as upstream,
        Dispatcher(upstream.settings(credentials=Credentials("ana", "nan"))) as dispatcher,
    ):
        result = await dispatcher.call(ACCOUNT, {})
    assert json.loads(result.data)["data"] == {"fruit": "banana"}


# --- what cannot be seen -------------------------------------------------------------------------

EMOJI = {
    "family": "👨‍👩‍👧‍👦",
    "flag": "🇦🇺",
    "pirate flag": "🏴‍☠️",
    "keycap": "1️⃣ #️⃣ *️⃣",
    "skin tone": "👍🏽",
    "handshake": "🧑🏻‍🤝‍🧑🏿",
    "heart on fire": "❤️‍🔥",
    "heart": "❤️ ☎︎",
    "rainbow flag": "🏳️‍🌈",
    "Persian": "می‌خواهم",
    "Sinhala": "ශ්‍රී",
    "Hebrew": "שלום",
    "accents": "é ñ e\u0301",
    "Thai": "สวัสดี",
}


@pytest.mark.parametrize("text", EMOJI.values(), ids=EMOJI)
def test_what_people_really_write_stays(text: str) -> None:
    assert without_unseen(text) == text
    assert json.loads(rendered({"body": f"a {text} z"})) == {"body": f"a {text} z"}


HIDDEN = {
    "zero-width space": "a\u200bb",
    "byte order mark": "a\ufeffb",
    "word joiner": "a\u2060b",
    "soft hyphen": "a\u00adb",
    "right to left override": "a\u202eb",
    "isolates": "\u2066a\u2069b",
    "marks": "a\u200e\u200f\u061cb",
    "tags": "a" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all") + "b",
    "variation selectors of the supplement": "a" + "".join(map(chr, range(0xE0100, 0xE0140))) + "b",
    "joiners after ASCII": "a\u200d\u200cb",
    "run of joiners": "a" + "\u200d" * 40 + "b",
    "run of selectors": "a" + "\ufe0f" * 40 + "b",
    "selector after a letter": "a\ufe0fb",
    "low selectors": "a\ufe00\ufe05b",
    "lone surrogates": "a\ud800b\udfff",
    "Hangul filler": "a\u3164b",
    "Mongolian separator": "a\u180eb",
    "C1 controls": "a\x85\x9bb",
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_what_nobody_can_see_is_removed(text: str) -> None:
    assert without_unseen(text) == "ab"
    assert json.loads(rendered({"body": text})) == {"body": "ab"}


@pytest.mark.parametrize(
    "unit", ["\u200d", "\u200c", "\ufe0f", "\ufe0e", "\u200d\ufe0f", "\u200c\u200d", "\ufe0f\ufe0e"]
)
def test_a_long_run_of_joiners_after_an_emoji_shrinks_to_nothing_that_carries_a_message(unit: str) -> None:
    assert len(without_unseen("👍" + unit * 50 + "b")) <= 4


@given(st.text(alphabet="aש👍1\u200c\u200d\ufe0e\ufe0f\u20e3\u200b\u202e", max_size=12))
def test_removing_the_unseen_is_done_in_one_go(text: str) -> None:
    once = without_unseen(text)
    assert without_unseen(once) == once


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
    action, limit, page, seen = CATALOG[case.slug], case.limit, 1, []
    for _ in range(TOTAL + 1):
        text = rendered(page_of(TOTAL, limit, page, case.size), action, case.tokens, limit=limit, page=page)
        assert weight(text) <= case.tokens
        shown = json.loads(text)
        assert shown["data"]["total"] == TOTAL
        assert all(row["message_id"] is not None and row["body"] for row in shown["data"]["data"])
        seen += [row["message_id"] for row in shown["data"]["data"]]
        if "_left_out" in shown:
            advice = re.fullmatch(
                r"(\d+) of (\d+) rows of this page; go on with limit (\d+), page (\d+)", shown["_left_out"]
            )
            assert advice
            left, rows, limit, page = map(int, advice.groups())
            assert rows - left == len(shown["data"]["data"])
        else:
            page += 1
        if len(seen) >= TOTAL:
            break
    assert seen == list(range(TOTAL))


def test_a_page_in_the_middle_goes_on_where_it_was_cut() -> None:
    history = CATALOG["CLICKSEND_GET_SMS_HISTORY"]
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


def test_a_giant_text_is_cut_and_says_by_how_much() -> None:
    text = rendered(envelope({"account_name": "x" * 500_000, "balance": "1.00"}))
    assert json.loads(text)["data"] == {
        "account_name": "x" * 2_000 + " ... (498000 more characters)",
        "balance": "1.00",
    }


def test_other_lists_say_how_many_were_left_out() -> None:
    days = [{"date": n, "outbound": {"count": n, "price": 0.1}} for n in range(500)]
    shown = json.loads(rendered(envelope({"total": 7, "stats": days}), CATALOG["CLICKSEND_GET_STATISTICS_SMS"], 1_000))
    kept = shown["data"]["stats"]
    assert kept == days[: len(kept)]
    assert shown["_left_out"].startswith(f"{500 - len(kept)} of 500")
    assert shown["data"]["total"] == 7


# --- anything at all -----------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(
    answer=st.dictionaries(st.text() | st.sampled_from(["data", "messages"]), JSON), slug=st.sampled_from(list(CATALOG))
)
def test_any_answer_becomes_json_or_nothing(answer: dict[str, Any], slug: str) -> None:
    action = CATALOG[slug]
    for tokens in (1, 1_000):
        text = render(answer, action, valid(action), tokens)
        assert text == "" if not answer else isinstance(json.loads(text), dict)
        text.encode()


@pytest.mark.anyio
async def test_the_ceiling_of_the_settings_is_the_one_that_counts() -> None:
    rows = {"total": 15, "data": [{"list_id": n, "list_name": "x" * 900} for n in range(15)]}
    async with (
        scripted(says(good(rows))) as upstream,
        Dispatcher(upstream.settings(max_result_tokens=1_000)) as dispatcher,
    ):
        result = await dispatcher.call(CATALOG["CLICKSEND_GET_LISTS"], {})
    assert result.successful
    assert weight(result.data) <= 1_000
    assert "_left_out" in json.loads(result.data)
