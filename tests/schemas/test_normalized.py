"""What hosts and models do to valid input is forgiven, and nothing more: texts stay unchanged."""

import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.explain import explain
from schemas.fields.addresses import phone_number
from tools.catalog import catalog
from tools.route import Request

SMS = "CLICKSEND_CREATE_SMS_SEND"
MMS = "CLICKSEND_CREATE_MMS_SEND"
CAMPAIGN = "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"
HISTORY = "CLICKSEND_GET_SMS_HISTORY"
CANCEL_ALL = "CLICKSEND_SMS_CANCEL_ALL_PUT"
IMPORT = "CLICKSEND_GET_LISTS_IMPORT"
CONTACT = "CLICKSEND_CREATE_LISTS_CONTACTS"
CONTACTS = "CLICKSEND_GET_LISTS_CONTACTS"
CHANGE = "CLICKSEND_UPDATE_LISTS_CONTACTS"
RULE = "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND"
LETTER = "CLICKSEND_CREATE_POST_LETTERS_SEND"

NUMBER = "+61411111111"
MESSAGE = {"to": NUMBER, "body": "Hi"}
ADDRESS = {
    "address_name": "Ana",
    "address_line_1": "1 Main St",
    "address_city": "Perth",
    "address_state": "WA",
    "address_postal_code": "6000",
    "address_country": "AU",
    "return_address_id": 5,
}
PDF = "https://example.com/a.pdf"
CSV = {"list_id": 88, "file_url": "https://example.com/a.csv", "field_order": ["phone", "email"]}
POLL = {
    "action": "POLL",
    "enabled": 1,
    "rule_name": "All",
    "action_address": "",
    "dedicated_number": NUMBER,
    "message_search_type": 0,
}
TOMORROW = int(time.time()) + 86_400


@dataclass(frozen=True)
class Case:
    """Arguments as a host may send them, and the plain arguments that they mean."""

    id: str
    slug: str
    sent: Any = field(repr=False)
    meant: dict[str, Any] = field(repr=False)


def sms(**changes: Any) -> dict[str, Any]:
    """One SMS; `from_` is `from`."""
    return {"messages": [{name.rstrip("_"): value for name, value in {**MESSAGE, **changes}.items()}]}


def number(name: str, written: str) -> Case:
    return Case(name, SMS, sms(to=written), sms())


def iso(hours: float) -> str:
    """Tomorrow as ISO 8601, in a zone of so many hours."""
    return datetime.fromtimestamp(TOMORROW, timezone(timedelta(hours=hours))).isoformat()


def when(name: str, written: object, seconds: int) -> Case:
    return Case(name, SMS, sms(schedule=written), sms(schedule=seconds))


