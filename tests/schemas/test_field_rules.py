"""The rules of single fields, and what they forgive."""

import json
import time
from typing import Any

import pytest
from support.asking import (
    CAMPAIGN,
    CAMPAIGNS,
    CANCEL_ALL,
    CHANGE,
    CONTACT,
    CONTACTS,
    EXPORT,
    HISTORY,
    IMPORT,
    INBOUND,
    LETTER,
    LISTS,
    MMS,
    NEW_LIST,
    PRICE,
    RECEIPTS,
    RULE,
    SMS,
    UPDATE,
    campaign,
    contact,
    imported,
    letter,
    mms,
    refusal,
    request,
    rule,
    sms,
)

from schemas.base import Query
from tools.action import Effect
from tools.catalog import catalog

NOW = int(time.time())
LATE, EARLY_ENOUGH = NOW + 124 * 86_400, NOW + 122 * 86_400


@pytest.mark.parametrize(
    ("slug", "make"), [(SMS, sms), (PRICE, sms), (MMS, mms), (CAMPAIGN, campaign), (LETTER, letter)]
)
def test_nothing_is_scheduled_beyond_four_months(slug: str, make: Any) -> None:
    explanation = refusal(slug, make(schedule=LATE))

    assert "schedule is over four months ahead: 20" in explanation
    assert "; it is now 20" in explanation
    assert request(slug, make(schedule=EARLY_ENOUGH))
    assert request(slug, make(schedule=0))


@pytest.mark.parametrize("years", [1, 30, 900])
def test_a_year_too_far_ahead_is_refused_as_such(years: int) -> None:
    assert "over four months ahead" in refusal(SMS, sms(schedule=NOW + years * 365 * 86_400))


@pytest.mark.parametrize(
    ("slug", "make"), [(SMS, sms), (MMS, mms), (LETTER, letter), (CANCEL_ALL, lambda **changes: changes)]
)
def test_a_reference_has_at_most_50_characters(slug: str, make: Any) -> None:
    """Cancelling or searching by a reference that was cut would find nothing."""
    explanation = refusal(slug, make(custom_string="x" * 51))

    assert explanation.endswith(
        "custom_string has 51 characters; ClickSend would cut a reference after 50, so send at most 50"
    )
    assert request(slug, make(custom_string="x" * 50))


@pytest.mark.parametrize(
    "sender",
    [
        "Caf\u00e9",
        "\u0424\u0438\u0440\u043c\u0430",
        "\u5e97",
        "O'Neill",
        "A",
        "AB",
        "SALE!!",
        "A_b",
        "My Shop",
        "+",
        "+++",
        "Twelve-Chars",
    ],
)
@pytest.mark.parametrize(("slug", "make"), [(SMS, sms), (MMS, mms), (CAMPAIGN, campaign)])
def test_a_sender_that_clicksend_does_not_register_is_refused_with_the_rule(slug: str, make: Any, sender: str) -> None:
    explanation = refusal(slug, make(from_=sender))

    assert "from must be a number of yours, or a name of 3 to 11 characters without spaces" in explanation
    assert explanation.endswith("A-Z, a-z, 0-9 and +, at least one letter")


@pytest.mark.parametrize(
    "sender", ["Abc", "ACME24", "Abc123+", "ElevenChars", "24seven", "1800", "0422222222", "+61422222222"]
)
def test_a_sender_that_clicksend_registers_is_sent_unchanged(sender: str) -> None:
    assert (request(SMS, sms(from_=sender)).body or {})["messages"][0]["from"] == sender


@pytest.mark.parametrize(
    ("value", "meant"), [(True, 1), (False, 0), ("true", 1), ("False", 0), ("1", 1), (0, 0), (1.0, 1)]
)
@pytest.mark.parametrize("name", ["colour", "duplex", "priority_post", "template_used"])
def test_true_and_false_are_accepted_as_flags(name: str, value: object, meant: int) -> None:
    flag = (request(LETTER, {**letter(), name: value}).body or {})[name]

    assert (flag, type(flag)) == (meant, int)
    assert (request(RULE, rule(enabled=value)).body or {})["enabled"] == meant


