"""ClickSend's own Python SDK as an independent reader of the sandbox: it is strict about types."""

import json
from collections.abc import Iterator
from typing import Any

import clicksend
import pytest
from clicksend.exceptions import ApiException, ForbiddenException, NotFoundException, UnauthorizedException
from support.sandbox_client import ANA, HOUR, Sandbox, Web, until

# Fields of real answers that the SDK's models lack.
UNKNOWN_TO_THE_SDK = {"data._currency", "data.ai_enabled"}


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[clicksend.ApiClient]:
    settings = clicksend.Configuration(host=sandbox.url, username="sandbox", password="sandbox", retries=False)
    with clicksend.ApiClient(settings) as client:
        yield client
        client.rest_client.pool_manager.clear()


@pytest.fixture
def sms(client: clicksend.ApiClient) -> clicksend.SmsApi:
    return clicksend.SmsApi(client)


@pytest.fixture
def campaigns(client: clicksend.ApiClient) -> clicksend.SmsCampaignsApi:
    return clicksend.SmsCampaignsApi(client)


@pytest.fixture
def lists(client: clicksend.ApiClient) -> clicksend.ListsApi:
    return clicksend.ListsApi(client)


@pytest.fixture
def contacts(client: clicksend.ApiClient) -> clicksend.ContactsApi:
    return clicksend.ContactsApi(client)


def keys(value: Any, path: str = "") -> set[str]:
    """The paths of everything in a JSON value that is not null."""
    if isinstance(value, dict):
        paths = set()
        for name, inner in value.items():
            if inner is not None:
                paths |= {f"{path}.{name}".lstrip(".")} | keys(inner, f"{path}.{name}")
        return {key.lstrip(".") for key in paths}
    if isinstance(value, list):
        return {key for inner in value for key in keys(inner, path)}
    return set()


def checked(response: Any) -> dict[str, Any]:
    """The data of an answer, once the SDK has understood every field of it."""
    raw = json.loads(response.raw_data)
    assert response.status_code == raw["http_code"] == response.data.http_code == 200
    lost = keys(raw) - keys(response.data.to_dict())
    assert not {key for key in lost if not any(key.startswith(path) for path in UNKNOWN_TO_THE_SDK)}
    data: dict[str, Any] = raw["data"]
    return data


def send(sms: clicksend.SmsApi, **message: Any) -> dict[str, Any]:
    request = {"messages": [{"to": ANA, "body": "Hello", **message}]}
    rows: list[dict[str, Any]] = checked(sms.send_sms_with_http_info(send_sms_request=request))["messages"]
    return rows[0]


