"""Bad input is refused before a request departs, in one line that names each invalid field and what would be valid."""

import json
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from support import asking
from support.asking import (
    CAMPAIGN,
    CAMPAIGNS,
    CANCEL,
    CANCEL_ALL,
    CHANGE,
    CONTACT,
    CONTACTS,
    DELETE_LIST,
    EXPORT,
    HISTORY,
    IMPORT,
    INBOUND,
    LETTER,
    LISTS,
    MMS,
    NEW_LIST,
    NUMBER,
    PRICE,
    RECEIPT,
    RULE,
    SMS,
    UPDATE,
    contact,
    imported,
    rule,
)

from schemas.envelope import Envelope
from server.sandbox.serve import RunningSandbox

SECRET = "meet me at nine"  # a private text, which no refusal may repeat
NOW = int(time.time())


@dataclass(frozen=True)
class Case:
    """Invalid arguments of an action, and fragments that the refusal must have."""

    id: str
    slug: str
    arguments: Any = field(repr=False)
    fragments: tuple[str, ...]


def case(name: str, slug: str, arguments: Any, *fragments: str) -> Case:
    return Case(name, slug, arguments, fragments)


def sms(**changes: Any) -> dict[str, Any]:
    return asking.sms(**{"body": SECRET, **changes})


def mms(media_file: str = "https://example.com/a.jpg", **changes: Any) -> dict[str, Any]:
    return asking.mms(media_file, **{"body": SECRET, **changes})


def campaign(**changes: Any) -> dict[str, Any]:
    return asking.campaign(**{"body": SECRET, **changes})


def letter(file_url: str = "https://example.com/a.pdf", colour: Any = 0, **changes: Any) -> dict[str, Any]:
    return {**asking.letter(file_url, **changes), "colour": colour}


def date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


TO = ("messages[0].to must be an international number", "+61411111111")
WHOLE = "must be a whole number"
URL = "must be a public http or https URL"
PAST, LATE = NOW - 365 * 86_400, NOW + 130 * 86_400
SOON = NOW + 86_400
GOOD, BAD = sms()["messages"], sms(to="x")["messages"]