@pytest.mark.parametrize(
    "value",
    ["yes", "on", 2, -1, 0.5, [1], {}, "", 10**5000],
    ids=lambda value: str(value)[:9] if value != 10**5000 else "huge",
)
def test_nothing_else_is_a_flag(value: object) -> None:
    assert refusal(RULE, rule(enabled=value)).startswith("enabled must be 0 or 1")


# --- reads -------------------------------------------------------------------------------------------

NOTHING = ("", " ", "\t", 0, 0.0, "0", " 0 ", "null", "None", "undefined", None)


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
@pytest.mark.parametrize(
    ("slug", "needed", "names"),
    [
        (HISTORY, {}, ("q", "page", "limit", "date_from", "date_to", "order_by")),
        (INBOUND, {}, ("q", "page", "limit", "order_by")),
        (CAMPAIGNS, {}, ("q", "page", "limit")),
        (LISTS, {}, ("page", "limit")),
        (RECEIPTS, {}, ("page", "limit")),
        (CONTACTS, {"list_id": 88}, ("page", "limit", "updated_after")),
    ],
)
def test_a_value_that_a_proxy_fills_in_counts_as_left_out_of_a_read(
    slug: str, needed: Any, names: Any, nothing: object
) -> None:
    assert request(slug, {**needed, **dict.fromkeys(names, nothing)}) == request(slug, needed)


def test_only_reads_take_blanks_for_left_out() -> None:
    """An action with an effect takes every value literally."""
    forgiving = [action for action in catalog().values() if issubclass(action.input, Query)]

    assert len(forgiving) == 6
    assert {(action.effect, action.route.method) for action in forgiving} == {(Effect.READ, "GET")}


@pytest.mark.parametrize("nothing", ["", " ", "0", 0, "null"], ids=repr)
def test_a_read_of_a_list_must_name_the_list(nothing: object) -> None:
    """A required field cannot have been left out on purpose."""
    assert refusal(CONTACTS, {"list_id": nothing}).startswith("list_id ")


@pytest.mark.parametrize("nothing", ["", " ", "null", "None", False], ids=repr)
@pytest.mark.parametrize(("slug", "make"), [(SMS, sms), (MMS, mms), (CAMPAIGN, campaign), (LETTER, letter)])
def test_a_blank_schedule_never_counts_as_left_out(slug: str, make: Any, nothing: object) -> None:
    """It would be sent at once."""
    assert "schedule must be " in refusal(slug, make(schedule=nothing))


def test_an_invalid_filter_is_still_refused() -> None:
    assert refusal(HISTORY, {"page": -1, "limit": False}) == "page must be 1 or more; limit must be a whole number"


@pytest.mark.parametrize(
    ("slug", "q"),
    [
        (HISTORY, "status:Completed,to:+61411111111"),
        (HISTORY, "message_id:3C0A6B52-9D17-4E44-8B1F-0A2C7D5E9F10, status_code:301"),
        (HISTORY, "from:"),
        (CAMPAIGNS, "name:Sale, 20% off at 9:00"),
        (CAMPAIGNS, "url_to_shorten:https://example.com/a"),
        (INBOUND, "from:+61411111111"),
    ],
)
def test_a_search_by_a_field_that_clicksend_searches_is_passed_on(slug: str, q: str) -> None:
    assert request(slug, {"q": q}).query == {"q": q}


@pytest.mark.parametrize(
    ("slug", "q", "fields"),
    [
        (HISTORY, "body:Hi", "status, to, from, message_id, status_code, subaccount_id"),
        (HISTORY, "status:Sent,custom_string:a", "status, to, from"),
        (HISTORY, "Status:Sent", "status, to, from"),
        (CAMPAIGNS, "to:+61411111111", "status, name, sms_campaign_id"),
        (INBOUND, "status:Received", "from, to, body"),
    ],
)
def test_a_search_by_another_field_is_refused_with_the_searched_ones(slug: str, q: str, fields: str) -> None:
    explanation = refusal(slug, {"q": q})

    assert explanation.startswith("q must be field:value, where field is one that is searched here: ")
    assert fields in explanation