CASES = (
    number("spaces in a number", "+61 411 111 111"),
    number("hyphens in a number", "+61-411-111-111"),
    number("brackets in a number", "+61 (411) 111111"),
    number("square brackets in a number", "[+61] 411111111"),
    number("typographic hyphens in a number", "+61\u2011411\u2013111\u2010111"),
    number("hard and thin spaces in a number", "+61\u00a0411\u2009111\u202f111"),
    number("blanks around a number", "  +61411111111\n"),
    Case("spaces in a number to receive at", RULE, {**POLL, "dedicated_number": "+61 411 111 111"}, POLL),
    Case("spaces in a number to send from", SMS, sms(from_="+61 422 222 222"), sms(from_="+61422222222")),
    Case(
        "spaces in a contact's numbers",
        CONTACT,
        {"list_id": 88, "phone_number": "+61 411 111 111", "fax_number": "+61 (8) 93333333"},
        {"list_id": 88, "phone_number": NUMBER, "fax_number": "+61893333333"},
    ),
    Case("a blank sender is no sender", SMS, sms(from_=""), sms()),
    Case(
        "the blanks of ClickSend's answers",
        CHANGE,
        {"list_id": 1, "contact_id": 2, "email": "", "fax_number": "", "address_country": "", "custom_1": ""},
        {"list_id": 1, "contact_id": 2, "custom_1": ""},
    ),
    Case(
        "digits in a text",
        CONTACTS,
        {"list_id": "88", "page": " 2 ", "limit": "50"},
        {"list_id": 88, "page": 2, "limit": 50},
    ),
    Case("5.0 for 5", CONTACTS, {"list_id": 88.0, "page": 2.0}, {"list_id": 88, "page": 2}),
    Case("a choice in a text", RULE, {**POLL, "enabled": "1", "message_search_type": "0"}, POLL),
    Case(
        "an id in a text inside a letter",
        LETTER,
        {"file_url": PDF, "recipients": [{**ADDRESS, "return_address_id": "5"}]},
        {"file_url": PDF, "recipients": [ADDRESS]},
    ),
    when("Unix seconds in a text", str(TOMORROW), TOMORROW),
    when("Unix seconds as a float", float(TOMORROW), TOMORROW),
    when("ISO 8601 with Z", iso(0).replace("+00:00", "Z"), TOMORROW),
    when("ISO 8601 with an offset", iso(10), TOMORROW),
    when("ISO 8601 with a negative offset", iso(-5), TOMORROW),
    when("ISO 8601 with half an hour of offset", iso(5.5), TOMORROW),
    when("ISO 8601 with a blank for the T", f" {iso(0).replace('T', ' ')} ", TOMORROW),
    when("ISO 8601 with fractions of a second", iso(0).replace("+", ".999+"), TOMORROW),
    when("0 means now", "0", 0),
    Case(
        "ISO 8601 in a period",
        HISTORY,
        {"date_from": "2023-11-14T22:13:20Z", "date_to": "2023-11-15T08:13:20+10:00"},
        {"date_from": 1700000000, "date_to": 1700000000},
    ),
    Case(
        "null for all that may be left out",
        HISTORY,
        dict.fromkeys(("q", "page", "limit", "date_from", "date_to", "order_by")),
        {},
    ),
    Case(
        "null inside a message", SMS, sms(schedule=None, from_=None, country=None, from_email=None, source=None), sms()
    ),
    Case(
        "null inside a recipient",
        LETTER,
        {"file_url": PDF, "recipients": [{**ADDRESS, "schedule": None}], "duplex": None},
        {"file_url": PDF, "recipients": [ADDRESS]},
    ),
    Case("null for a field with a default", RULE, {**POLL, "message_search_term": None, "webhook_type": None}, POLL),
    Case("an array as text", SMS, {"messages": json.dumps([MESSAGE])}, sms()),
    Case("an array as text with blanks", SMS, {"messages": f"\n  {json.dumps([MESSAGE], indent=2)} "}, sms()),
    Case("an array of texts as text", IMPORT, {**CSV, "field_order": '["phone", "email"]'}, CSV),
    Case("objects as text", SMS, {"messages": [json.dumps(MESSAGE)]}, sms()),
    Case("objects as text inside an array as text", SMS, {"messages": json.dumps([json.dumps(MESSAGE)])}, sms()),
    Case(
        "recipients as text",
        LETTER,
        {"file_url": PDF, "recipients": json.dumps([ADDRESS])},
        {"file_url": PDF, "recipients": [ADDRESS]},
    ),
    Case("all arguments as text", SMS, json.dumps(sms()), sms()),
    Case(
        "null and digits inside an array as text",
        SMS,
        {"messages": json.dumps([{**MESSAGE, "schedule": "0", "source": None}])},
        sms(schedule=0),
    ),
    Case(
        "an array as text of an MMS",
        MMS,
        {"messages": json.dumps([{**MESSAGE, "subject": "Sale"}]), "media_file": "https://example.com/a.jpg"},
        {"messages": [{**MESSAGE, "subject": "Sale"}], "media_file": "https://example.com/a.jpg"},
    ),
)


