"""Campaigns: only scheduled ones can be changed or cancelled, and 20,000 recipients is the limit."""

from decimal import Decimal
from typing import Any

import pytest
from support.sandbox_client import ANA, BEN, HOUR, Sandbox, Web, until

PART = Decimal("0.0792")


def order(list_id: int | str, **rest: Any) -> dict[str, Any]:
    return {"list_id": list_id, "name": "Spring", "body": "Sale", **rest}


def create(sandbox: Sandbox, list_id: int, **rest: Any) -> dict[str, Any]:
    row: dict[str, Any] = sandbox.post("/v3/sms-campaigns/send", order(list_id, **rest))
    return row


def scheduled(sandbox: Sandbox, **rest: Any) -> dict[str, Any]:
    return create(sandbox, sandbox.new_list(ANA, BEN), schedule=sandbox.now() + HOUR, **rest)


def status(sandbox: Sandbox, campaign: dict[str, Any]) -> str:
    status: str = sandbox.get(f"/v3/sms-campaigns/{campaign['sms_campaign_id']}")["status"]
    return status


def fill(sandbox: Sandbox, web: Web, list_id: int, numbers: range) -> None:
    """Put many contacts into a list at once."""
    file_url = web.serve("/many.csv", "".join(f"+614{number:08}\n" for number in numbers))
    before = sandbox.account()["contacts"]
    sandbox.post(f"/v3/lists/{list_id}/import", {"file_url": file_url, "field_order": ["phone"]})
    until(lambda: sandbox.account()["contacts"] == before + len(numbers))


def test_a_campaign_without_a_schedule_is_sent_at_once(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA, BEN)
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"email": "nobody@example.com"})
    campaign = create(sandbox, list_id)
    assert (campaign["status"], campaign["_total_count"]) == ("Queued", 2)
    sandbox.advance(2)
    assert status(sandbox, campaign) == "Sending"
    sandbox.advance(2)
    assert status(sandbox, campaign) == "Sent"
    sent = sandbox.sent("sms")
    assert [(entry["to"], entry["campaign_id"]) for entry in sent] == [
        (ANA, campaign["sms_campaign_id"]),
        (BEN, campaign["sms_campaign_id"]),
    ]
    assert sandbox.balance() == 100 - 2 * PART
    assert len(sandbox.history()) == 2


def test_a_scheduled_campaign_reads_its_list_when_its_time_comes(sandbox: Sandbox) -> None:
    campaign = scheduled(sandbox)
    assert campaign["status"] == "Scheduled"
    assert (sandbox.history(), sandbox.balance()) == ([], 100)
    sandbox.post(f"/v3/lists/{campaign['list_id']}/contacts", {"phone_number": "+61400000003"})
    sandbox.advance(2 * HOUR)
    assert status(sandbox, campaign) == "Sent"
    assert [entry["date"] for entry in sandbox.sent()] == [campaign["schedule"]] * 3
    assert sandbox.balance() == 100 - 3 * PART


def test_a_scheduled_campaign_can_be_cancelled_once(sandbox: Sandbox) -> None:
    campaign = scheduled(sandbox)
    path = f"/v3/sms-campaigns/{campaign['sms_campaign_id']}/cancel"
    assert sandbox.put(path)["status"] == "Cancelled"
    assert sandbox.refused("PUT", path) == (404, "NOT_FOUND")
    sandbox.advance(2 * HOUR)
    assert sandbox.sent() == []