CASES = (
    # Numbers.
    case("a national number", SMS, sms(to="0411 111 111"), *TO),
    case("a number without plus", SMS, sms(to="61411111111"), *TO),
    case("letters in a number", SMS, sms(to="+61 CALL ME"), *TO),
    case("a number too short", SMS, sms(to="+61411"), *TO, "7 to 15 digits, not 5"),
    case("a number too long", SMS, sms(to="+6141111111111111"), *TO),
    case("two pluses", SMS, sms(to="++61411111111"), *TO),
    case("a country code that begins with 0", SMS, sms(to="+061411111111"), *TO),
    case("two numbers in one field", SMS, sms(to="+61411111111,+61422222222"), *TO),
    case("an empty number", SMS, sms(to=""), *TO),
    case("a number as a number", SMS, sms(to=61411111111), "messages[0].to must be text", "+61411111111"),
    case("a list of numbers", SMS, sms(to=[NUMBER]), "messages[0].to must be text"),
    case("no recipient", SMS, {"messages": [{"body": SECRET}]}, "messages[0].to is missing"),
    case("a bad number in a price", PRICE, sms(to="911"), *TO),
    case("a bad phone number of a contact", CONTACT, contact(phone_number="0411"), "phone_number must be an intern"),
    case("a bad fax number", CONTACT, contact(fax_number="fax"), "fax_number must be an international number"),
    case("a bad dedicated number", RULE, rule(dedicated_number="all"), "dedicated_number must be an international"),
    # Lists.
    case("no messages", SMS, {"messages": []}, "messages must have at least 1 item"),
    case("1,001 messages", SMS, {"messages": GOOD * 1001}, "messages has 1001 items", "at most 1000"),
    case("no recipients", LETTER, {**letter(), "recipients": []}, "recipients must have at least 1 item"),
    case("no columns", IMPORT, imported(field_order=[]), "field_order must have at least 1 item"),
    case("an unknown column", IMPORT, imported(field_order=["phone", "zip"]), "field_order[1] must be one", "'email'"),
    case("a column twice", IMPORT, imported(field_order=["email", "email"]), "field_order names a column twice"),
    case("a column under two names", IMPORT, imported(field_order=["phone", "phone_number"]), "field_order", "twice"),
    # Texts.
    case("no text", SMS, {"messages": [{"to": NUMBER}]}, "messages[0].body is missing"),
    case("an empty text", SMS, sms(body=""), "messages[0].body must not be empty"),
    case("only spaces", SMS, sms(body=" \n\t "), "messages[0].body must not be empty"),
    case("only zero-width characters", SMS, sms(body="\u200b\u200d\u2060\ufeff"), "messages[0].body must not be empty"),
    case("only control characters", SMS, sms(body="\x00\x1f"), "messages[0].body must not be empty"),
    case("a list name of what nobody sees", NEW_LIST, {"list_name": "\u200b "}, "list_name must not be empty"),
    case("a broken character", SMS, sms(body=f"{SECRET} \ufffd"), "messages[0].body holds U+FFFD", "write it again"),
    case("a broken character in a name", NEW_LIST, {"list_name": "VIP\ufffd"}, "list_name holds U+FFFD"),
    case("a broken character in an MMS", MMS, mms(body="\ufffd"), "messages[0].body", "U+FFFD"),
    case("only spaces in a campaign", CAMPAIGN, campaign(body="  "), "body must not be empty"),
    case("a GSM text of nine parts", SMS, sms(body=SECRET.ljust(1225)), "[0].body is too long", "1225 GSM", "9"),
    case("a Unicode text of nine parts", SMS, sms(body=SECRET + "ж" * 522), "[0].body is too long", "537 Unicode", "8"),
    case("a text as a number", SMS, sms(body=7), "messages[0].body must be a string"),
    case("a text as an object", SMS, sms(body={"text": SECRET}), "messages[0].body must be a string"),
    case("a text as a list", SMS, sms(body=[SECRET]), "messages[0].body must be a string"),
    case("half an emoji", SMS, sms(body=SECRET + "\ud83d"), "messages[0].body is not valid Unicode text"),
    case("half an emoji in a name", CONTACT, contact(first_name="\ude00"), "first_name is not valid Unicode text"),
    case("a subject of 21 characters", MMS, mms(subject="x" * 21), "messages[0].subject has 21 characters", "20"),
    case("no subject", MMS, mms(subject=None), "messages[0].subject is missing"),
    case("an MMS text too long", MMS, mms(body=SECRET.ljust(1501)), "messages[0].body is too long", "1501", "1500"),
    case("a Unicode MMS text too long", MMS, mms(body=SECRET + "ж" * 486), "[0].body is too long", "501", "500"),
    case("a list name of 51 characters", NEW_LIST, {"list_name": "x" * 51}, "list_name has 51 characters", "at most"),
    case("a blank list name", NEW_LIST, {"list_name": " "}, "list_name must not be empty"),
    case("a blank campaign name", CAMPAIGN, campaign(name=""), "name must not be empty"),
    case("a sender of 12 characters", SMS, sms(from_="TwelveLetter"), "messages[0].from must be", "11 characters"),
    case("a sender of two words", SMS, sms(from_="My Shop"), "messages[0].from must be", "without spaces"),
    case(
        "a sender with an invisible character", SMS, sms(from_="My\u200bShop"), "messages[0].from must be a number of"
    ),
    case("a sender that turns its direction", CAMPAIGN, campaign(**{"from": "\u202eShop"}), "from must be a number of"),
    case("a sender of marks only", CAMPAIGN, campaign(**{"from": "-"}), "from must be a number of yours, or a name"),
    # Times.
    case("a time gone by", SMS, sms(schedule=10**9), "messages[0].schedule is in the past", "2001-09-09T01:46:40Z"),
    case("a year ago", SMS, sms(schedule=PAST), "[0].schedule is in the past", date(PAST), "it is now 20", "means now"),
    case("a past ISO time", SMS, sms(schedule="2020-01-01T10:00:00+10:00"), "in the past", "2020-01-01T00:00:00Z"),
    case("a letter in the past", LETTER, letter(schedule=1), "recipients[0].schedule is in the past", "1970-01-01"),
    case("over four months ahead", CAMPAIGN, campaign(schedule=LATE), "schedule is over four", date(LATE)),
    case("a campaign in the past", UPDATE, campaign(schedule=PAST, sms_campaign_id=7), "schedule is in the past"),
    case("milliseconds", SMS, sms(schedule=SOON * 1000), "not milliseconds", f"send {SOON}", date(SOON)),
    case("milliseconds as text", HISTORY, {"date_from": "1700000000000"}, "date_from must be", "send 1700000000"),
    case("microseconds", SMS, sms(schedule=SOON * 1_000_000), "must be Unix seconds", "10 digits"),
    case("ISO without zone", SMS, sms(schedule="2030-01-31T09:00:00"), "no time zone", "2030-01-31T09:00:00+10:00"),
    case("a date only", SMS, sms(schedule="2030-01-31"), "messages[0].schedule has no time zone"),
    case("a time in words", SMS, sms(schedule="tomorrow at nine"), "messages[0].schedule must be Unix", "ISO 8601"),
    case("a month that does not exist", SMS, sms(schedule="2030-13-01T00:00:00Z"), "schedule must be Unix", "ISO 8601"),
    case("an empty time", SMS, sms(schedule=""), "messages[0].schedule must be Unix seconds"),
    case("a negative time", SMS, sms(schedule=-1), "messages[0].schedule must be Unix seconds", "not negative"),
    case("before 1970", HISTORY, {"date_from": "1969-12-31T00:00:00Z"}, "date_from must be a time after 1970"),
    case("the end of time", SMS, sms(schedule="9999-12-31T00:00:00Z"), "schedule must be a time before the year"),
    case("half a second", SMS, sms(schedule=SOON + 0.5), f"messages[0].schedule {WHOLE}"),
    case("a time as true", CONTACTS, {"list_id": 1, "updated_after": True}, f"updated_after {WHOLE}"),
    case("an end before its start", HISTORY, {"date_from": 2, "date_to": 1}, "date_from 1970-01-01T00:00:02Z after"),
    # Whole numbers.
    case("a page below 1", LISTS, {"page": -1}, "page must be 1 or more"),
    case("page in words", LISTS, {"page": "two"}, f"page {WHOLE}"),
    case("a limit below 1", HISTORY, {"limit": -1}, "limit must be 1 or more"),
    case("limit 101", HISTORY, {"limit": 101}, "limit must be 100 or less"),
    case("limit 14 for campaigns", CAMPAIGNS, {"limit": 14}, "limit must be 15 or more"),
    case("true for a number", LISTS, {"page": True}, f"page {WHOLE}"),
    case("1.5 for a number", LISTS, {"page": 1.5}, f"page {WHOLE}"),
    case("1.0 as text", LISTS, {"page": "1.0"}, f"page {WHOLE}"),
    case("digits of another script for a number", LISTS, {"page": "\u0665"}, f"page {WHOLE}"),
    case("an empty text for a number", DELETE_LIST, {"list_id": ""}, f"list_id {WHOLE}"),
    case("no number is infinite", DELETE_LIST, {"list_id": float("inf")}, f"list_id {WHOLE}"),
    case("id 0", DELETE_LIST, {"list_id": 0}, "list_id must be 1 or more"),
    case("a negative id", CANCEL, {"sms_campaign_id": -7}, "sms_campaign_id must be 1 or more"),
    case("a huge id", DELETE_LIST, {"list_id": 2**63}, "list_id is too large to be real"),
    case("an id with a path", DELETE_LIST, {"list_id": "1/../2"}, f"list_id {WHOLE}"),
    case("an id with a query", CANCEL, {"sms_campaign_id": "7?x=1"}, f"sms_campaign_id {WHOLE}"),
    case("a word for a flag", RULE, rule(enabled="on"), "enabled must be 0 or 1"),
    case("a list for a flag", RULE, rule(enabled=[1]), "enabled must be 0 or 1"),
    case("half for a flag", RULE, rule(enabled=0.5), "enabled must be 0 or 1"),
    case("colour 2", LETTER, letter(colour=2), "colour must be 0 or 1"),
    case("a search type of 4", RULE, rule(message_search_type=4), "message_search_type must be 3 or less"),
    case("a message id that is a path", RECEIPT, {"message_id": "../sms/history"}, "message_id must be the UUID"),
    case("a message id of an encoded path", RECEIPT, {"message_id": "%2e%2e%2faccount"}, "message_id must be the UUID"),
    case("a cut message id", RECEIPT, {"message_id": "0a1b2c3d-4e5f"}, "message_id must be the UUID", "36 characters"),
    # Addresses, files and queries.
    case("an e-mail without a host", CONTACT, contact(email="ana@"), "email must be an e-mail", "ana@example.com"),
    case("an e-mail with a name", SMS, sms(from_email="Ana <ana@example.com>"), "[0].from_email must be an e-mail"),
    case("a contact nobody can reach", CONTACT, {"list_id": 88}, "at least one of phone_number, email and fax_number"),
    case("a country in words", SMS, sms(country="Australia"), "messages[0].country must be a country code", "AU"),
    case("a country in lower case", LETTER, letter(address_country="au"), "[0].address_country must", "capital"),
    case("an ftp URL", IMPORT, imported(file_url="ftp://example.com/a.csv"), f"file_url {URL}"),
    case("a URL without a host", MMS, mms(media_file="https:///a.jpg"), f"media_file {URL}"),
    case("a file of this machine", IMPORT, imported(file_url="/home/ana/a.csv"), f"file_url {URL}"),
    case("a URL with a space", IMPORT, imported(file_url="https://example.com/a b.csv"), f"file_url {URL}"),
    case("a URL with a control character", IMPORT, imported(file_url="\x01https://example.com"), f"file_url {URL}"),
    case("a URL with an open bracket", IMPORT, imported(file_url="https://[::1/a.csv"), f"file_url {URL}"),
    case("a letter as docx", LETTER, letter(file_url="https://example.com/a.DOCX"), "must be a PDF", "docx", "convert"),
    case("a letter as a picture", LETTER, letter(file_url="https://a.example/a.png?x=.pdf"), "file_url must be a PDF"),
    case("a file name without .csv", EXPORT, {"list_id": 1, "filename": "all"}, "filename must be", ".csv"),
    case("a file name with a folder", EXPORT, {"list_id": 1, "filename": "../all.csv"}, "filename must be", ".csv"),
    case("a file name with a line break", EXPORT, {"list_id": 1, "filename": "a\nb.csv"}, "filename must be", ".csv"),
    case("a filter without a colon", HISTORY, {"q": "Completed"}, "q must be field:value", "status:Completed"),
    case("a filter as an object", INBOUND, {"q": {"from": NUMBER}}, "q must be a string"),
    case("an order without a direction", HISTORY, {"order_by": "date"}, "order_by must be field:asc or field:desc"),
    case("an order in another direction", INBOUND, {"order_by": "date:down"}, "order_by must be field:asc"),
    case("a short link without place", CAMPAIGN, campaign(url_to_shorten="https://a.example"), "smsg.io/xxxxx"),
    # Rules.
    case("an unknown action", RULE, rule(action="FORWARD"), "action must be one of", "'POLL'", "'SMS'"),
    case("an action in lower case", RULE, rule(action="poll"), "action must be one of"),
    case("an unknown webhook type", RULE, rule(webhook_type="put"), "webhook_type must be one of 'post'"),
    case("nothing to search for", RULE, rule(message_search_type=2), "need message_search_term"),
    case("a blank search term", RULE, rule(message_search_type=1, message_search_term=" "), "need message_search_term"),
    case("EMAIL_FIXED without an e-mail", RULE, rule(action="EMAIL_FIXED"), "action_address must be an e-mail address"),
    case(
        "URL without a URL",
        RULE,
        rule(action="URL", action_address="example.com"),
        "action_address must be an http or https URL",
    ),
    case("MOVE_CONTACT without a list", RULE, rule(action="MOVE_CONTACT"), "action_address must be a list id as text"),
    case("CREATE_CONTACT with a name", RULE, rule(action="CREATE_CONTACT", action_address="VIP"), "list id as text"),
    # A lost reference must not cancel more than was meant.
    case(
        "an empty reference",
        CANCEL_ALL,
        {"custom_string": ""},
        "custom_string must not be empty",
        "EVERY scheduled SMS",
    ),
    case("a blank reference", CANCEL_ALL, {"custom_string": "  "}, "custom_string must not be empty", "leave it out"),
    case("a reference as text", CANCEL_ALL, '{"custom_string": ""}', "custom_string must not be empty"),
    # Names that are not inputs.
    case("scheduled_at", SMS, sms(scheduled_at=SOON), "[0].scheduled_at is not", "mean schedule?"),
    case("sender", SMS, sms(sender="Shop"), "messages[0].sender is not an input here", "from"),
    case("recipient", SMS, sms(recipient=NUMBER), "[0].recipient is not an input here; did you mean to?"),
    case("message for messages", SMS, {"message": GOOD}, "messages is missing", "did you mean messages?"),
    case("name for list_name", NEW_LIST, {"name": "VIP"}, "is missing", "did you mean list_name?"),
    case("capitals", DELETE_LIST, {"List_ID": 1}, "List_ID is not an input here; did you mean list_id?"),
    case("an input of another action", CANCEL_ALL, {"message_id": "1"}, "message_id is not an input", "custom_string"),
    case("an input where there is none", "CLICKSEND_GET_ACCOUNT", {"id": 1}, "id is not an input: there are none"),
    case("a list id in a message", SMS, sms(list_id=88), "messages[0].list_id is not an input here"),
    case(
        "a misspelt part of an address",
        LETTER,
        letter(adress_line_2="x"),
        "recipients[0].adress_line_2",
        "address_line_2?",
    ),
    case("a name with line breaks", LISTS, {"a\n\u2028b": 1}, "a b is not an input here"),
    case("a name of half an emoji", LISTS, {"\ud83d": 1}, "arguments is not valid Unicode text"),
    case(
        "a name of half an emoji beside a fault",
        SMS,
        {"messages": [], "\ud83d": 1},
        "arguments is not valid Unicode text",
    ),
    # Wrong shapes.
    case("text for messages", SMS, {"messages": SECRET}, "messages must be a list"),
    case("one message without its list", SMS, {"messages": GOOD[0]}, "messages must be a list"),
    case("text for a message", SMS, {"messages": [SECRET]}, "messages[0] must be an object"),
    case("a list for a message", SMS, {"messages": [GOOD]}, "messages[0] must be an object"),
    case("null for a message", SMS, {"messages": [GOOD[0], None]}, "messages[1] must be an object"),
    case("null for the messages", SMS, {"messages": None}, "messages is missing"),
    case("null for a required field", DELETE_LIST, {"list_id": None}, "list_id is missing"),
    case("an object for a number", DELETE_LIST, {"list_id": {"id": 1}}, f"list_id {WHOLE}"),
    case("text for the columns", IMPORT, imported(field_order="phone,email"), "field_order must be a list"),
    case("a broken list as text", SMS, {"messages": f'[{{"to": "{SECRET}'}, "messages is no valid JSON"),
    case("a list for the arguments", SMS, GOOD, "arguments must be an object"),
    case("text for the arguments", NEW_LIST, SECRET, "arguments must be an object"),
    case("null for the arguments", "CLICKSEND_GET_ACCOUNT", None, "arguments must be an object"),
    case("a date in digits", HISTORY, {"date_from": 20300131}, "date_from must be Unix seconds, not a date in digits"),
    case(
        "text for body",
        SMS,
        {"messages": [{"to": NUMBER, "text": SECRET}]},
        "text is not an input here; did you mean body?",
    ),
    case(
        "a port that is none",
        MMS,
        {"messages": [], "media_file": "https://example.com:99999/a.gif"},
        "media_file must be",
    ),
    case("a sender of spaces", SMS, sms(from_="  "), "messages[0].from must be a number of yours, or a name"),
    # Several problems at once.
    case("two fields of a message", SMS, sms(to="x", country="x"), "messages[0].country must", "; messages[0].to must"),
    case(
        "two fields of a query",
        HISTORY,
        {"page": -1, "limit": 500},
        "page must be 1 or more; limit must be 100 or less",
    ),
    case("missing fields", CHANGE, {}, "list_id is missing; contact_id is missing"),
    case(
        "a fault in many messages", SMS, {"messages": BAD * 3 + GOOD * 4 + BAD}, "messages[0-2,7].to must be an intern"
    ),
    case("many unlike faults", SMS, {"messages": [{f"x{i}": 1, **GOOD[0]} for i in range(50)]}, "and 10 more problems"),
)


