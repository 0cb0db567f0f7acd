"""Inbound messages and the rules that act on them."""

import json
from decimal import Decimal
from typing import Any

import pytest
from support.sandbox_client import ANA, BEN, HOUR, Sandbox, Web, until

OURS = "+61400000999"


def add_rule(sandbox: Sandbox, action: str, action_address: str | int = "", **rest: Any) -> dict[str, Any]:
    body = {
        "dedicated_number": "*",
        "rule_name": "A rule",
        "message_search_type": 0,
        "message_search_term": "",
        "action": action,
        "action_address": str(action_address),
        "enabled": 1,
    }
    rule: dict[str, Any] = sandbox.post("/v3/automations/sms/inbound", body | rest)
    return rule


def deliver(sandbox: Sandbox, body: str = "yes gladly", **rest: Any) -> list[str]:
    """Let a message from Ana come in; the outcomes of the rules that ran."""
    answer = sandbox.control("POST", "inbound", {"from": ANA, "body": body} | rest)
    return [run["outcome"] for run in answer["rules"]]


def inbox(sandbox: Sandbox, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sandbox.get("/v3/sms/inbound", **query)["data"]
    return rows


def test_without_a_rule_a_message_is_only_in_the_history(sandbox: Sandbox) -> None:
    assert deliver(sandbox) == []
    assert inbox(sandbox) == []
    (row,) = sandbox.history()
    assert (row["direction"], row["status"], row["from"], row["to"]) == ("in", "Received", ANA, OURS)
    assert sandbox.sent() == []


def test_a_reply_answers_what_has_arrived_not_what_is_scheduled_or_cancelled(sandbox: Sandbox) -> None:
    arrived = sandbox.send_one(body="Pizza 16")
    sandbox.send_one(body="Pizza 17", schedule=sandbox.now() + HOUR, custom_string="late")
    add_rule(sandbox, "POLL")
    deliver(sandbox)
    sandbox.put("/v3/sms/cancel-all", {"custom_string": "late"})
    deliver(sandbox)
    assert {row["original_message_id"] for row in inbox(sandbox)} == {arrived["message_id"]}


def test_each_poll_rule_lists_a_copy_with_what_was_answered(sandbox: Sandbox) -> None:
    sandbox.send_one(body="Pizza 16", custom_string="table-16")
    sent = sandbox.send_one(body="Pizza 17", custom_string="table-17")
    sandbox.send_one(to=BEN)
    add_rule(sandbox, "POLL")
    add_rule(sandbox, "POLL")
    assert deliver(sandbox) == ["listed", "listed"]
    first, second = inbox(sandbox)
    assert first == second
    assert (first["original_message_id"], first["original_body"]) == (sent["message_id"], "Pizza 17")
    assert (first["custom_string"], first["_keyword"], first["timestamp"]) == ("table-17", "yes", sandbox.now())


def test_a_message_nobody_asked_for_has_no_original(sandbox: Sandbox) -> None:
    add_rule(sandbox, "POLL")
    deliver(sandbox, body="")
    (row,) = inbox(sandbox)
    assert (row["original_message_id"], row["custom_string"], row["_keyword"]) == (None, None, "")


def test_the_inbound_list_is_searched_and_sorted(sandbox: Sandbox) -> None:
    add_rule(sandbox, "POLL")
    for body in ("one", "two"):
        deliver(sandbox, body)
        sandbox.advance(1)
    assert [row["body"] for row in inbox(sandbox, order_by="timestamp:desc")] == ["two", "one"]
    assert [row["body"] for row in inbox(sandbox, q="body:one")] == ["one"]


def test_messages_that_are_read_leave_the_list(sandbox: Sandbox) -> None:
    add_rule(sandbox, "POLL")
    for body in ("one", "two", "three"):
        deliver(sandbox, body)
        sandbox.advance(10)
    sandbox.put("/v3/sms/inbound-read", {"date_before": sandbox.now() - 25})
    assert [row["body"] for row in inbox(sandbox)] == ["two", "three"]
    sandbox.put(f"/v3/sms/inbound-read/{inbox(sandbox)[0]['message_id']}")
    assert [row["body"] for row in inbox(sandbox)] == ["three"]
    sandbox.put("/v3/sms/inbound-read")
    assert inbox(sandbox) == []
    assert sandbox.refused("PUT", "/v3/sms/inbound-read/UNKNOWN") == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({}, True),
        ({"enabled": 0}, False),
        ({"dedicated_number": OURS}, True),
        ({"dedicated_number": "+61400000888"}, False),
        ({"message_search_type": 1, "message_search_term": "YES"}, True),
        ({"message_search_type": 1, "message_search_term": "gladly"}, False),
        ({"message_search_type": 2, "message_search_term": "Gladly"}, True),
        ({"message_search_type": 2, "message_search_term": "no"}, False),
        ({"message_search_type": 3, "message_search_term": "no"}, True),
        ({"message_search_type": 3, "message_search_term": "yes"}, False),
    ],
)
def test_a_rule_runs_only_on_what_it_matches(sandbox: Sandbox, rule: dict[str, Any], matches: bool) -> None:
    add_rule(sandbox, "POLL", **rule)
    assert deliver(sandbox) == (["listed"] if matches else [])