def test_a_sent_campaign_can_be_neither_cancelled_nor_changed(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    path = f"/v3/sms-campaigns/{create(sandbox, list_id)['sms_campaign_id']}"
    assert sandbox.refused("PUT", f"{path}/cancel") == (404, "NOT_FOUND")
    assert sandbox.refused("PUT", path, order(list_id)) == (400, "BAD_REQUEST")
    assert len(sandbox.sent()) == 1


def test_an_update_replaces_the_whole_campaign(sandbox: Sandbox) -> None:
    campaign = scheduled(sandbox, url_to_shorten="https://shop.example")
    later = campaign["schedule"] + HOUR
    other_list = sandbox.new_list(ANA, name="Others")
    changed = sandbox.put(
        f"/v3/sms-campaigns/{campaign['sms_campaign_id']}",
        order(str(other_list), name="Summer", body="Other", schedule=later),
    )
    assert (changed["name"], changed["body"], changed["schedule"]) == ("Summer", "Other", later)
    assert (changed["url_to_shorten"], changed["_list_name"], changed["_total_count"]) == ("", "Others", 1)
    sandbox.advance(HOUR)
    assert sandbox.sent() == []
    sandbox.advance(HOUR)
    assert [entry["body"] for entry in sandbox.sent()] == ["Other"]


@pytest.mark.parametrize("schedule", [{}, {"schedule": 0}])
def test_an_update_without_a_schedule_sends_at_once(sandbox: Sandbox, schedule: dict[str, int]) -> None:
    campaign = scheduled(sandbox)
    path = f"/v3/sms-campaigns/{campaign['sms_campaign_id']}"
    assert sandbox.put(path, order(campaign["list_id"], **schedule))["status"] == "Queued"
    assert len(sandbox.sent()) == 2


def test_placeholders_and_the_short_link_are_filled_in(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list()
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": ANA, "first_name": "Ana"})
    link = {"url_to_shorten": "https://shop.example/sale"}
    body = "Hi (First Name): smsg.io/xxxxx StopMsg.me/xxxxx"
    price = sandbox.post("/v3/sms-campaigns/price", order(list_id, body=body, **link))
    assert price["data"]["body"] == "Hi Ana: smsg.us/2b7k9 StopMsg.me/xxxxx"
    assert create(sandbox, list_id, body=body, **link)["unsubscribe_link"] == 1
    assert create(sandbox, list_id, body="Sale", **link)["unsubscribe_link"] == 0
    bodies = [entry["body"] for entry in sandbox.sent()]
    assert bodies == ["Hi Ana: smsg.us/2b7k9 StopMsg.me/xxxxx", "Sale smsg.us/2b7k9"]


def test_the_price_of_a_campaign_has_no_consequences(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA, "+12025550143", "+61400990404")
    price = sandbox.post("/v3/sms-campaigns/price", order(list_id, schedule=sandbox.now() + HOUR))
    assert (price["total_count"], price["total_price"]) == (2, "0.1035")
    assert price["_left_out"] == {"INVALID_RECIPIENT": 1}
    assert price["data"]["schedule"] == sandbox.now() + HOUR
    assert sandbox.get("/v3/sms-campaigns")["data"] == sandbox.sent() == []


@pytest.mark.parametrize("path", ["/v3/sms-campaigns/send", "/v3/sms-campaigns/price"])
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"list_id": 7}, (404, "NOT_FOUND")),
        ({"list_id": "seven"}, (404, "NOT_FOUND")),
        ({"list_id": None}, (400, "BAD_REQUEST")),
        ({"name": None}, (400, "BAD_REQUEST")),
        ({"body": " "}, (400, "BAD_REQUEST")),
        ({"schedule": "soon"}, (400, "INVALID_SCHEDULE")),
        ({"from": "My own shop"}, (400, "INVALID_SENDER_ID")),
        ({"url_to_shorten": "shop.example"}, (400, "BAD_REQUEST")),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(
    sandbox: Sandbox, path: str, change: dict[str, Any], refusal: tuple[int, str]
) -> None:
    body = order(sandbox.new_list(ANA)) | change
    assert sandbox.refused("POST", path, body) == refusal
    assert sandbox.sent() == []


def test_unknown_campaigns_are_not_found(sandbox: Sandbox) -> None:
    body = order(sandbox.new_list(ANA))
    assert sandbox.refused("GET", "/v3/sms-campaigns/7") == (404, "NOT_FOUND")
    assert sandbox.refused("PUT", "/v3/sms-campaigns/7", body) == (404, "NOT_FOUND")
    assert sandbox.refused("PUT", "/v3/sms-campaigns/none/cancel") == (404, "NOT_FOUND")


def test_20000_recipients_are_the_most(sandbox: Sandbox, web: Web) -> None:
    sandbox.control("PATCH", "settings", {"balance": 5000})
    list_id = sandbox.new_list()
    fill(sandbox, web, list_id, range(20_000))
    waiting = create(sandbox, list_id, schedule=sandbox.now() + HOUR)
    assert create(sandbox, list_id)["_total_count"] == 20_000
    assert sandbox.balance() == 5000 - 20_000 * PART

    sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": "+61499000000"})
    refusal = (400, "TOO_MANY_RECIPIENTS")
    assert sandbox.refused("POST", "/v3/sms-campaigns/send", order(list_id)) == refusal
    assert sandbox.refused("POST", "/v3/sms-campaigns/price", order(list_id)) == refusal
    sandbox.advance(HOUR)
    assert status(sandbox, waiting) == "Failed"
    assert sandbox.account()["sms"] == 20_000


def test_a_campaign_nobody_can_be_sent_fails(sandbox: Sandbox) -> None:
    campaign = scheduled(sandbox)
    sandbox.control("PATCH", "settings", {"balance": 0})
    sandbox.advance(HOUR)
    assert status(sandbox, campaign) == "Failed"


def test_a_campaign_sends_as_far_as_the_balance_goes(sandbox: Sandbox) -> None:
    campaign = scheduled(sandbox)
    sandbox.control("PATCH", "settings", {"balance": "0.1"})
    sandbox.advance(HOUR + 4)
    assert status(sandbox, campaign) == "Sent"
    assert [entry["to"] for entry in sandbox.sent()] == [ANA]


def test_deleting_the_list_fails_the_campaigns_that_wait_for_it(sandbox: Sandbox) -> None:
    campaign = scheduled(sandbox)
    sent = create(sandbox, campaign["list_id"])
    unconcerned = scheduled(sandbox)
    sandbox.delete(f"/v3/lists/{campaign['list_id']}")
    assert status(sandbox, campaign) == "Failed"
    assert status(sandbox, sent) == "Queued"
    assert status(sandbox, unconcerned) == "Scheduled"


def test_campaigns_are_listed_searched_and_sorted(sandbox: Sandbox) -> None:
    start = sandbox.now()
    for name in ("Spring", "Summer", "spring again"):
        scheduled(sandbox, name=name)
        sandbox.advance(10)

    def names(**query: Any) -> list[str]:
        return [row["name"] for row in sandbox.get("/v3/sms-campaigns", **query)["data"]]

    assert names() == ["Spring", "Summer", "spring again"]
    assert names(q="name:spring") == ["Spring", "spring again"]
    assert names(order_by="date_added:desc") == ["spring again", "Summer", "Spring"]
    assert names(date_from=start + 10, date_to=start + 10) == ["Summer"]
    assert sandbox.get("/v3/sms-campaigns", limit=3)["per_page"] == 15
