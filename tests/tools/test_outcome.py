"""Whether ClickSend accepted all of a call is read from its answer, never from HTTP 200 alone."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tools.answer import Answer
from tools.catalog import catalog
from tools.outcome import Refused, Verdict

SMS = "CLICKSEND_CREATE_SMS_SEND"
MMS = "CLICKSEND_CREATE_MMS_SEND"
LETTERS = "CLICKSEND_CREATE_POST_LETTERS_SEND"
CAMPAIGN = "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"
UPDATE = "CLICKSEND_UPDATE_SMS_CAMPAIGNS"
CANCEL = "CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT"
LISTS = "CLICKSEND_GET_LISTS"
DELETE_LIST = "CLICKSEND_DELETE_LISTS"
DELETE_CONTACT = "CLICKSEND_DELETE_LISTS_CONTACTS"
CANCEL_ALL = "CLICKSEND_SMS_CANCEL_ALL_PUT"
CREATE_LIST = "CLICKSEND_CREATE_LISTS"

PEOPLE = ("+61411111111", "+61422222222", "+61433333333")
TO_THREE = {"messages": [{"to": to, "body": "Hi"} for to in PEOPLE]}
PICTURE_TO_THREE = {
    "messages": [{"to": to, "body": "Hi", "subject": "Sale"} for to in PEOPLE],
    "media_file": "https://example.com/a.jpg",
}
ADDRESS = {
    "address_name": "Ana",
    "address_line_1": "1 Main St",
    "address_city": "Perth",
    "address_state": "WA",
    "address_postal_code": "6000",
    "address_country": "AU",
    "return_address_id": 5,
}
LETTER_TO_TWO = {
    "file_url": "https://example.com/a.pdf",
    "recipients": [ADDRESS, {**ADDRESS, "address_name": "Ben"}],
}
TO_A_LIST = {"body": "Hi", "name": "Spring", "list_id": 88}
SEVEN = {"sms_campaign_id": 7}
UPDATE_TO_A_LIST = {**TO_A_LIST, "sms_campaign_id": 7}


def statuses(*each: str | None) -> dict[str, Any]:
    """An answer with one entry per message."""
    entries = [{"to": to, "status": status} for to, status in zip(PEOPLE, each, strict=False)]
    return {"response_code": "SUCCESS", "data": {"messages": entries}}


def letters(*entries: Any) -> dict[str, Any]:
    return {"data": {"recipients": list(entries)}}


@dataclass(frozen=True)
class Case:
    """A call, ClickSend's answer, and what is to be read from it."""

    id: str
    slug: str
    arguments: dict[str, Any] = field(repr=False)
    answer: dict[str, Any] = field(repr=False)
    verdict: Verdict | None


