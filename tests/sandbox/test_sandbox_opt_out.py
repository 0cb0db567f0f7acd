"""A number that answers STOP is on the opt-out list; campaigns skip it, and count only whom they reach."""

from typing import Any

import pytest
from support.sandbox_client import ANA, BEN, HOUR, Sandbox

LIST = "Opt-Out List"


def campaign(sandbox: Sandbox, list_id: int, **rest: Any) -> dict[str, Any]:
    body = {"list_id": list_id, "name": "Spring", "body": "Sale", **rest}
    row: dict[str, Any] = sandbox.post("/v3/sms-campaigns/send", body)
    return row


def say(sandbox: Sandbox, body: str, sender: str = ANA) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = sandbox.control("POST", "inbound", {"from": sender, "body": body})["rules"]
    return runs


def opted_out(sandbox: Sandbox) -> list[str]:
    (opt_out_list,) = [row for row in sandbox.get("/v3/lists", limit=100)["data"] if row["list_name"] == LIST]
    assert opt_out_list["_contacts_count"] == sandbox.account()["opted_out"]
    rows = sandbox.get(f"/v3/lists/{opt_out_list['list_id']}/contacts")["data"]
    return sorted({row["phone_number"] for row in rows})


def reached(sandbox: Sandbox, sent: dict[str, Any]) -> list[str]:
    return [entry["to"] for entry in sandbox.sent("sms") if entry["campaign_id"] == sent["sms_campaign_id"]]


@pytest.mark.parametrize(
    "word",
    ["STOP", "stop", " Stop. ", "STOP!!", "«Stop»", "STOPALL", "stop all", "Unsubscribe", "CANCEL", "end", "QUIT"],
)
def test_a_number_that_says_stop_is_skipped_by_later_campaigns(sandbox: Sandbox, word: str) -> None:
    list_id, other = sandbox.new_list(ANA, BEN), sandbox.new_list(ANA, BEN)
    assert reached(sandbox, campaign(sandbox, list_id)) == [ANA, BEN]
    assert [run["outcome"] for run in say(sandbox, word)] == ["opted out"]
    assert opted_out(sandbox) == [ANA]
    assert reached(sandbox, campaign(sandbox, list_id)) == reached(sandbox, campaign(sandbox, other)) == [BEN]


@pytest.mark.parametrize("text", ["Don't stop", "stop by at five", "yes", "", "bus stop", "the end"])
def test_other_texts_do_not_opt_out(sandbox: Sandbox, text: str) -> None:
    """An opt-out word among others is not a request."""
    list_id = sandbox.new_list(ANA)
    assert say(sandbox, text) == []
    assert opted_out(sandbox) == []
    assert campaign(sandbox, list_id)["_total_count"] == 1


def test_a_number_that_is_listed_again_stays_opted_out(sandbox: Sandbox) -> None:
    """In every spelling; the campaign counts it separately."""
    say(sandbox, "STOP")
    list_id = sandbox.new_list("0400 000 001", "61400000001", BEN)
    price = sandbox.post("/v3/sms-campaigns/price", {"list_id": list_id, "name": "Spring", "body": "Sale"})
    assert (price["total_count"], price["total_price"], price["_left_out"]) == (1, "0.0792", {"OPTED_OUT": 2})
    sent = campaign(sandbox, list_id)
    assert (sent["_total_count"], sent["_left_out"], reached(sandbox, sent)) == (1, {"OPTED_OUT": 2}, [BEN])


def test_a_scheduled_campaign_skips_a_number_that_has_said_stop_meanwhile(sandbox: Sandbox) -> None:
    """The list is read when the campaign is sent."""
    waiting = campaign(sandbox, sandbox.new_list(ANA, BEN), schedule=sandbox.now() + HOUR)
    say(sandbox, "STOP")
    sandbox.advance(HOUR)
    assert reached(sandbox, waiting) == [BEN]


def test_single_messages_still_reach_a_number_that_has_opted_out(sandbox: Sandbox) -> None:
    """ClickSend's help says that single messages bypass the list."""
    say(sandbox, "STOP")
    assert sandbox.send_one(ANA)["status"] == "SUCCESS"