@pytest.mark.parametrize(
    ("slug", "fields"), [(HISTORY, "date, to, from, status, body, username"), (INBOUND, "timestamp, from")]
)
def test_an_order_by_another_field_is_refused_with_the_sorted_ones(slug: str, fields: str) -> None:
    assert fields in refusal(slug, {"order_by": "price:desc"})
    field = fields.partition(",")[0]
    assert request(slug, {"order_by": f"{field}:desc"}).query == {"order_by": f"{field}:desc"}


# --- blanks in writes --------------------------------------------------------------------------------

WITH_A_FIXED_FORM = {
    *("from", "country", "from_email", "custom_string", "source", "url_to_shorten"),
    *("phone_number", "fax_number", "email", "address_country"),
}


@pytest.mark.parametrize(
    ("slug", "make", "path"),
    [
        (SMS, sms, ("messages", "items")),
        (PRICE, sms, ("messages", "items")),
        (MMS, mms, ("messages", "items")),
        (CAMPAIGN, campaign, ()),
        (CONTACT, lambda **changes: contact(**{"email": "ana@example.com", **changes}), ()),
        (CHANGE, lambda **changes: contact(contact_id=2, **changes), ()),
        (LETTER, letter, ("recipients", "items")),
    ],
)
def test_a_blank_leaves_out_texts_with_a_fixed_form_and_no_others(slug: str, make: Any, path: tuple[str, ...]) -> None:
    """ClickSend's answers have "" for an address that is not set, while "" empties a first name."""
    schema = catalog()[slug].input_schema
    for step in path:
        schema = schema["properties"][step] if step != "items" else schema["items"]
    texts = {name for name, field in schema["properties"].items() if field["type"] == "string"}
    optional = texts - {*schema["required"]}

    left_out = {
        name
        for name in optional
        if request(slug, make(**{f"{name}_" if name == "from" else name: ""}))
        == request(slug, make(**{f"{name}_" if name == "from" else name: None}))
    }

    assert optional
    assert left_out == optional & WITH_A_FIXED_FORM


# --- rules, imports, JSON ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "invalid", "reason", "valid"),
    [
        ("SMS", "", "must be an international number", "+61491570156"),
        ("SMS", "+61491570156,+447700900123", "it holds several numbers", "+61491570156"),
        ("SMS", "+61491570156 +447700900123", "it holds several numbers", "+61491570156"),
        ("SMS", "0491 570 156", "it has no country code", "+61491570156"),
        ("SMS", "88", "must be an international number", "+61491570156"),
        ("GROUP_SMS", "", "list id as text for GROUP_SMS", "88"),
        ("GROUP_SMS", "VIP", "list id as text for GROUP_SMS", "88"),
        ("GROUP_SMS", "\u0668\u0668", "list id as text for GROUP_SMS", "88"),
        ("GROUP_SMS", "88,89", "list id as text for GROUP_SMS", "88"),
        ("GROUP_SMS", "0", "list id as text for GROUP_SMS", "88"),
        ("MOVE_CONTACT", "+88", "list id as text for MOVE_CONTACT", "88"),
        ("CREATE_CONTACT", "088", "list id as text for CREATE_CONTACT", "88"),
        ("CREATE_CONTACT_PLUS_EMAIL", "ana@example.com", "list id as text", "88"),
        ("CREATE_CONTACT_PLUS_NAME", "9" * 40, "list id as text", "88"),
        ("CREATE_CONTACT_PLUS_NAME_EMAIL", " ", "list id as text", "88"),
        ("EMAIL_FIXED", "ana@example.com,bo@example.com", "e-mail address for EMAIL_FIXED", "ana@example.com"),
        ("EMAIL_FIXED", "", "e-mail address for EMAIL_FIXED", "ana@example.com"),
        ("URL", "ftp://example.com", "http or https URL for URL", "https://example.com/in"),
        ("URL", "http://10.0.0.1/in", "names a place that only this machine", "https://example.com/in"),
        ("AUTO_REPLY", "", "must not be empty", "Thank you"),
        ("AUTO_REPLY", "x" * 1000 + "\u0436", "has 1001 characters", "x" * 1000),
        ("AUTO_REPLY", "\u0436" * 600, "make 9 parts", "\u0436" * 500),
    ],
)  # fmt: skip
def test_the_address_of_a_rule_fits_its_action(action: str, invalid: str, reason: str, valid: str) -> None:
    explanation = refusal(RULE, rule(action=action, action_address=invalid))

    assert explanation.startswith("action_address ")
    assert reason in explanation
    assert (request(RULE, rule(action=action, action_address=valid)).body or {})["action_address"] == valid


