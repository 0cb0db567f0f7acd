"""What leaves for ClickSend: for each action the exact method, path, query and body that its arguments become."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tools.catalog import catalog
from tools.route import get, post, put

BASE = "https://clicksend.test"
UUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
TOMORROW = int(time.time()) + 86_400
SMS = {"to": "+61411111111", "body": "Hi"}


@dataclass(frozen=True)
class Case:
    """Arguments of an action, and the request that has to leave. An empty body means that there is none."""

    id: str
    slug: str
    arguments: dict[str, Any] = field(repr=False)
    line: str
    body: str = ""


CASES = (
    Case(
        "an SMS with all its fields",
        "CLICKSEND_CREATE_SMS_SEND",
        {
            "messages": [
                {
                    "to": "+61 411-111-111",
                    "body": "Hi",
                    "from": "Shop",
                    "schedule": str(TOMORROW),
                    "custom_string": "order 7",
                    "source": "crm",
                    "country": "AU",
                    "from_email": "ana@example.com",
                }
            ]
        },
        "POST /v3/sms/send",
        '{"messages":[{"country":"AU","to":"+61411111111","body":"Hi","from":"Shop",'
        f'"schedule":{TOMORROW},"custom_string":"order 7","source":"crm","from_email":"ana@example.com"}}]}}',
    ),
    Case(
        "two SMS with only what they need",
        "CLICKSEND_CREATE_SMS_SEND",
        {"messages": [SMS, {"to": "+4930901820", "body": "Hallo"}]},
        "POST /v3/sms/send",
        '{"messages":[{"to":"+61411111111","body":"Hi"},{"to":"+4930901820","body":"Hallo"}]}',
    ),
    Case(
        "the price of an SMS",
        "CLICKSEND_SMS_PRICE_POST",
        {"messages": [{**SMS, "from": "+61422222222"}]},
        "POST /v3/sms/price",
        '{"messages":[{"to":"+61411111111","body":"Hi","from":"+61422222222"}]}',
    ),
    Case(
        "history with everything",
        "CLICKSEND_GET_SMS_HISTORY",
        {
            "q": "status:Completed,to:+61411111111",
            "page": 2,
            "limit": 100,
            "date_from": 1600000000,
            "date_to": 1700000000,
            "order_by": "date:desc",
        },
        "GET /v3/sms/history?q=status%3ACompleted%2Cto%3A%2B61411111111&page=2&limit=100"
        "&date_from=1600000000&date_to=1700000000&order_by=date%3Adesc",
    ),
    Case("history without a filter", "CLICKSEND_GET_SMS_HISTORY", {}, "GET /v3/sms/history"),
    Case("receipts", "CLICKSEND_GET_SMS_RECEIPTS", {"page": 1, "limit": 15}, "GET /v3/sms/receipts?page=1&limit=15"),
    Case(
        "one receipt",
        "CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET",
        {"message_id": UUID},
        f"GET /v3/sms/receipts/{UUID}",
    ),
    Case("statistics", "CLICKSEND_GET_STATISTICS_SMS", {}, "GET /v3/statistics/sms"),
    Case(
        "inbound",
        "CLICKSEND_GET_SMS_INBOUND",
        {"q": "body:one & two=3 #4", "order_by": "from:asc"},
        "GET /v3/sms/inbound?q=body%3Aone+%26+two%3D3+%234&order_by=from%3Aasc",
    ),
    Case("cancel all SMS", "CLICKSEND_SMS_CANCEL_ALL_PUT", {}, "PUT /v3/sms/cancel-all"),
    Case(
        "cancel SMS with a reference",
        "CLICKSEND_SMS_CANCEL_ALL_PUT",
        {"custom_string": "order 7"},
        "PUT /v3/sms/cancel-all",
        '{"custom_string":"order 7"}',
    ),
    Case(
        "an MMS",
        "CLICKSEND_CREATE_MMS_SEND",
        {"messages": [{**SMS, "subject": "Sale"}], "media_file": "https://example.com/a.jpg?x=1&y=2"},
        "POST /v3/mms/send",
        '{"messages":[{"to":"+61411111111","subject":"Sale","body":"Hi"}],'
        '"media_file":"https://example.com/a.jpg?x=1&y=2"}',
    ),
    Case(
        "a campaign with all its fields",
        "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND",
        {
            "body": "Hi (First Name), smsg.io/xxxxx StopMsg.me/xxxxx",
            "from": "Shop",
            "name": "Spring",
            "list_id": 88,
            "schedule": TOMORROW,
            "url_to_shorten": "https://example.com/sale",
        },
        "POST /v3/sms-campaigns/send",
        '{"body":"Hi (First Name), smsg.io/xxxxx StopMsg.me/xxxxx","from":"Shop","name":"Spring","list_id":88,'
        f'"schedule":{TOMORROW},"url_to_shorten":"https://example.com/sale"}}',
    ),
    Case(
        "the price of a campaign",
        "CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE",
        {"body": "Hi", "name": "Spring", "list_id": 88},
        "POST /v3/sms-campaigns/price",
        '{"body":"Hi","name":"Spring","list_id":88}',
    ),
    Case(
        "a changed campaign has its id in the path only",
        "CLICKSEND_UPDATE_SMS_CAMPAIGNS",
        {"body": "Hi", "name": "Spring", "list_id": 88, "schedule": 0, "sms_campaign_id": 7},
        "PUT /v3/sms-campaigns/7",
        '{"body":"Hi","name":"Spring","list_id":88,"schedule":0}',
    ),
    Case(
        "cancel a campaign",
        "CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT",
        {"sms_campaign_id": 7},
        "PUT /v3/sms-campaigns/7/cancel",
    ),
    Case(
        "campaigns",
        "CLICKSEND_GET_SMS_CAMPAIGNS3",
        {"q": "status:Scheduled", "page": 3, "limit": 15},
        "GET /v3/sms-campaigns?q=status%3AScheduled&page=3&limit=15",
    ),
    Case(
        "a new list",
        "CLICKSEND_CREATE_LISTS",
        {"list_name": "Käufer"},
        "POST /v3/lists",
        '{"list_name":"Käufer"}',
    ),
    Case("lists", "CLICKSEND_GET_LISTS", {"page": 2, "limit": 1}, "GET /v3/lists?page=2&limit=1"),
    Case("delete a list", "CLICKSEND_DELETE_LISTS", {"list_id": 88}, "DELETE /v3/lists/88"),
    Case(
        "an import names the columns as ClickSend does",
        "CLICKSEND_GET_LISTS_IMPORT",
        {
            "list_id": 88,
            "file_url": "https://example.com/a.csv",
            "field_order": ["phone_number", "fax_number", "email", "custom_1", "custom_2", "custom_3", "custom_4"],
        },
        "POST /v3/lists/88/import",
        '{"file_url":"https://example.com/a.csv",'
        '"field_order":["phone","fax_number","email","custom1","custom2","custom3","custom4"]}',
    ),
    Case(
        "an import with the name phone",
        "CLICKSEND_GET_LISTS_IMPORT",
        {"list_id": 88, "file_url": "https://example.com/a.xlsx", "field_order": ["phone", "first_name"]},
        "POST /v3/lists/88/import",
        '{"file_url":"https://example.com/a.xlsx","field_order":["phone","first_name"]}',
    ),
    Case(
        "an export",
        "CLICKSEND_GET_LISTS_EXPORT",
        {"list_id": 88, "filename": "all & more.csv"},
        "GET /v3/lists/88/export?filename=all+%26+more.csv",
    ),
    Case(
        "a contact with all its fields",
        "CLICKSEND_CREATE_LISTS_CONTACTS",
        {
            "list_id": 88,
            "phone_number": "+61411111111",
            "email": "ana@example.com",
            "first_name": "Ana",
            "last_name": "O'Neil",
            "organization_name": "Shop",
            "address_line_1": "1 Main St",
            "address_city": "Perth",
            "address_state": "WA",
            "address_postal_code": "0800",
            "address_country": "AU",
            "custom_1": "a",
            "custom_2": "b",
            "custom_3": "c",
            "custom_4": "d",
            "fax_number": "+61893333333",
        },
        "POST /v3/lists/88/contacts",
        '{"address_country":"AU","phone_number":"+61411111111","email":"ana@example.com","first_name":"Ana",'
        '"last_name":"O\'Neil",'
        '"organization_name":"Shop","address_line_1":"1 Main St","address_city":"Perth","address_state":"WA",'
        '"address_postal_code":"0800","custom_1":"a","custom_2":"b","custom_3":"c",'
        '"custom_4":"d","fax_number":"+61893333333"}',
    ),
    Case(
        "contacts",
        "CLICKSEND_GET_LISTS_CONTACTS",
        {"list_id": 88, "page": 2, "limit": 50, "updated_after": "2023-11-14T22:13:20Z"},
        "GET /v3/lists/88/contacts?page=2&limit=50&updated_after=1700000000",
    ),
    Case(
        "a changed contact has only what changes",
        "CLICKSEND_UPDATE_LISTS_CONTACTS",
        {"list_id": 88, "contact_id": 9, "first_name": "", "custom_1": None},
        "PUT /v3/lists/88/contacts/9",
        '{"first_name":""}',
    ),
    Case(
        "delete a contact",
        "CLICKSEND_DELETE_LISTS_CONTACTS",
        {"list_id": 88, "contact_id": 9},
        "DELETE /v3/lists/88/contacts/9",
    ),
    Case(
        "an inbound rule sends an empty search term if there is none",
        "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND",
        {
            "action": "POLL",
            "enabled": 1,
            "rule_name": "All",
            "action_address": "",
            "dedicated_number": "*",
            "message_search_type": 0,
        },
        "POST /v3/automations/sms/inbound",
        '{"action":"POLL","enabled":1,"rule_name":"All","action_address":"","dedicated_number":"*",'
        '"message_search_type":0,"message_search_term":""}',
    ),
    Case(
        "an inbound rule with a webhook",
        "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND",
        {
            "action": "URL",
            "enabled": 0,
            "rule_name": "Hook",
            "action_address": "https://example.com/in",
            "dedicated_number": "+61 411 111 111",
            "message_search_type": 2,
            "message_search_term": " yes",
            "webhook_type": "json",
        },
        "POST /v3/automations/sms/inbound",
        '{"action":"URL","enabled":0,"rule_name":"Hook","action_address":"https://example.com/in",'
        '"dedicated_number":"+61411111111","message_search_type":2,"message_search_term":" yes",'
        '"webhook_type":"json"}',
    ),
    Case(
        "a letter with all its fields",
        "CLICKSEND_CREATE_POST_LETTERS_SEND",
        {
            "file_url": "https://example.com/letter.pdf",
            "recipients": [
                {
                    "address_name": "Ana",
                    "address_line_1": "1 Main St",
                    "address_line_2": "Unit 2",
                    "address_city": "Perth",
                    "address_state": "",
                    "address_postal_code": "6000",
                    "address_country": "AU",
                    "return_address_id": 5,
                    "schedule": 0,
                    "custom_string": "order 7",
                }
            ],
            "colour": 1,
            "duplex": 0,
            "priority_post": 1,
            "source": "crm",
            "template_used": 0,
        },
        "POST /v3/post/letters/send",
        '{"file_url":"https://example.com/letter.pdf","recipients":[{"address_name":"Ana",'
        '"address_line_1":"1 Main St","address_line_2":"Unit 2","address_city":"Perth","address_state":"",'
        '"address_postal_code":"6000","address_country":"AU","return_address_id":5,"schedule":0,'
        '"custom_string":"order 7"}],"colour":1,"duplex":0,"priority_post":1,"source":"crm","template_used":0}',
    ),
    Case("the account", "CLICKSEND_GET_ACCOUNT", {}, "GET /v3/account"),
)


def leaving(slug: str, arguments: dict[str, Any]) -> httpx.Request:
    """The request as httpx puts it on the wire."""
    action = catalog()[slug]
    request = action.request(action.input.model_validate(arguments))
    return httpx.Request(request.method, BASE + request.path, params=request.query, json=request.body)


def test_every_action_has_a_row() -> None:
    assert {case.slug for case in CASES} == set(catalog())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_arguments_become_exactly_this_request(case: Case) -> None:
    request = leaving(case.slug, case.arguments)

    assert f"{request.method} {request.url.raw_path.decode().removesuffix('?')}" == case.line
    assert request.content.decode() == case.body


@pytest.mark.parametrize("case", [case for case in CASES if not case.body], ids=lambda case: case.id)
def test_a_request_without_a_body_does_not_announce_one(case: Case) -> None:
    assert "content-type" not in leaving(case.slug, case.arguments).headers


@pytest.mark.parametrize(
    "text",
    [
        "Grüße 👩‍👩‍👧 🇦🇺",
        "\u201cquoted\u201d \u2018too\u2019 \u2013 it\u2019s",
        "  two spaces first",
        "line\r\nbreaks\n",
        "null",
        "[1]",
        '{"a":1}',
        '"',
        "0",
    ],
    ids=ascii,
)
def test_a_text_leaves_byte_for_byte_as_it_was_given(text: str) -> None:
    request = leaving("CLICKSEND_CREATE_SMS_SEND", {"messages": [{"to": "+61411111111", "body": text}]})

    assert httpx.Response(200, content=request.content).json()["messages"][0]["body"] == text


def test_letters_of_any_script_leave_as_utf_8_and_not_as_escapes() -> None:
    request = leaving("CLICKSEND_CREATE_LISTS", {"list_name": "Привет 👋"})

    assert request.content == '{"list_name":"Привет 👋"}'.encode()


# --- routes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1/../2", "a?b=c", "a#b", "%2e%2e", "ü", "{other}", "../../account"])
def test_a_value_in_the_path_cannot_lead_to_another_path(value: str) -> None:
    request = get("/v3/lists/{list_id}/contacts").fill({"list_id": value})
    url = httpx.URL(BASE + request.path)

    assert url.path == f"/v3/lists/{value}/contacts"
    assert url.raw_path.count(b"/") == 4
    assert not url.query
    assert not url.fragment


def test_what_is_not_in_the_path_goes_into_the_query_of_a_get_and_the_body_of_the_others() -> None:
    values = {"id": 1, "a": "x"}

    assert get("/v3/{id}").fill(values).query == {"a": "x"}
    assert get("/v3/{id}").fill(values).body is None
    assert post("/v3/{id}").fill(values).body == put("/v3/{id}").fill(values).body == {"a": "x"}
    assert not post("/v3/{id}").fill(values).query
