"""The history, receipts and statistics of text messages."""

from decimal import Decimal
from typing import Any

import pytest
from support.sandbox_client import ANA, BEN, HOUR, Sandbox

DAY = 86_400


def test_a_message_goes_from_queued_to_completed(sandbox: Sandbox) -> None:
    message_id = sandbox.send_one(custom_string="table-17")["message_id"]
    seen = []
    for _ in range(3):
        row = sandbox.history()[0]
        seen.append((row["status"], row["status_code"]))
        sandbox.advance(2)
    assert seen == [("Queued", "200"), ("Sent", "200"), ("Completed", "201")]

    receipt = sandbox.get(f"/v3/sms/receipts/{message_id}")
    assert (receipt["status_code"], receipt["error_code"], receipt["custom_string"]) == (201, None, "table-17")
    assert receipt["timestamp"] == receipt["timestamp_send"] + 4


def test_a_receipt_arrives_only_after_delivery(sandbox: Sandbox) -> None:
    message_id = sandbox.send_one()["message_id"]
    sandbox.advance(3)
    assert sandbox.refused("GET", f"/v3/sms/receipts/{message_id}") == (404, "NOT_FOUND")
    assert sandbox.get("/v3/sms/receipts")["data"] == []
    sandbox.advance(1)
    assert sandbox.get("/v3/sms/receipts")["data"][0]["message_id"] == message_id


def test_receipts_that_are_read_leave_the_list_only(sandbox: Sandbox) -> None:
    message_id = sandbox.send_one()["message_id"]
    sandbox.advance(HOUR)
    sandbox.send_one()
    sandbox.advance(4)
    sandbox.put("/v3/sms/receipts-read", {"date_before": sandbox.now()})
    (unread,) = sandbox.get("/v3/sms/receipts")["data"]
    assert unread["message_id"] != message_id
    assert sandbox.get(f"/v3/sms/receipts/{message_id}")["status_code"] == 201
    sandbox.put("/v3/sms/receipts-read")
    assert sandbox.get("/v3/sms/receipts")["data"] == []


@pytest.mark.parametrize(
    ("number", "status", "code", "error"),
    [("+61400990301", "Failed", 301, 12), ("+61400990300", "Sent", 300, 16)],
)
def test_some_numbers_provoke_a_failed_delivery(
    sandbox: Sandbox, number: str, status: str, code: int, error: int
) -> None:
    message_id = sandbox.send_one(to=number)["message_id"]
    sandbox.advance(4)
    row = sandbox.history()[0]
    assert (row["status"], row["status_code"], row["error_code"]) == (status, str(code), str(error))
    receipt = sandbox.get(f"/v3/sms/receipts/{message_id}")
    assert (receipt["status_code"], receipt["error_code"]) == (code, error)


def test_one_number_never_has_a_receipt(sandbox: Sandbox) -> None:
    message_id = sandbox.send_one(to="+61400990200")["message_id"]
    sandbox.advance(DAY)
    assert sandbox.history()[0]["status"] == "Sent"
    assert sandbox.refused("GET", f"/v3/sms/receipts/{message_id}") == (404, "NOT_FOUND")


def test_an_empty_history_is_an_empty_page(sandbox: Sandbox) -> None:
    assert sandbox.get("/v3/sms/history") == {
        "total": 0,
        "per_page": 15,
        "current_page": 1,
        "last_page": 0,
        "next_page_url": None,
        "prev_page_url": None,
        "from": None,
        "to": None,
        "data": [],
    }


def test_pages_follow_each_other(sandbox: Sandbox) -> None:
    sandbox.send(*[{"to": ANA, "body": str(n)} for n in range(7)])
    url = f"{sandbox.url}/v3/sms/history"
    page = sandbox.get("/v3/sms/history", limit=3, page=2)
    assert [row["body"] for row in page["data"]] == ["3", "4", "5"]
    assert (page["total"], page["last_page"], page["from"], page["to"]) == (7, 3, 4, 6)
    assert (page["prev_page_url"], page["next_page_url"]) == (f"{url}?page=1", f"{url}?page=3")
    beyond = sandbox.get("/v3/sms/history", limit=3, page=9)
    assert (beyond["data"], beyond["from"], beyond["next_page_url"]) == ([], None, None)