CASES = (
    Case("all accepted", SMS, TO_THREE, statuses("SUCCESS", "SUCCESS", "SUCCESS"), Verdict(3)),
    Case(
        "one refused",
        SMS,
        TO_THREE,
        statuses("SUCCESS", "INVALID_RECIPIENT", "SUCCESS"),
        Verdict(2, (Refused("+61422222222", "INVALID_RECIPIENT"),)),
    ),
    Case(
        "all refused, although the answer says success",
        SMS,
        TO_THREE,
        statuses("INSUFFICIENT_CREDIT", "COUNTRY_NOT_ENABLED", "INSUFFICIENT_CREDIT"),
        Verdict(
            0,
            (
                Refused("+61411111111", "INSUFFICIENT_CREDIT"),
                Refused("+61422222222", "COUNTRY_NOT_ENABLED"),
                Refused("+61433333333", "INSUFFICIENT_CREDIT"),
            ),
        ),
    ),
    Case("one is not mentioned", SMS, TO_THREE, statuses("SUCCESS", "SUCCESS"), Verdict(2, missing=1)),
    Case("none is mentioned", SMS, TO_THREE, statuses(), Verdict(0, missing=3)),
    Case(
        "one refused and one not mentioned",
        SMS,
        TO_THREE,
        statuses("SUCCESS", "INVALID_SENDER_ID"),
        Verdict(1, (Refused("+61422222222", "INVALID_SENDER_ID"),), missing=1),
    ),
    Case(
        "an unknown status is neither yes nor no",
        SMS,
        TO_THREE,
        statuses("SUCCESS", "SUCCESS", "Success"),
        Verdict(2, unclear=(Refused(PEOPLE[2], "Success"),)),
    ),
    Case(
        "a status of null is neither yes nor no",
        SMS,
        TO_THREE,
        statuses("SUCCESS", "SUCCESS", None),
        Verdict(2, unclear=(Refused(PEOPLE[2], "None"),)),
    ),
    Case(
        "an entry without anything is neither yes nor no",
        SMS,
        {"messages": TO_THREE["messages"][:1]},
        {"data": {"messages": [{}]}},
        Verdict(0, unclear=(Refused("None", "None"),)),
    ),
    Case(
        "more entries than messages",
        SMS,
        {"messages": TO_THREE["messages"][:1]},
        statuses("SUCCESS", "SUCCESS"),
        Verdict(1, unclear=(Refused(PEOPLE[1], "SUCCESS for a number that was not asked for"),)),
    ),
    Case("all MMS accepted", MMS, PICTURE_TO_THREE, statuses("SUCCESS", "SUCCESS", "SUCCESS"), Verdict(3)),
    Case("an MMS missing", MMS, PICTURE_TO_THREE, statuses("SUCCESS"), Verdict(1, missing=2)),
    Case(
        "the price of three",
        "CLICKSEND_SMS_PRICE_POST",
        TO_THREE,
        statuses("SUCCESS", "SUCCESS", "SUCCESS"),
        Verdict(3),
    ),
    Case(
        "all letters accepted",
        LETTERS,
        LETTER_TO_TWO,
        letters({"address_name": "Ana", "status": "SUCCESS"}, {"address_name": "Ben", "status": "SUCCESS"}),
        Verdict(2),
    ),
    Case(
        "a refused letter is named after its addressee",
        LETTERS,
        LETTER_TO_TWO,
        letters({"address_name": "Ana", "status": "SUCCESS"}, {"address_name": "Ben", "status": "INSUFFICIENT_CREDIT"}),
        Verdict(1, (Refused("Ben", "INSUFFICIENT_CREDIT"),)),
    ),
    Case("letters look for recipients, not messages", LETTERS, LETTER_TO_TWO, statuses("SUCCESS", "SUCCESS"), None),
    Case(
        "a campaign under way", CAMPAIGN, TO_A_LIST, {"data": {"sms_campaign_id": 7, "status": "Sending"}}, Verdict(1)
    ),
    Case(
        "a campaign of a status that nobody knows",
        CAMPAIGN,
        TO_A_LIST,
        {"data": {"sms_campaign_id": 7, "status": "WIP"}},
        Verdict(0, unclear=(Refused("campaign 7", "WIP", "7"),)),
    ),
    Case(
        "a campaign inside another object, as other integrations read it",
        CAMPAIGN,
        TO_A_LIST,
        {"data": {"sms_campaign": {"sms_campaign_id": 7, "status": "Scheduled"}, "total_count": 4}},
        Verdict(1),
    ),
    Case(
        "a changed campaign inside another object",
        UPDATE,
        UPDATE_TO_A_LIST,
        {"data": {"sms_campaign": {"sms_campaign_id": 7, "status": "Draft"}}},
        Verdict(0, (Refused("campaign 7", "Draft", "7"),)),
    ),
    Case(
        "a cancelled campaign inside another object",
        CANCEL,
        SEVEN,
        {"data": {"sms_campaign": {"sms_campaign_id": 7, "status": "Cancelled"}}},
        Verdict(1),
    ),
    Case(
        "a scheduled campaign", CAMPAIGN, TO_A_LIST, {"data": {"sms_campaign_id": 7, "status": "Scheduled"}}, Verdict(1)
    ),
    Case(
        "a cancelled campaign",
        UPDATE,
        UPDATE_TO_A_LIST,
        {"data": {"sms_campaign_id": 7, "status": "Cancelled"}},
        Verdict(0, (Refused("campaign 7", "Cancelled", "7"),)),
    ),
    Case(
        "a campaign that stayed a draft",
        CAMPAIGN,
        TO_A_LIST,
        {"data": {"sms_campaign_id": 7, "status": "Draft"}},
        Verdict(0, (Refused("campaign 7", "Draft", "7"),)),
    ),
    Case("a campaign without an id", CAMPAIGN, TO_A_LIST, {"data": {"status": "WIP"}}, None),
    Case("a campaign that is a list", CAMPAIGN, TO_A_LIST, {"data": [{"sms_campaign_id": 7}]}, None),
    Case("a campaign without data", CAMPAIGN, TO_A_LIST, {"http_code": 200}, None),
    Case("a page of rows", LISTS, {}, {"data": {"data": []}}, Verdict(1)),
    Case("an empty list is an answer", LISTS, {}, {"data": []}, Verdict(1)),
    Case("nothing where there should be rows", LISTS, {}, {"data": None}, None),
    Case("a creation without what was created", CREATE_LIST, {"list_name": "VIP"}, {"data": None}, None),
    Case("a creation", CREATE_LIST, {"list_name": "VIP"}, {"data": {"list_id": 1}}, Verdict(1)),
    Case("a cancellation of all that does not say how many", CANCEL_ALL, {}, {"data": None}, None),
    Case("a cancellation of none", CANCEL_ALL, {}, {"data": {"count": 0}}, Verdict(1)),
    Case("a deletion that leaves null", DELETE_LIST, {"list_id": 1}, {"data": None}, Verdict(1)),
    Case("a deletion that leaves a list", DELETE_LIST, {"list_id": 1}, {"data": []}, Verdict(1)),
    Case("a deletion without data", DELETE_LIST, {"list_id": 1}, {"http_code": 200}, None),
    Case("a contact's deletion", DELETE_CONTACT, {"list_id": 1, "contact_id": 2}, {"data": None}, Verdict(1)),
    Case("a contact's deletion without data", DELETE_CONTACT, {"list_id": 1, "contact_id": 2}, {}, None),
    Case("a campaign is cancelled", CANCEL, SEVEN, {"data": {"sms_campaign_id": 7, "status": "Cancelled"}}, Verdict(1)),
    Case(
        "a campaign that was to be cancelled has been sent",
        CANCEL,
        SEVEN,
        {"data": {"sms_campaign_id": 7, "status": "Sent"}},
        Verdict(0, (Refused("campaign 7", "Sent", "7"),)),
    ),
    Case(
        "a cancelled campaign with a status of null",
        CANCEL,
        SEVEN,
        {"data": {"sms_campaign_id": 7, "status": None}},
        Verdict(0, unclear=(Refused("campaign 7", "None", "7"),)),
    ),
    Case("a cancelled campaign without a status", CANCEL, SEVEN, {"data": {"sms_campaign_id": 7}}, None),
    Case("a cancelled campaign that is a list", CANCEL, SEVEN, {"data": [{"status": "Cancelled"}]}, None),
    Case("a cancelled campaign without data", CANCEL, SEVEN, {"data": None}, None),
    Case(
        "a very long status and a very long number are cut",
        SMS,
        {"messages": TO_THREE["messages"][:1]},
        {"data": {"messages": [{"to": "+" * 999, "status": "S" * 999}]}},
        Verdict(0, unclear=(Refused("+" * 60, "S" * 60),)),
    ),
    Case("an answer without data", LISTS, {}, {"http_code": 200}, None),
    Case("an empty answer", LISTS, {}, {}, None),
)

