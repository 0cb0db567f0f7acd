"""Arguments that a host mangled never do more than was meant."""

import json
from typing import Any

import pytest
from support.asking import (
    CAMPAIGN,
    CANCEL_ALL,
    CHANGE,
    CONTACT,
    HISTORY,
    LETTER,
    MMS,
    PRICE,
    RULE,
    SMS,
    UPDATE,
    campaign,
    contact,
    letter,
    mms,
    refusal,
    request,
    rule,
    sms,
)

from tools.catalog import catalog

BOTH_WAYS = "custom_string must not be empty or null: name a reference, or leave it out to cancel EVERY scheduled SMS"


@pytest.mark.parametrize(
    ("slug", "arguments", "name"),
    [
        (CANCEL_ALL, {'{"custom_string": "order-1"}': None}, '{"custom_string": "order-1"}'),
        (CANCEL_ALL, {"customstring": None}, "customstring"),
        (CANCEL_ALL, {"Custom_String": None}, "Custom_String"),
        (CANCEL_ALL, {"input": None}, "input"),
        (CANCEL_ALL, {" custom_string": None}, "custom_string"),
        (CANCEL_ALL, {"custom_string": "order-1", "reference": None}, "reference"),
        (SMS, sms(send_at=None), "messages[0].send_at"),
        (SMS, sms(sender=None), "messages[0].sender"),
        (SMS, sms(Schedule=None), "messages[0].Schedule"),
        (SMS, {**sms(), "dry_run": None}, "dry_run"),
        (PRICE, sms(sender=None), "messages[0].sender"),
        (MMS, mms(sendAt=None), "messages[0].sendAt"),
        (CAMPAIGN, campaign(sender=None), "sender"),
        (LETTER, letter(scheduled=None), "recipients[0].scheduled"),
        (HISTORY, {"dateFrom": None}, "dateFrom"),
        (HISTORY, {"dateFrom": ""}, "dateFrom"),
        (HISTORY, {"dateFrom": 0}, "dateFrom"),
        (SMS, json.dumps(sms(send_at=None)), "messages[0].send_at"),
        (SMS, {"messages": [json.dumps(sms(send_at=None)["messages"][0])]}, "messages[0].send_at"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value)[:40],
)
def test_null_under_an_unknown_name_is_refused(slug: str, arguments: Any, name: str) -> None:
    """An unknown name is a sign that something was lost, whatever its value."""
    assert f"{name} is not an input here" in refusal(slug, arguments)


@pytest.mark.parametrize("slug", [slug for slug in catalog() if catalog()[slug].input.model_fields])
def test_no_action_accepts_an_unknown_name_because_its_value_is_null(slug: str) -> None:
    assert "no_such_name is not an input here" in refusal(slug, {"no_such_name": None})


@pytest.mark.parametrize("slug", [SMS, HISTORY, CONTACT, RULE])
def test_null_under_a_known_name_is_left_out(slug: str) -> None:
    """Hosts send null for every optional field."""
    good = {SMS: sms(), HISTORY: {}, CONTACT: contact(), RULE: rule()}[slug]
    nulls = {name: None for name in catalog()[slug].input_schema["properties"] if name not in good}
    inner = dict.fromkeys(("from", "schedule", "custom_string", "source", "country", "from_email"))
    with_nulls = sms(**inner) if slug == SMS else {**good, **nulls}

    assert request(slug, with_nulls) == request(slug, good)


@pytest.mark.parametrize(
    "value", [None, "", " ", "\n", "null", "None", "NULL", "undefined", " Undefined ", "nil", "NaN"], ids=repr
)
def test_an_empty_filter_of_a_destructive_action_never_counts_as_left_out(value: str | None) -> None:
    assert refusal(CANCEL_ALL, {"custom_string": value}) == BOTH_WAYS
    assert refusal(CANCEL_ALL, json.dumps({"custom_string": value})) == BOTH_WAYS


def test_cancelling_without_a_reference_means_all_and_with_one_only_that() -> None:
    """Leaving it out means all; any reference means itself."""
    assert request(CANCEL_ALL, {}).body is None
    assert request(CANCEL_ALL, {"custom_string": "0"}).body == {"custom_string": "0"}
    assert request(CANCEL_ALL, {"custom_string": "nullified"}).body == {"custom_string": "nullified"}


def test_a_lost_schedule_does_not_send_a_scheduled_campaign_at_once() -> None:
    """An update without its schedule is sent at once."""
    explanation = refusal(UPDATE, campaign(sms_campaign_id=7, schedule=None))

    assert explanation == "schedule must not be empty or null: name its time, or leave it out to send it AT ONCE"
    assert "schedule" not in (request(UPDATE, campaign(sms_campaign_id=7)).body or {})


@pytest.mark.parametrize("word", ["null", "None", "undefined", "NULL", "Undefined", "nil", "NaN", " null "])
@pytest.mark.parametrize(("slug", "make"), [(SMS, sms), (MMS, mms), (CAMPAIGN, campaign)])
def test_a_word_for_null_is_not_a_sender(slug: str, make: Any, word: str) -> None:
    """People would get a message from "null"."""
    explanation = refusal(slug, make(from_=word))

    assert f'from is "{word.strip()}", which programs write for nothing: leave it out' in explanation
    assert "shared number" in explanation


@pytest.mark.parametrize("name", ["custom_string", "source"])
def test_a_word_for_null_is_not_a_reference(name: str) -> None:
    explanation = refusal(SMS, sms(**{name: "Null"}))

    assert explanation == f'messages[0].{name} is "Null", which programs write for nothing: leave it out'


@pytest.mark.parametrize("name", ["country", "from_email", "schedule"])
def test_a_word_for_null_is_refused_under_the_name_of_its_field(name: str) -> None:
    assert refusal(SMS, sms(**{name: "null"})).startswith(f"messages[0].{name} must be ")


@pytest.mark.parametrize("word", ["null", "None", "undefined", "nil", "NaN"])
@pytest.mark.parametrize("name", ["first_name", "organization_name", "address_city", "custom_4"])
def test_a_word_for_null_is_not_a_detail_of_a_person(name: str, word: str) -> None:
    """Contacts would be greeted as "Hi null"."""
    assert refusal(CHANGE, {"list_id": 1, "contact_id": 2, name: word}).startswith(
        f'{name} is "{word}", which programs'
    )
    assert f'address_name is "{word}"' in refusal(LETTER, letter(address_name=word))


@pytest.mark.parametrize("name", ["Null", "NULL", "Nan", "Nil", "none of the above", "Undefined Ltd"])
def test_a_person_may_be_called_null(name: str) -> None:
    """People have such names, and capitals distinguish them from what programs write."""
    assert request(CONTACT, contact(last_name=name)).body == {"phone_number": "+61411111111", "last_name": name}
    recipients = (request(LETTER, letter(address_name=name)).body or {})["recipients"]
    assert recipients[0]["address_name"] == name
