"""A day in which an agent uses all actions offered by default, and passes what one returns on to the next unchanged."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx

from server.sandbox.serve import RunningSandbox

ANA = "+61491570156"
BO = "+61491570157"
CSV = f"phone,first_name\n{BO},Bo\n"

Call = Callable[..., Awaitable[Any]]  # an action's slug without CLICKSEND_, and its arguments by name


async def control(sandbox: RunningSandbox, method: str, name: str, body: Any = None) -> Any:
    """Use a control endpoint of the sandbox."""
    async with httpx.AsyncClient(trust_env=False) as web:
        response = await web.request(method, f"{sandbox.url}/_sandbox/{name}", json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def own_account(sandbox: RunningSandbox) -> Any:
    """The state of the sandbox's first account."""
    accounts = (await control(sandbox, "GET", "state"))["accounts"]
    return next(account for account in accounts if account["username"] == sandbox.username)


async def lists_and_contacts(call: Call, sandbox: RunningSandbox, csv_url: str) -> Any:
    """Make a list of two contacts, one of them imported; Ana's contact."""
    made = await call("CREATE_LISTS", list_name="Customers")
    assert made["list_name"] == "Customers"
    list_id = made["list_id"]
    created = await call("CREATE_LISTS_CONTACTS", list_id=list_id, phone_number="+61 491 570 156", first_name="Ana")
    assert created["phone_number"] == ANA
    changed = await call("UPDATE_LISTS_CONTACTS", list_id=list_id, contact_id=created["contact_id"], custom_1="gold")
    assert (changed["custom_1"], changed["first_name"]) == ("gold", "Ana")

    columns = ["phone_number", "first_name"]
    queued = await call("GET_LISTS_IMPORT", list_id=list_id, file_url=csv_url, field_order=columns)
    assert queued["id"] in queued["ids"]
    with anyio.fail_after(60):
        while (await own_account(sandbox))["imports"][0]["status"] != "done":  # noqa: ASYNC110 - bounded above
            await anyio.sleep(0.01)
    (row,) = (await call("GET_LISTS"))["data"][-1:]
    assert (row["list_id"], row["_contacts_count"], row["_import_in_progress"]) == (list_id, 2, 0)

    ana, bo = (await call("GET_LISTS_CONTACTS", list_id=list_id, limit=100))["data"]
    assert [ana["phone_number"], bo["phone_number"]] == [ANA, BO]
    exported = await call("GET_LISTS_EXPORT", list_id=list_id, filename="customers.csv")
    async with httpx.AsyncClient(trust_env=False) as web:  # without credentials: the address has to do
        csv = (await web.get(exported["url"])).text
    assert ANA in csv
    assert BO in csv
    return ana


async def messages(call: Call, sandbox: RunningSandbox, ana: Any) -> None:
    """Price, send and follow one SMS, receive an answer, cancel a scheduled SMS, send an MMS."""
    message = {"to": ana["phone_number"], "body": "Parcel 17 is ready", "custom_string": "order-17"}
    priced = await call("SMS_PRICE_POST", messages=[message])
    assert priced["total_price"] == 0.0792
    sent = await call("CREATE_SMS_SEND", messages=[message])
    assert (sent["queued_count"], sent["total_price"]) == (1, priced["total_price"])
    await control(sandbox, "POST", "clock", {"advance": 10})

    (in_history,) = (await call("GET_SMS_HISTORY", q=f"to:{ANA}", order_by="date:desc"))["data"]
    assert (in_history["status"], in_history["custom_string"]) == ("Completed", "order-17")
    receipt = await call("SMS_RECEIPTS_BY_MESSAGE_ID_GET", message_id=in_history["message_id"])
    assert receipt["status_code"] == 201
    receipts = await call("GET_SMS_RECEIPTS")
    assert [row["message_id"] for row in receipts["data"]] == [sent["messages"][0]["message_id"]]
    assert (await call("GET_STATISTICS_SMS"))["total"]["outbound"] == {"count": 1, "price": 0.0792}

    rule = {"rule_name": "Inbox", "action": "POLL", "action_address": "", "dedicated_number": "*"}
    made = await call("CREATE_AUTOMATIONS_SMS_INBOUND", **rule, enabled=1, message_search_type=0)
    assert made["action"] == "POLL"
    await control(sandbox, "POST", "inbound", {"from": ana["phone_number"], "body": "Thank you 👍🏽"})
    (inbound,) = (await call("GET_SMS_INBOUND"))["data"]
    assert (inbound["body"], inbound["original_message_id"]) == ("Thank you 👍🏽", in_history["message_id"])

    later = int(time.time()) + 86_400
    answer = {"to": inbound["from"], "body": "Welcome", "custom_string": inbound["custom_string"], "schedule": later}
    held = await call("CREATE_SMS_SEND", messages=[answer])
    assert held["messages"][0]["schedule"] == later
    assert (await call("SMS_CANCEL_ALL_PUT", custom_string="order-17"))["count"] == 1

    picture = {"to": ana["phone_number"], "subject": "Menu", "body": "Today"}
    mms = await call("CREATE_MMS_SEND", media_file="https://files.example/menu.gif", messages=[picture])
    assert mms["total_price"] == 0.55