SHAPES_THAT_TELL_NOTHING = (
    {},
    {"data": None},
    {"data": []},
    {"data": "SUCCESS"},
    {"data": {}},
    {"data": {"messages": None}},
    {"data": {"messages": {}}},
    {"data": {"messages": "SUCCESS"}},
    {"data": {"messages": ["SUCCESS"]}},
    {"data": {"messages": [None]}},
    {"data": {"messages": [{"to": PEOPLE[0], "status": "SUCCESS"}, None, None]}},
    {"messages": [{"status": "SUCCESS"}]},
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_an_answer_gives_this_verdict(case: Case) -> None:
    action = catalog()[case.slug]

    assert action.outcome(action.input.model_validate(case.arguments), Answer(case.answer)) == case.verdict


@pytest.mark.parametrize("answer", SHAPES_THAT_TELL_NOTHING, ids=str)
def test_an_answer_of_another_shape_gives_no_verdict(answer: dict[str, Any]) -> None:
    action = catalog()[SMS]

    assert action.outcome(action.input.model_validate(TO_THREE), Answer(answer)) is None


def counted(queued: object, *each: str, **more: Any) -> dict[str, Any]:
    """An answer with a `queued_count`, and other counts or prices."""
    answer = statuses(*each)
    return {**answer, "data": {**answer["data"], "queued_count": queued, **more}}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (counted(1, "INVALID_RECIPIENT", "THROTTLED", "THROTTLED"), "queued_count is 1, and 0 have"),
        (counted(3, "SUCCESS", "SUCCESS", "THROTTLED"), "queued_count is 3, and 2 have"),
        (counted(0, "SUCCESS", "SUCCESS", "SUCCESS", blocked_count=3), "queued_count is 0, and 3 have"),
        (counted(None, "SUCCESS", "SUCCESS", "SUCCESS", blocked_count=2), "blocked_count is 2, and 0 are refused"),
        (counted(None, "THROTTLED", "THROTTLED", "THROTTLED", total_price=0.07), "total_price is 0.07, and none"),
        (counted(None, "THROTTLED", "THROTTLED", "THROTTLED", total_price="0.1584"), "total_price is 0.1584"),
    ],
)
def test_counts_and_prices_that_contradict_the_statuses_make_all_of_them_unclear(
    answer: dict[str, Any], why: str
) -> None:
    """An answer that contradicts itself settles nothing."""
    verdict = catalog()[SMS].outcome(catalog()[SMS].input.model_validate(TO_THREE), Answer(answer))

    assert verdict is not None
    assert verdict.contradiction.startswith(why)
    assert (verdict.accepted, verdict.refused, len(verdict.unclear)) == (0, (), 3)