def test_at_most_ten_rules_run_in_the_order_of_their_creation(sandbox: Sandbox) -> None:
    rules = [add_rule(sandbox, "NONE") for _ in range(11)]
    answer = sandbox.control("POST", "inbound", {"from": ANA, "body": "Hello"})
    assert [run["rule_id"] for run in answer["rules"]] == [rule["inbound_rule_id"] for rule in rules[:10]]


@pytest.mark.parametrize("rest", [{"body": "Thank you"}, {"action_address": "Thank you"}])
def test_an_automatic_reply_is_really_sent_and_paid_for(sandbox: Sandbox, rest: dict[str, str]) -> None:
    add_rule(sandbox, "AUTO_REPLY", **rest)
    assert deliver(sandbox) == ["SUCCESS"]
    (reply,) = sandbox.sent("sms")
    assert (reply["to"], reply["from"], reply["body"]) == (ANA, OURS, "Thank you")
    assert sandbox.balance() == 100 - Decimal("0.0792")


def test_a_message_is_forwarded_to_another_number(sandbox: Sandbox) -> None:
    add_rule(sandbox, "SMS", BEN)
    assert deliver(sandbox) == ["SUCCESS"]
    assert [(entry["to"], entry["body"]) for entry in sandbox.sent()] == [(BEN, "yes gladly")]


def test_a_contact_is_moved_to_another_list(sandbox: Sandbox) -> None:
    old, new = sandbox.new_list("0400 000 001", BEN), sandbox.new_list(ANA)
    add_rule(sandbox, "MOVE_CONTACT", new)
    add_rule(sandbox, "MOVE_CONTACT", 7)
    assert deliver(sandbox) == ["moved 1", "no such list"]
    counts = [sandbox.get(f"/v3/lists/{list_id}")["_contacts_count"] for list_id in (old, new)]
    assert counts == [1, 2]


@pytest.mark.parametrize(
    ("action", "email", "names"),
    [
        ("CREATE_CONTACT", None, (None, None)),
        ("CREATE_CONTACT_PLUS_EMAIL", "ana@example.com", (None, None)),
        ("CREATE_CONTACT_PLUS_NAME", None, ("Ana", "de Novak")),
        ("CREATE_CONTACT_PLUS_NAME_EMAIL", "ana@example.com", ("Ana", "de Novak")),
    ],
)
def test_a_contact_is_created_from_the_message(
    sandbox: Sandbox, action: str, email: str | None, names: tuple[str | None, str | None]
) -> None:
    list_id = sandbox.new_list()
    add_rule(sandbox, action, list_id)
    add_rule(sandbox, action, 7)
    assert deliver(sandbox, "Ana de Novak ana@example.com") == ["created", "no such list"]
    (contact,) = sandbox.get(f"/v3/lists/{list_id}/contacts")["data"]
    assert (contact["phone_number"], contact["email"]) == (ANA, email)
    assert (contact["first_name"], contact["last_name"]) == names