async def campaigns_and_letters(call: Call, sandbox: RunningSandbox, ana: Any) -> None:
    """Price, schedule, change and cancel a campaign; post a letter; tidy up."""
    campaign = {"list_id": ana["list_id"], "name": "Sale", "body": "Hi (First Name), 20% off. StopMsg.me/xxxxx"}
    priced = await call("CALCULATE_SMS_CAMPAIGNS_PRICE", **campaign)
    assert (priced["total_count"], priced["total_price"]) == (2, "0.1584")
    later = int(time.time()) + 86_400
    made = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign, schedule=later)
    assert made["status"] == "Scheduled"
    same = {name: made[name] for name in ("sms_campaign_id", "list_id", "body", "from", "schedule")}
    assert (await call("UPDATE_SMS_CAMPAIGNS", **same, name="Spring sale"))["schedule"] == later
    (listed,) = (await call("GET_SMS_CAMPAIGNS3", q="status:Scheduled"))["data"]
    assert (listed["name"], listed["sms_campaign_id"]) == ("Spring sale", made["sms_campaign_id"])
    cancelled = await call("SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT", sms_campaign_id=listed["sms_campaign_id"])
    assert cancelled["status"] == "Cancelled"

    address = {"address_line_1": "1 Sample St", "address_city": "Perth", "address_state": "WA"}
    code = {"address_postal_code": "6000", "address_country": "AU"}
    (own_address, *_) = (await own_account(sandbox))["return_addresses"]
    recipient = {"address_name": "Ana Reyes", **address, **code, "return_address_id": own_address}
    letter = await call("CREATE_POST_LETTERS_SEND", file_url="https://files.example/letter.pdf", recipients=[recipient])
    assert letter["total_price"] == 1.27

    ids = {"list_id": ana["list_id"], "contact_id": ana["contact_id"]}
    assert await call("DELETE_LISTS_CONTACTS", **ids) == []
    assert await call("DELETE_LISTS", list_id=ana["list_id"]) == []


async def whole_day(call: Call, sandbox: RunningSandbox, csv_url: str) -> None:
    """Use every action; then check in the sandbox what was sent, what it cost, and what remains."""
    account = await call("GET_ACCOUNT")
    assert (account["username"], account["balance"]) == (sandbox.username, "100.000000")
    assert "api_key" not in account["_subaccount"]
    ana = await lists_and_contacts(call, sandbox, csv_url)
    await messages(call, sandbox, ana)
    await campaigns_and_letters(call, sandbox, ana)

    sent = (await control(sandbox, "GET", "sent"))["sent"]
    summary = sorted((entry["kind"], entry["status"] == "Cancelled", entry["price"]) for entry in sent)
    assert summary == [
        ("letter", False, "1.2700"),
        ("mms", False, "0.5500"),
        ("sms", False, "0.0792"),
        ("sms", True, "0.0792"),
    ]
    remaining = await own_account(sandbox)
    assert remaining["balance"] == "98.100800"
    assert (remaining["lists"], remaining["contacts"], remaining["scheduled"]) == (0, 0, 0)