@pytest.mark.parametrize("action", ["POLL", "NONE", "SMPP", "EMAIL_USER"])
@pytest.mark.parametrize("address", ["", "anything"])
def test_an_action_that_needs_no_address_accepts_any(action: str, address: str) -> None:
    assert (request(RULE, rule(action=action, action_address=address)).body or {})["action_address"] == address


def test_a_column_of_a_file_can_be_skipped() -> None:
    """ClickSend receives an empty name for it."""
    for skipped in ("skip", "", None):
        body = request(IMPORT, imported(field_order=[skipped, "phone_number", skipped, "custom_1"])).body or {}
        assert body["field_order"] == ["", "phone", "", "custom1"]
    assert refusal(IMPORT, imported(field_order=["skip", "skip"])).startswith("field_order skips every column")
    assert refusal(IMPORT, imported(field_order=["email", "skip", "email"])) == "field_order names a column twice"


@pytest.mark.parametrize("raw", ["\n", "\r\n", "\t"], ids=repr)
def test_a_raw_line_break_inside_json_text_is_accepted(raw: str) -> None:
    text = f'[{{"to": "+61411111111", "body": "Hi{raw}there"}}]'

    assert request(SMS, {"messages": text}) == request(SMS, sms(body=f"Hi{raw}there"))
    assert request(SMS, f'{{"messages": {text}}}') == request(SMS, sms(body=f"Hi{raw}there"))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[{"to": "+61411111111"', "line 1 column 22"),
        ("[{'to': 1}]", "line 1 column 3"),
        ('[{"body": "a\nb"', "line 2 column 3"),
        ("[1,]", "line 1 column 4"),
    ],
)
def test_invalid_json_is_refused_with_its_position(text: str, where: str) -> None:
    explanation = refusal(SMS, {"messages": text})

    assert explanation.startswith("messages is no valid JSON (")
    assert where in explanation


def test_an_invalid_object_in_json_text_is_refused_with_its_position() -> None:
    assert refusal(SMS, '{"messages": [').startswith("arguments is no valid JSON (EOF while parsing a list at line 1")
    assert refusal(SMS, {"messages": ['{"to": ']}).startswith("messages[0] is no valid JSON (EOF while parsing a value")


def test_names_urls_and_texts_stay_unchanged() -> None:
    """Spelling matters only to the fingerprint of a call."""
    url = "https://EXAMPLE.com/A.pdf#page=2"

    assert (request(LETTER, letter(url)).body or {})["file_url"] == url
    assert (request(CAMPAIGN, campaign(name=" Spring  sale ")).body or {})["name"] == " Spring  sale "
    assert (request(SMS, sms(body="Hi \r\n")).body or {})["messages"][0]["body"] == "Hi \r\n"


@pytest.mark.parametrize(
    ("slug", "arguments"),
    [
        (HISTORY, {"q": "status:" + "x" * 501}),
        (HISTORY, {"order_by": "x" * 501}),
        (EXPORT, {"list_id": 1, "filename": "x" * 201 + ".csv"}),
        (NEW_LIST, {"list_name": "x" * 1001}),
        (CAMPAIGN, campaign(name="x" * 1001)),
        (UPDATE, campaign(sms_campaign_id=1, name="x" * 1001)),
        (RULE, rule(rule_name="x" * 1001)),
        (RULE, rule(action_address="x" * 1001)),
        (RULE, rule(message_search_term="x" * 1001)),
        (SMS, sms(source="x" * 1001)),
        (SMS, sms(from_email="x" * 250 + "@example.com")),
        (SMS, sms(from_="x" * 1001)),
        (LETTER, letter("https://example.com/" + "x" * 4001)),
        (LETTER, letter(address_line_2="x" * 1001)),
        (LETTER, letter(address_state="x" * 1001)),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value)[:30],
)
def test_every_text_has_a_bound(slug: str, arguments: Any) -> None:
    assert refusal(slug, arguments)