@pytest.mark.parametrize("action", ["EMAIL_USER", "EMAIL_FIXED", "GROUP_SMS", "SMPP", "NONE"])
def test_other_actions_are_recorded(sandbox: Sandbox, action: str) -> None:
    rule = add_rule(sandbox, action)
    assert deliver(sandbox) == ["recorded"]
    (run,) = sandbox.account()["rule_runs"]
    assert (run["rule_id"], run["action"]) == (rule["inbound_rule_id"], action)


@pytest.mark.parametrize(("webhook_type", "method"), [("post", "POST"), ("get", "GET"), ("json", "POST")])
def test_a_webhook_is_called_in_its_own_way(sandbox: Sandbox, web: Web, webhook_type: str, method: str) -> None:
    add_rule(sandbox, "URL", web.serve("/hook", "thanks"), webhook_type=webhook_type)
    sent = sandbox.send_one(body="Pizza 17", custom_string="table-17")
    assert deliver(sandbox, "yes") == ["pending"]
    until(lambda: sandbox.account()["rule_runs"][0]["outcome"] == "HTTP 200")
    ((used, path, body),) = web.requests
    assert used == method
    if webhook_type == "json":
        payload = json.loads(body)
        assert (payload["from"], payload["body"], payload["original_message_id"]) == (
            ANA,
            "yes",
            sent["message_id"],
        )
        assert (payload["custom_string"], payload["timestamp"]) == ("table-17", sandbox.now())
    else:
        assert "custom_string=table-17" in (body if webhook_type == "post" else path)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "http://127.0.0.1:none/"])
def test_a_webhook_that_cannot_be_reached_is_recorded(sandbox: Sandbox, address: str) -> None:
    add_rule(sandbox, "URL", address)
    deliver(sandbox)
    until(lambda: sandbox.account()["rule_runs"][0]["outcome"].startswith("failed: "))


def test_rules_are_shown_and_deleted(sandbox: Sandbox) -> None:
    rule = add_rule(sandbox, "URL", "https://web.example/hook")
    assert (rule["webhook_type"], rule["body"]) == ("post", None)
    path = f"/v3/automations/sms/inbound/{rule['inbound_rule_id']}"
    assert sandbox.get(path) == rule
    assert sandbox.get("/v3/automations/sms/inbound/")["data"] == [rule]
    assert sandbox.delete(path) == []
    assert sandbox.refused("GET", path) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "change",
    [
        {"dedicated_number": None},
        {"rule_name": ""},
        {"message_search_type": 4},
        {"message_search_type": "any"},
        {"message_search_type": 1},
        {"message_search_term": None},
        {"action": "DANCE"},
        {"action_address": None},
        {"enabled": 2},
        {"action": "URL", "action_address": "web.example"},
        {"action": "URL", "action_address": "https://web.example", "webhook_type": "xml"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(sandbox: Sandbox, change: dict[str, Any]) -> None:
    body = {
        "dedicated_number": "*",
        "rule_name": "A rule",
        "message_search_type": 0,
        "message_search_term": "",
        "action": "POLL",
        "action_address": "",
        "enabled": 1,
    }
    assert sandbox.refused("POST", "/v3/automations/sms/inbound", body | change) == (400, "BAD_REQUEST")


def test_a_message_can_come_in_for_another_account_and_number(sandbox: Sandbox) -> None:
    sandbox.send_one(schedule=sandbox.now() + HOUR)
    deliver(sandbox, username="nocredit", to="+61400000888")
    assert sandbox.account("nocredit")["sms"] == 1
    with sandbox.as_user("nocredit", "k") as http:
        (row,) = http.get("/v3/sms/history").json()["data"]["data"]
    assert row["to"] == "+61400000888"