def refusal(case: Case) -> str:
    return asking.refusal(case.slug, case.arguments)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input_is_refused_with_what_is_wrong(case: Case) -> None:
    explanation = refusal(case)

    assert [fragment for fragment in case.fragments if fragment not in explanation] == [], explanation


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_refusal_is_one_line_and_repeats_no_private_text(case: Case) -> None:
    explanation = refusal(case)

    assert explanation.encode().decode().splitlines() == [explanation]
    assert SECRET not in explanation
    assert not [
        word
        for word in ("Traceback", "pydantic", "https://errors", "ValidationError", "input_type")
        if word in explanation
    ]


def test_a_problem_of_many_messages_is_named_once() -> None:
    (explanation,) = [refusal(case) for case in CASES if case.id == "a fault in many messages"]

    assert explanation.count("must be an international number") == 1


def test_a_refusal_stays_short_when_every_message_is_invalid() -> None:
    explanation = refusal(case("a thousand", SMS, {"messages": BAD * 1000}))

    assert explanation.startswith("messages[0-999].to must be")
    assert len(explanation) < 200


def crosses_a_wire(arguments: Any) -> bool:
    """Whether JSON can carry this: it has no NaN and no half of a surrogate pair."""
    try:
        json.dumps(arguments, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


@pytest.mark.anyio
async def test_the_real_server_sends_no_request_for_bad_input(sandbox: RunningSandbox) -> None:
    environment = {
        "CLICKSEND_USERNAME": sandbox.username,
        "CLICKSEND_API_KEY": sandbox.api_key,
        "CLICKSEND_BASE_URL": sandbox.url,
    }
    from_hosts = [case for case in CASES if isinstance(case.arguments, dict) and crosses_a_wire(case.arguments)]
    assert len(from_hosts) > 140

    async with Client(StdioServerParameters(command=sys.executable, args=["-m", "server"], env=environment)) as host:
        for case in from_hosts:
            result = await host.call_tool(case.slug, case.arguments)
            envelope = Envelope.model_validate(result.structured_content)
            assert (result.is_error, envelope.successful, envelope.data) == (True, False, "")
            assert envelope.error
            assert envelope.error.startswith("Wrong input: ")
            assert [fragment for fragment in case.fragments if fragment not in envelope.error] == []

    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as world:
        assert (await world.get("/_sandbox/calls")).json() == {"calls": []}


def test_every_case_has_a_unique_name() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