@pytest.mark.parametrize(
    "answer",
    [
        counted(2, "SUCCESS", "INVALID_RECIPIENT", "SUCCESS", blocked_count=0, total_price=0.14),
        counted(1, "SUCCESS", "COUNTRY_NOT_ENABLED", "INVALID_RECIPIENT", blocked_count=1, total_price="0.07"),
        counted("3", "SUCCESS", "THROTTLED", "THROTTLED"),  # not a count, so it decides nothing
        counted(True, "THROTTLED", "THROTTLED", "THROTTLED", blocked_count=-1, total_price=0),
        counted(-1, "THROTTLED", "THROTTLED", "THROTTLED", total_price="-5.00"),
    ],
)
def test_counts_that_agree_or_are_missing_change_no_status(answer: dict[str, Any]) -> None:
    verdict = catalog()[SMS].outcome(catalog()[SMS].input.model_validate(TO_THREE), Answer(answer))

    assert verdict is not None
    assert verdict.certain
    assert verdict.accepted == sum(entry["status"] == "SUCCESS" for entry in answer["data"]["messages"])


def test_a_refusal_that_costs_something_is_unclear() -> None:
    """ClickSend charges nothing for what it refuses (recorded)."""
    answer = statuses("SUCCESS", "THROTTLED", "THROTTLED")
    answer["data"]["messages"][2]["message_price"] = "0.0792"
    verdict = catalog()[SMS].outcome(catalog()[SMS].input.model_validate(TO_THREE), Answer(answer))

    assert verdict == Verdict(1, (Refused(PEOPLE[1], "THROTTLED"),), (Refused(PEOPLE[2], "THROTTLED"),))


@pytest.mark.parametrize("to", ["61411111111", "0411111111", "+61 411 111 111", "+61411111111"])
def test_a_number_in_another_spelling_is_the_one_that_was_asked_for(to: str) -> None:
    arguments = catalog()[SMS].input.model_validate({"messages": TO_THREE["messages"][:1]})
    answer = {"data": {"messages": [{"to": to, "status": "SUCCESS"}]}}

    assert catalog()[SMS].outcome(arguments, Answer(answer)) == Verdict(1)


@pytest.mark.parametrize("to", ["+447911123456", None, ["+61411111111", 7], ""])
def test_a_yes_for_another_number_is_unclear(to: object) -> None:
    """Such an answer may belong to another call."""
    arguments = catalog()[SMS].input.model_validate({"messages": TO_THREE["messages"][:1]})
    verdict = catalog()[SMS].outcome(arguments, Answer({"data": {"messages": [{"to": to, "status": "SUCCESS"}]}}))

    assert verdict is not None
    assert (verdict.accepted, len(verdict.unclear)) == (0, 1)


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (
            {"messages": [{"status": "SUCCESS", "message_id": "A-1"}, {"status": "THROTTLED", "message_id": "B-2"}]},
            ["A-1"],
        ),
        (
            {
                "messages": [
                    {"status": "SUCCESS", "message_id": value} for value in ("", None, 7, [1], "a\nb", "x" * 65)
                ]
            },
            ["7"],
        ),
        ({"sms_campaign_id": 311}, ["311"]),
        ({"sms_campaign": {"sms_campaign_id": 311}}, ["311"]),
        ({"sms_campaign_id": {"a": 1}}, []),
        ({"messages": "none"}, []),
        ([1], []),
        (None, []),
    ],
)
def test_ids_are_plain_texts_whatever_an_answer_holds(data: object, ids: list[str]) -> None:
    """Only ids get from an answer into the ledger."""
    assert Answer({"data": data}).ids == ids


@pytest.mark.parametrize(
    ("verdict", "complete"),
    [
        (Verdict(3), True),
        (Verdict(2, missing=1), False),
        (Verdict(2, unclear=(Refused("+61422222222", "Queued"),)), False),
        (Verdict(2, (Refused("+61422222222", "INVALID_RECIPIENT"),)), False),
    ],
)
def test_a_verdict_is_complete_only_if_nothing_was_refused_or_is_missing(verdict: Verdict, complete: bool) -> None:
    assert verdict.complete is complete


def test_every_action_that_sends_judges_more_than_the_answer_as_a_whole() -> None:
    sending = [action for action in catalog().values() if action.effect.name == "SEND"]

    assert not [action.slug for action in sending if action.outcome is catalog()[LISTS].outcome]