@pytest.mark.parametrize(
    ("limit", "used"), [("1", 1), ("0", 15), ("100", 100), ("1000", 100), ("many", 15), ("-3", 15)]
)
def test_the_limit_stays_between_1_and_100(sandbox: Sandbox, limit: str, used: int) -> None:
    page = sandbox.get("/v3/sms/history", limit=limit, page="none")
    assert (page["per_page"], page["current_page"]) == (used, 1)


@pytest.mark.parametrize(
    ("query", "bodies"),
    [
        ({"q": f"to:{ANA}"}, ["Pizza one", "pizza, two"]),
        ({"q": "body:PIZZA"}, ["Pizza one", "pizza, two"]),
        ({"q": "body:pizza, two"}, ["pizza, two"]),
        ({"q": f"to:{ANA},body:one"}, ["Pizza one"]),
        ({"q": f"to:{BEN},body:one", "operator": "OR"}, ["Pizza one", "Other"]),
        ({"q": "status:scheduled"}, ["Other"]),
        ({"q": "status:sched"}, []),
        ({"q": "status_code:201"}, ["Pizza one", "pizza, two"]),
        ({"q": "status_code:"}, ["Pizza one", "pizza, two", "Other"]),
        ({"order_by": "body:asc"}, ["Other", "Pizza one", "pizza, two"]),
        ({"order_by": "date:desc"}, ["Other", "pizza, two", "Pizza one"]),
        ({"order_by": "status_code"}, ["Other", "Pizza one", "pizza, two"]),
        ({"date_from": 1_000_010}, ["pizza, two", "Other"]),
        ({"date_to": 1_000_010}, ["Pizza one", "pizza, two"]),
        ({"date_from": 1_000_010, "date_to": 1_000_010}, ["pizza, two"]),
    ],
)
def test_the_history_is_searched_and_sorted(sandbox: Sandbox, query: dict[str, Any], bodies: list[str]) -> None:
    sandbox.control("POST", "clock", {"now": 1_000_000})
    for to, body, schedule in ((ANA, "Pizza one", 0), (ANA, "pizza, two", 0), (BEN, "Other", 2_000_000)):
        sandbox.send_one(to, body, schedule=schedule)
        sandbox.advance(10)
    assert [row["body"] for row in sandbox.history(**query)] == bodies


@pytest.mark.parametrize(
    "query",
    [{"q": "colour:red"}, {"q": "pizza"}, {"order_by": "price:asc"}, {"order_by": "date:up"}, {"date_from": "x"}],
)
def test_a_query_that_makes_no_sense_is_refused(sandbox: Sandbox, query: dict[str, str]) -> None:
    sandbox.send_one()
    assert sandbox.refused("GET", "/v3/sms/history", **query) == (400, "BAD_REQUEST")


def test_statistics_add_up_with_history_and_balance(sandbox: Sandbox) -> None:
    sandbox.control("PATCH", "settings", {"balance": "10"})
    sandbox.send_one(body="forgotten by now")
    sandbox.advance(31 * DAY)
    before = sandbox.balance()
    sandbox.send_one(to="+61400990301")
    sandbox.advance(DAY)
    sandbox.send_one(body="a" * 200)
    sandbox.send_one(to="+61411111111")
    sandbox.send_one(schedule=sandbox.now() + HOUR)
    sandbox.control("POST", "inbound", {"from": ANA, "body": "yes"})
    data = sandbox.get("/v3/statistics/sms")

    today = sandbox.now() // DAY * DAY
    assert [day["date"] for day in data["stats"]] == list(range(today - 29 * DAY, today + 1, DAY))
    assert [day["outbound"]["count"] for day in data["stats"][-3:]] == [0, 1, 3]
    total = data["total"]
    assert total["outbound"]["count"] == 4
    assert (total["inbound"], total["bounced"]) == ({"count": 1, "price": 0}, {"count": 1, "price": 0.0792})
    assert Decimal(str(total["outbound"]["price"])) == before - sandbox.balance()

    since = sandbox.now() - 29 * DAY
    rows = [row for row in sandbox.history(date_from=since) if row["direction"] == "out"]
    assert len(rows) == total["outbound"]["count"]
    assert sum(Decimal(row["message_price"]) for row in rows) == Decimal(str(total["outbound"]["price"]))