def test_sending_a_text_message(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    assert send(sms, custom_string="table-17")["status"] == "SUCCESS"
    assert sandbox.sent("sms")[0]["custom_string"] == "table-17"


def test_sending_a_text_message_to_a_list(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    request = {"messages": [{"list_id": str(list_id), "body": "Hello"}]}
    row = checked(sms.send_sms_with_http_info(send_sms_request=request))["messages"][0]
    assert (row["to"], row["list_id"]) == (ANA, str(list_id))


def test_pricing_a_text_message(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    request = {"messages": [{"to": ANA, "body": "Hello", "schedule": sandbox.now() + HOUR}]}
    data = checked(sms.calculate_sms_price_with_http_info(calculate_sms_price_request=request))
    assert data["total_price"] == 0.0792
    assert sandbox.sent() == []


def test_sending_a_picture_message(client: clicksend.ApiClient, sandbox: Sandbox) -> None:
    message = {"to": ANA, "body": "Today", "subject": "Cake", "from": "", "schedule": sandbox.now() + HOUR}
    request = {"media_file": "https://files.example/cake.gif", "messages": [message]}
    data = checked(clicksend.MmsApi(client).send_mms_with_http_info(send_mms_request=request))
    assert data["messages"][0]["message_price"] == "0.5500"


def test_a_campaign_from_price_to_cancel(campaigns: clicksend.SmsCampaignsApi, sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    text = {"name": "Spring", "body": "Half price. StopMsg.me/xxxxx", "from": ""}
    price = checked(
        campaigns.calculate_sms_campaign_price_with_http_info(
            calculate_sms_campaign_price_request={"list_id": str(list_id), **text}
        )
    )
    assert (price["total_count"], price["total_price"]) == (1, "0.0792")

    later = sandbox.now() + HOUR
    order = {"list_id": list_id, "senders": [], "schedule": later, **text}
    created = checked(campaigns.send_sms_campaign_with_http_info(send_sms_campaign_request=order))
    campaign_id = str(created["sms_campaign_id"])
    assert (created["status"], created["unsubscribe_link"]) == ("Scheduled", 1)

    assert checked(campaigns.view_sms_campaigns_with_http_info())["data"] == [created]
    assert checked(campaigns.view_specific_sms_campaign_with_http_info(campaign_id)) == created
    assert checked(campaigns.cancel_sms_campaign_with_http_info(campaign_id))["status"] == "Cancelled"


def test_updating_a_campaign_without_a_schedule_sends_it(
    campaigns: clicksend.SmsCampaignsApi, sandbox: Sandbox
) -> None:
    text = {"name": "Spring", "body": "Sale", "from": ""}
    order = {"list_id": sandbox.new_list(ANA), "senders": [], "schedule": sandbox.now() + HOUR, **text}
    created = checked(campaigns.send_sms_campaign_with_http_info(send_sms_campaign_request=order))
    changed = checked(
        campaigns.update_sms_campaign_with_http_info(
            str(created["sms_campaign_id"]),
            calculate_sms_campaign_price_request={"list_id": str(order["list_id"]), **text},
        )
    )
    assert changed["status"] == "Queued"
    assert [entry["to"] for entry in sandbox.sent("sms")] == [ANA]


def test_the_history(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    sent = send(sms)
    sandbox.advance(4)
    data = checked(sms.view_sms_history_with_http_info(q=f"to:{ANA}", order_by="date:desc"))
    assert [(row["message_id"], row["status_code"]) for row in data["data"]] == [(sent["message_id"], "201")]


def test_the_history_of_pictures(client: clicksend.ApiClient, sandbox: Sandbox) -> None:
    message = {"to": ANA, "subject": "Menu", "body": "Today"}
    sandbox.post("/v3/mms/send", {"media_file": "https://files.example/menu.gif", "messages": [message]})
    (row,) = checked(clicksend.MmsApi(client).view_mms_history_with_http_info(limit=15))["data"]
    assert (row["to"], row["subject"], row["body"], row["status"]) == (ANA, "Menu", "Today", "Queued")


def test_the_history_of_a_failure(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    send(sms, to="+61400990301")
    sandbox.advance(4)
    assert checked(sms.view_sms_history_with_http_info())["data"][0]["error_code"] == "12"


def test_receipts(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    sent = send(sms)
    sandbox.advance(4)
    receipt = checked(sms.view_specific_sms_receipt_with_http_info(sent["message_id"]))
    assert receipt["status_code"] == 201
    assert checked(sms.view_sms_receipts_with_http_info())["data"] == [receipt]
    assert sms.mark_sms_receipt_as_read().http_code == 200
    assert checked(sms.view_sms_receipts_with_http_info())["data"] == []


def test_statistics(client: clicksend.ApiClient, sms: clicksend.SmsApi) -> None:
    send(sms)
    data = checked(clicksend.StatisticsApi(client).view_sms_statistics_with_http_info())
    assert data["total"]["outbound"] == {"count": 1, "price": 0.0792}
    assert len(data["stats"]) == 30


def test_lists_and_contacts(lists: clicksend.ListsApi, contacts: clicksend.ContactsApi, sandbox: Sandbox) -> None:
    created = checked(lists.create_list_with_http_info(create_list_request={"list_name": "Customers"}))
    list_id = str(created["list_id"])
    assert checked(lists.view_lists_with_http_info())["data"][1:] == [created]
    assert checked(lists.view_specific_list_with_http_info(list_id)) == created

    ana = {"phone_number": ANA, "first_name": "Ana", "custom_1": "gold", "email": "ana@example.com"}
    contact = checked(lists.create_new_contact_with_http_info(list_id, create_new_contact_request=ana))
    contact_id = str(contact["contact_id"])
    assert checked(lists.view_list_contacts_with_http_info(list_id))["data"] == [contact]
    assert checked(contacts.get_specific_contact_with_http_info(list_id, contact_id)) == contact

    change = {"phone_number": ANA, "custom_1": "platinum"}
    changed = checked(contacts.update_contact_with_http_info(list_id, contact_id, create_new_contact_request=change))
    assert (changed["custom_1"], changed["first_name"]) == ("platinum", "Ana")

    assert checked(contacts.delete_contact_with_http_info(list_id, contact_id)) == []
    assert checked(lists.delete_list_with_http_info(list_id)) == []
    assert sandbox.get("/v3/lists")["total"] == 1  # the opt-out list, which every account has


def test_importing_contacts(lists: clicksend.ListsApi, sandbox: Sandbox, web: Web) -> None:
    file_url = web.serve("/people.csv", f"{ANA},Ana\n")
    list_id = str(sandbox.new_list())
    request = {"file_url": file_url, "field_order": "phone,first_name"}
    started = checked(lists.import_contacts_with_http_info(list_id, import_contacts_request=request))
    assert started["ids"] == [started["id"]]
    until(lambda: sandbox.account()["contacts"] == 1)


def test_the_account(client: clicksend.ApiClient) -> None:
    data = checked(clicksend.ManagementApi(client).view_account_details_with_http_info())
    assert data["balance"] == "100.000000"


def test_inbound_messages(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    rule = {
        "dedicated_number": "*",
        "rule_name": "All",
        "message_search_type": 0,
        "message_search_term": "",
        "action": "POLL",
        "action_address": "",
        "enabled": 1,
    }
    created = checked(sms.create_sms_inbound_automation_with_http_info(create_sms_inbound_automation_request=rule))
    assert created["action"] == "POLL"
    assert checked(sms.view_sms_inbound_automations_with_http_info())["data"] == [created]

    sent = send(sms, custom_string="table-17")
    sandbox.control("POST", "inbound", {"from": ANA, "body": "yes gladly"})
    row = checked(sms.view_inbound_sms_with_http_info())["data"][0]
    assert (row["body"], row["original_message_id"]) == ("yes gladly", sent["message_id"])

    assert sms.mark_specific_inbound_sms_message_as_read(row["message_id"]).http_code == 200
    assert checked(sms.view_inbound_sms_with_http_info())["data"] == []


def test_templates(sms: clicksend.SmsApi) -> None:
    text = {"template_name": "Welcome", "body": "Hello (First Name)"}
    created = checked(sms.create_sms_template_with_http_info(create_sms_template_request=text))
    template_id = str(created["template_id"])
    assert checked(sms.view_sms_templates_with_http_info(limit=15, q="template_name:Welcome"))["data"] == [created]
    assert checked(sms.view_a_specific_sms_template_with_http_info(template_id)) == created

    change = {"template_name": "Welcome", "body": "Good day"}
    changed = checked(sms.update_sms_template_with_http_info(template_id, create_sms_template_request=change))
    assert changed == {**created, "body": "Good day"}

    assert checked(sms.delete_sms_template_with_http_info(template_id)) == []
    with pytest.raises(NotFoundException):
        sms.view_a_specific_sms_template(template_id)


def test_cancelling(sms: clicksend.SmsApi, sandbox: Sandbox) -> None:
    later = sandbox.now() + HOUR
    first = send(sms, schedule=later)
    send(sms, schedule=later, custom_string="a")
    send(sms, schedule=later)
    assert sms.cancel_sms(first["message_id"]).http_code == 200
    only_a = sms.cancel_all_sms_with_http_info(cancel_all_sms_request={"custom_string": "a"})
    assert checked(only_a) == {"count": 1}
    assert checked(sms.cancel_all_sms_with_http_info()) == {"count": 1}


def test_a_refused_recipient_has_the_recorded_shape(sms: clicksend.SmsApi) -> None:
    request = {"messages": [{"to": "+000", "body": "Hello"}]}
    response = sms.send_sms_without_preload_content(send_sms_request=request)
    row = json.loads(response.data)["data"]["messages"][0]
    assert (row["status"], row["schedule"]) == ("INVALID_RECIPIENT", "")
    assert "message_price" not in row


def test_wrong_credentials_are_unauthorized(sandbox: Sandbox) -> None:
    settings = clicksend.Configuration(host=sandbox.url, retries=False)
    with clicksend.ApiClient(settings) as client, pytest.raises(UnauthorizedException):
        clicksend.ListsApi(client).view_lists()
    client.rest_client.pool_manager.clear()


def test_an_unknown_list_is_forbidden(lists: clicksend.ListsApi) -> None:
    with pytest.raises(ForbiddenException):
        lists.create_new_contact("7", create_new_contact_request={"phone_number": ANA})


def test_an_unknown_receipt_is_not_found(sms: clicksend.SmsApi) -> None:
    with pytest.raises(NotFoundException):
        sms.view_specific_sms_receipt("NO-SUCH-MESSAGE")


def test_the_account_is_rate_limited(client: clicksend.ApiClient) -> None:
    management = clicksend.ManagementApi(client)
    for _ in range(20):
        management.view_account_details()
    with pytest.raises(ApiException) as refusal:
        management.view_account_details()
    assert refusal.value.status == 429
    assert refusal.value.headers["Retry-After"] == "60"
