"""Problems of several fields are named in one message with the problems of single fields."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.explain import explain
from tools.catalog import catalog

CAMPAIGN = "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"
HISTORY = "CLICKSEND_GET_SMS_HISTORY"
CONTACT = "CLICKSEND_CREATE_LISTS_CONTACTS"
RULE = "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND"

NO_ADDRESS = "arguments need at least one of phone_number, email and fax_number"
NO_TERM = "arguments need message_search_term, because message_search_type is not 0"
NO_URL = "action_address must be an http or https URL for URL"
NO_EMAIL = "action_address must be an e-mail address for EMAIL_FIXED, such as ana@example.com"
NO_PLACE = "arguments need smsg.io/xxxxx in body, where the short link of url_to_shorten goes"
ORDER = "arguments have date_from 1970-01-01T00:00:02Z after date_to 1970-01-01T00:00:01Z"
COUNTRY = "address_country must be a country code of 2 capital letters, such as AU"


@dataclass(frozen=True)
class Case:
    """Invalid arguments, and every problem that the refusal names, in order."""

    id: str
    slug: str
    arguments: dict[str, Any] = field(repr=False)
    problems: tuple[str, ...]


def rule(**changes: Any) -> dict[str, Any]:
    good = {"action": "POLL", "enabled": 1, "rule_name": "All", "action_address": "", "dedicated_number": "*"}
    return {**good, "message_search_type": 0, **changes}


def campaign(**changes: Any) -> dict[str, Any]:
    return {"body": "Hi", "name": "Spring", "list_id": 88, "url_to_shorten": "https://a.example", **changes}


CASES = (
    Case("a contact with a bad country and no address", CONTACT, {"list_id": 88, "address_country": "Australia"},
         (COUNTRY, NO_ADDRESS)),
    Case("a contact without a list and an address", CONTACT, {}, ("list_id is missing", NO_ADDRESS)),
    Case("a contact whose addresses are null and blank", CONTACT, {"list_id": 1, "email": "", "fax_number": None},
         (NO_ADDRESS,)),
    Case("a contact whose one address is bad", CONTACT, {"list_id": 1, "email": "ana"},
         ("email must be an e-mail address, such as ana@example.com",)),
    Case("a contact with an unknown name", CONTACT, {"list_id": 1, "mobile_number": "+61411111111"},
         ("mobile_number is not an input here; did you mean phone_number?", NO_ADDRESS)),
    Case("a rule with three faults", RULE, rule(action="URL", enabled=2, message_search_type=1),
         ("enabled must be 0 or 1", NO_URL, NO_TERM)),
    Case("a rule with two faults together", RULE, rule(action="EMAIL_FIXED", message_search_type="2"),
         (NO_EMAIL, NO_TERM)),
    Case("a rule with an unknown action needs no address", RULE, rule(action="MAIL", message_search_type=1),
         ("action must be one of ", NO_TERM)),
    Case("a rule whose address is no text", RULE, rule(action="URL", action_address=1),
         ("action_address must be a string",)),
    Case("a rule without an address", RULE, {k: v for k, v in rule(action="URL").items() if k != "action_address"},
         ("action_address is missing",)),
    Case("a rule whose search term is no text", RULE, rule(message_search_type=1, message_search_term=5),
         ("message_search_term must be a string",)),
    Case("a rule whose search type is bad", RULE, rule(message_search_type=9), ("message_search_type must be 3 or ",)),
    Case("a history with a bad limit and dates out of order", HISTORY, {"limit": -1, "date_from": 2, "date_to": 1},
         ("limit must be 1 or more", ORDER)),
    Case("dates in texts out of order", HISTORY, {"q": "x", "date_from": "2", "date_to": "1970-01-01T00:00:01Z"},
         ("q must be field:value, such as status:Completed; several are joined by commas", ORDER)),
    Case("a bad date is out of no order", HISTORY, {"date_from": "soon", "date_to": 1}, ("date_from must be Unix ",)),
    Case("a campaign with a bad list and no place for its link", CAMPAIGN, campaign(list_id=0),
         ("list_id must be 1 or more", NO_PLACE)),
    Case("a campaign with a bad link", CAMPAIGN, campaign(url_to_shorten="x"), ("url_to_shorten must be a public ",)),
    Case("a campaign without a body", CAMPAIGN, campaign(body=""), ("body must not be empty",)),
)  # fmt: skip


def refusal(slug: str, arguments: Any) -> str:
    model = catalog()[slug].input
    with pytest.raises(ValidationError) as refused:
        model.model_validate(arguments)
    return explain(refused.value, model)


@pytest.mark.parametrize("as_text", [False, True], ids=["object", "text"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_problem_is_named_in_one_message(case: Case, as_text: bool) -> None:
    explanation = refusal(case.slug, json.dumps(case.arguments) if as_text else case.arguments)

    places = [explanation.find(problem) for problem in case.problems]
    assert -1 not in places, explanation
    assert places == sorted(places)
    separators = sum(problem.count("; ") for problem in case.problems)
    assert explanation.count("; ") == len(case.problems) - 1 + separators, explanation


def test_no_problem_is_named_twice() -> None:
    explanation = refusal(RULE, rule(action="URL", enabled=2, message_search_type=1))

    assert explanation == f"enabled must be 0 or 1; {NO_URL}; {NO_TERM}"


@pytest.mark.parametrize(
    ("slug", "arguments"),
    [
        (CONTACT, {"list_id": 88, "fax_number": "+61893333333"}),
        (CONTACT, {"list_id": 88, "email": "ana@example.com", "phone_number": ""}),
        (RULE, rule(action="URL", action_address="https://a.example/hook")),
        (RULE, rule(action="EMAIL_FIXED", action_address="ana@example.com", message_search_term=" ")),
        (RULE, rule(action="MOVE_CONTACT", action_address="88")),
        (RULE, rule(message_search_type=3, message_search_term="STOP")),
        (HISTORY, {"date_from": 1, "date_to": 1}),
        (HISTORY, {"date_from": 2}),
        (HISTORY, {"date_to": 1}),
        (CAMPAIGN, campaign(body="See smsg.io/xxxxx")),
        (CAMPAIGN, campaign(url_to_shorten=None)),
    ],
    ids=lambda value: "" if isinstance(value, str) else json.dumps(value)[:60],
)
def test_fields_that_fit_each_other_are_accepted(slug: str, arguments: dict[str, Any]) -> None:
    assert catalog()[slug].input.model_validate(arguments)
