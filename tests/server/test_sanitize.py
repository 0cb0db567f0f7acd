"""Sanitizing and redaction: secrets and invisible characters do not reach the model."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.inputs import GOOD
from support.scripted import BASIC, SECRET, USERNAME, answer, envelope, good, refusal, says, scripted

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.calls.render import render
from server.clicksend.redact import REMOVED
from server.clicksend.sanitize import redact_fields, strip_invisible
from server.config.settings import Credentials
from tools.answer import Answer
from tools.catalog import catalog

ACCOUNT = catalog()["CLICKSEND_GET_ACCOUNT"]
SEND = catalog()["CLICKSEND_CREATE_SMS_SEND"]
DEFAULT = 20_000


def rendered(answer: dict[str, Any]) -> str:
    return render(Answer(answer), ACCOUNT, ACCOUNT.input(), DEFAULT)


async def account(said: bytes, credentials: Credentials | None = None) -> Envelope:
    """The envelope of a call for the account that is answered with this."""
    async with (
        scripted(says(said)) as upstream,
        Dispatcher(upstream.settings(credentials=credentials or Credentials(USERNAME, SECRET))) as dispatcher,
    ):
        return await dispatcher.call(ACCOUNT, {})


# --- secrets -------------------------------------------------------------------------------------

NAMES = ("api_key", "apiKey", "API-KEY", "Api Key", "password", "Secret", "token", "access_token", "authToken",
         "Authorization", "sub_api_key", "user_password", "X-Api-Key", "apiKeys", "api_keys", "client_secrets",
         "PASSWORDS", "refresh-token", "x\u200bapi_key")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_fields_that_hold_keys_are_removed_at_any_depth(name: str) -> None:
    answer = {"data": {name: "x", "_subaccount": {name: "x", "id": 1}, "rows": [{name: {"a": 1}, "b": [[{name: 0}]]}]}}
    parsed = json.loads(json.dumps(answer), object_hook=redact_fields)
    assert parsed == {"data": {"_subaccount": {"id": 1}, "rows": [{"b": [[{}]]}]}}


@pytest.mark.parametrize(
    "name",
    ["api_username", "monkey", "tokens_left", "secretary", "setting_password_policy", "keys", "apikey_id", "author"],
)
def test_other_names_stay(name: str) -> None:
    assert redact_fields({name: 1}) == {name: 1}


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
    text = result.model_dump_json()
    for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        assert form not in text
        assert form not in result.data
        assert form not in (result.error or "")
    assert basic not in text
    assert "[removed]" in result.data
    json.loads(result.data)


@pytest.mark.anyio
async def test_a_secret_short_enough_to_occur_in_words_is_not_redacted() -> None:
    async with (
        scripted(says(good({"fruit": "banana"}))) as upstream,
        Dispatcher(upstream.settings(credentials=Credentials("ana", "nan"))) as dispatcher,
    ):
        result = await dispatcher.call(ACCOUNT, {})
    assert json.loads(result.data)["data"] == {"fruit": "banana"}


FORMS = {
    "as it is": SECRET,
    "in lower case": SECRET.lower(),
    "in upper case": SECRET.upper(),
    "as a Basic header": f"Basic {BASIC}",
    "in a longer word": f"https://x.example/?key={SECRET}&b=1",
    "twice": f"{SECRET}{SECRET}",
}


@pytest.mark.anyio
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_the_secret_is_removed_in_every_encoding(form: str) -> None:
    text = (await account(good({"name": form, form: 1}))).model_dump_json().lower()
    assert SECRET.lower() not in text
    assert BASIC.lower() not in text
    assert REMOVED in text


@pytest.mark.anyio
async def test_the_secret_is_removed_where_json_escapes_it() -> None:
    secret = 'k/eé/of"ana\\12??????'
    basic = b64encode(f"{USERNAME}:{secret}".encode()).decode()
    assert "/" in basic
    for form in (secret, basic):
        for text in (json.dumps({"k": form}), json.dumps({"k": form}, ensure_ascii=False)):
            for raw in (text, text.replace("/", r"\/")):
                result = await account(answer(200, b'{"data":' + raw.encode() + b"}"), Credentials(USERNAME, secret))
                assert json.loads(result.data) == {"data": {"k": REMOVED}}, raw


@pytest.mark.anyio
@pytest.mark.parametrize("before", [*range(430, 500, 9), *range(1_960, 2_004, 5)])
async def test_the_secret_is_removed_before_text_is_truncated(before: int) -> None:
    code, message = "BAD_REQUEST", "m" * before + SECRET
    async with (
        scripted(says(answer(400, envelope("x" * 100_000, 400, code, message)))) as upstream,
        Dispatcher(upstream.settings()) as dispatcher,
    ):
        result = await dispatcher.call(SEND, GOOD[SEND.slug])
    text = (result.error or "") + result.data
    assert "mmm" in text
    for length in range(6, len(SECRET)):
        assert SECRET[:length] not in text


@pytest.mark.anyio
async def test_the_secret_in_the_status_of_a_refused_message_is_removed() -> None:
    rows = [{"to": SECRET, "status": f"{'x' * 50}{SECRET}"}]
    async with (
        scripted(says(good({"messages": rows}))) as upstream,
        Dispatcher(upstream.settings()) as dispatcher,
    ):
        result = await dispatcher.call(SEND, GOOD[SEND.slug])
    assert SECRET[:6] not in result.model_dump_json()
    assert REMOVED in (result.error or "")


# --- invisible characters ------------------------------------------------------------------------

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
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert strip_invisible(text) == text
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
def test_invisible_characters_are_removed(text: str) -> None:
    assert strip_invisible(text) == "ab"
    assert json.loads(rendered({"body": text})) == {"body": "ab"}


@pytest.mark.parametrize(
    "unit", ["\u200d", "\u200c", "\ufe0f", "\ufe0e", "\u200d\ufe0f", "\u200c\u200d", "\ufe0f\ufe0e"]
)
def test_a_long_run_of_joiners_after_an_emoji_shrinks_to_nothing_that_carries_a_message(unit: str) -> None:
    assert len(strip_invisible("👍" + unit * 50 + "b")) <= 4


@given(st.text(alphabet="aש👍1\u200c\u200d\ufe0e\ufe0f\u20e3\u200b\u202e", max_size=12))
def test_stripping_invisible_characters_is_idempotent(text: str) -> None:
    once = strip_invisible(text)
    assert strip_invisible(once) == once


@pytest.mark.anyio
async def test_invisible_characters_are_removed_from_errors_too() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all") + "\u200b\u202e"
    async with scripted(says(refusal(400, f"BAD{hidden}"))) as upstream, Dispatcher(upstream.settings()) as dispatcher:
        refused = await dispatcher.call(SEND, GOOD[SEND.slug])
        wrong = await dispatcher.call(SEND, {**GOOD[SEND.slug], f"sche{hidden}dul": 1})
        nested = await dispatcher.call(SEND, {"messages": [{f"bo{hidden}dyy": 1}]})
    assert len(upstream.requests) == 1
    assert "(BAD: No.)" in (refused.error or "")
    assert "schedul is not an input here" in (wrong.error or "")
    assert "messages[0].bodyy is not an input here" in (nested.error or "")
    for envelope_ in (refused, wrong, nested):
        assert not set(hidden) & set(envelope_.model_dump_json())