def request(slug: str, arguments: Any) -> Request:
    action = catalog()[slug]
    return action.request(action.input.model_validate(arguments))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_input_changed_by_a_host_makes_the_request_that_was_meant(case: Case) -> None:
    assert request(case.slug, case.sent) == request(case.slug, case.meant)


@given(st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z"), st.text(" -\n\u00a0\u2011", min_size=1, max_size=3), st.data())
@settings(deadline=None, derandomize=True)
def test_separators_do_not_change_a_number(digits: str, separators: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(digits)))

    assert phone_number(digits[:place] + separators + digits[place:]) == phone_number(digits)


def test_the_request_has_what_was_meant() -> None:
    cases = [case for case in CASES if case.slug == SMS]

    assert [request(SMS, case.sent).body for case in cases] == [case.meant for case in cases]


@pytest.mark.parametrize("slug", ["CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND", "CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE"])
@pytest.mark.parametrize("schedule", [0, "0", TOMORROW], ids=["now", "now as text", "tomorrow"])
def test_a_campaign_is_sent_now_or_scheduled(slug: str, schedule: int | str) -> None:
    body = request(slug, {"body": "Hi", "name": "Spring", "list_id": 88, "schedule": schedule}).body

    assert body is not None
    assert body["schedule"] == int(schedule)


@pytest.mark.parametrize("text", ["[1]", '{"a":1}', "true", "12", " x ", '[{"to":"+61411111111"}]', "{", "["])
def test_a_text_that_looks_like_json_stays_a_text(text: str) -> None:
    assert request(SMS, sms(body=text, custom_string=text)).body == sms(body=text, custom_string=text)
    assert request("CLICKSEND_CREATE_LISTS", {"list_name": text}).body == {"list_name": text}
    assert request(CHANGE, {"list_id": 1, "contact_id": 2, "custom_1": text}).body == {"custom_1": text}


@pytest.mark.parametrize("sender", ["Shop", "Abc123+", "ACME", "+61422222222", "0422222222", "61422222222", "12345"])
def test_a_sender_of_any_kind_is_accepted(sender: str) -> None:
    assert request(SMS, sms(from_=sender)).body == sms(from_=sender)


@pytest.mark.parametrize(
    "text",
    [
        '[{"to": "+61411111111", "body": "\\ud83d"}]',
        '[{"to": "+61411111111", "body": "\ud83d"}]',
        '[{"\\ud83d": 1}]',
        "[" * 100_000,
        "[" * 5_000 + "]" * 5_000,
        '[{"to":' * 5_000,
        "[1e999999]",
        "[NaN]",
        "[" + "9" * 10_000 + "]",
        "[\x00]",
        "[]]",
    ],
    ids=[
        "half an emoji escaped",
        "half an emoji raw",
        "half an emoji in a name",
        "brackets only",
        "deep",
        "deep and broken",
        "huge exponent",
        "no number",
        "huge number",
        "control character",
        "one bracket too many",
    ],
)
@pytest.mark.parametrize("slug", [SMS, MMS, LETTER, IMPORT])
def test_json_text_that_cannot_be_decoded_is_refused_with_a_reason(slug: str, text: str) -> None:
    model = catalog()[slug].input
    name = next(name for name in model.model_fields if name in ("messages", "recipients", "field_order"))
    with pytest.raises(ValidationError) as refused:
        model.model_validate({name: text})

    explanation = explain(refused.value, model)
    assert explanation.encode()
    assert name in explanation


def test_a_deeply_nested_object_in_json_text_is_refused_with_a_reason() -> None:
    model = catalog()[CAMPAIGN].input
    with pytest.raises(ValidationError) as refused:
        model.model_validate('{"body":' * 10_000)

    assert explain(refused.value, model) == (
        "arguments is no valid JSON (recursion limit exceeded at line 1 column 1609)"
    )