def test_a_number_that_is_deleted_from_the_list_is_reached_again(sandbox: Sandbox) -> None:
    """The list alone decides, and a reset empties it."""
    say(sandbox, "STOP")
    (opt_out_list,) = [row for row in sandbox.get("/v3/lists")["data"] if row["list_name"] == LIST]
    path = f"/v3/lists/{opt_out_list['list_id']}"
    assert sandbox.refused("DELETE", path) == (400, "BAD_REQUEST")
    (contact,) = sandbox.get(f"{path}/contacts")["data"]
    sandbox.delete(f"{path}/contacts/{contact['contact_id']}")
    assert campaign(sandbox, sandbox.new_list(ANA))["_total_count"] == 1
    say(sandbox, "STOP")
    sandbox.control("POST", "reset")
    assert opted_out(sandbox) == []


def test_contacts_can_be_added_to_the_list(sandbox: Sandbox) -> None:
    """Numbers that opted out elsewhere can be added."""
    (opt_out_list,) = [row for row in sandbox.get("/v3/lists")["data"] if row["list_name"] == LIST]
    sandbox.post(f"/v3/lists/{opt_out_list['list_id']}/contacts", {"phone_number": "0400000001"})
    assert campaign(sandbox, sandbox.new_list(ANA, BEN))["_total_count"] == 1


# Whom a campaign reaches


@pytest.mark.parametrize("path", ["send", "price"])
@pytest.mark.parametrize("numbers", [[], ["61400000001.0", "6.14E+10", "+61400990404"], ["+61400990403"]])
def test_a_campaign_to_nobody_is_refused(sandbox: Sandbox, path: str, numbers: list[str]) -> None:
    list_id = sandbox.new_list(*numbers)
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"email": "ana@example.com"})
    body = {"list_id": list_id, "name": "Spring", "body": "Sale"}
    assert sandbox.refused("POST", f"/v3/sms-campaigns/{path}", body) == (400, "INVALID_RECIPIENT")
    assert sandbox.get("/v3/sms-campaigns")["data"] == sandbox.sent() == []


def test_an_update_to_nobody_is_refused_and_changes_nothing(sandbox: Sandbox) -> None:
    made = campaign(sandbox, sandbox.new_list(ANA), schedule=sandbox.now() + HOUR)
    path = f"/v3/sms-campaigns/{made['sms_campaign_id']}"
    body = {"list_id": sandbox.new_list(), "name": "Summer", "body": "Other"}
    assert sandbox.refused("PUT", path, body) == (400, "INVALID_RECIPIENT")
    assert sandbox.get(path) == made


def test_the_count_the_price_and_the_sent_messages_agree(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA, "6.14E+10", "61400000002.0", "+61400990403", "+447700900123")
    price = sandbox.post("/v3/sms-campaigns/price", {"list_id": list_id, "name": "Spring", "body": "Sale"})
    before = sandbox.balance()
    sent = campaign(sandbox, list_id)
    left_out = {"INVALID_RECIPIENT": 2, "COUNTRY_NOT_ENABLED": 1}
    assert price["total_count"] == sent["_total_count"] == len(reached(sandbox, sent)) == 2
    assert price["_left_out"] == sent["_left_out"] == left_out
    assert f"{before - sandbox.balance():.4f}" == price["total_price"]


def test_a_campaign_counts_the_messages_that_the_balance_paid_for(sandbox: Sandbox) -> None:
    """With money for one of two messages, one is counted."""
    sandbox.control("PATCH", "settings", {"balance": "0.1"})
    sent = campaign(sandbox, sandbox.new_list(ANA, BEN))
    assert (sent["_total_count"], sent["_left_out"]) == (1, {"INSUFFICIENT_CREDIT": 1})


@pytest.mark.parametrize("to", ["+6834002", "+67712345", "+50012345", "+4722345678"])
def test_short_numbers_are_valid_where_the_numbering_plan_has_them(sandbox: Sandbox, to: str) -> None:
    assert sandbox.send_one(to)["status"] == "SUCCESS"


@pytest.mark.parametrize("to", ["+6834", "+6140000000", "+614000000010", "+61061400000005", "+999123456789", "0061"])
def test_numbers_that_no_numbering_plan_has_are_refused(sandbox: Sandbox, to: str) -> None:
    """They are not charged, or sent to somebody else."""
    assert sandbox.send_one(to)["status"] == "INVALID_RECIPIENT"
    assert sandbox.balance() == 100
