"""Sending, pricing and cancelling text and picture messages."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from support.sandbox_client import ANA, BEN, HOUR, Sandbox

PART = Decimal("0.0792")  # to Australia
GIF = "https://files.example/cake.gif"


def picture(sandbox: Sandbox, media_file: str = GIF, **message: Any) -> dict[str, Any]:
    body = {"messages": [{"to": ANA, "subject": "Cake", "body": "Today", **message}], "media_file": media_file}
    row: dict[str, Any] = sandbox.post("/v3/mms/send", body)["messages"][0]
    return row


def test_an_accepted_message_is_charged_and_sent(sandbox: Sandbox) -> None:
    row = sandbox.send_one(custom_string="table-17", source="test")
    assert (row["status"], row["message_parts"], row["message_price"]) == ("SUCCESS", 1, "0.0792")
    assert row["schedule"] == row["date"] == sandbox.now()
    assert sandbox.balance() == 100 - PART
    (sent,) = sandbox.sent("sms")
    assert sent["message_id"] == row["message_id"]
    assert (sent["to"], sent["body"], sent["custom_string"]) == (ANA, "Hello", "table-17")


def test_a_trailing_slash_makes_no_difference(sandbox: Sandbox) -> None:
    data = sandbox.post("/v3/sms/send/", {"messages": [{"to": ANA, "body": "Hello"}]})
    assert data["queued_count"] == 1


@pytest.mark.parametrize(
    ("body", "parts"),
    [("a" * 160, 1), ("a" * 161, 2), ("😀" * 35, 1), ("я" * 71, 2), ("€" * 80, 1), ("€" * 81, 2)],
)
def test_each_part_is_paid_for(sandbox: Sandbox, body: str, parts: int) -> None:
    row = sandbox.send_one(body=body)
    assert row["message_parts"] == parts
    assert Decimal(row["message_price"]) == parts * PART


@pytest.mark.parametrize(("character", "kept"), [("a", 1224), ("€", 608), ("я", 536), ("😀", 264)])
def test_what_exceeds_eight_parts_is_cut_off(sandbox: Sandbox, character: str, kept: int) -> None:
    row = sandbox.send_one(body=character * 2000)
    assert row["message_parts"] == 8
    assert row["body"] == character * kept


@pytest.mark.parametrize(
    ("number", "country", "price"),
    [
        ("+12025550143", "US", "0.0243"),
        ("+447700900123", "GB", "0.0550"),
        ("+6421123456", "NZ", "0.1050"),
        ("+85221234567", "HK", "0.0990"),
        ("+998901234567", "UZ", "0.0990"),
        ("+12045550143", "CA", "0.0990"),
        ("+870773111632", "ZZ", "0.0990"),
    ],
)
def test_the_price_depends_on_the_country(sandbox: Sandbox, number: str, country: str, price: str) -> None:
    row = sandbox.send_one(to=number)
    assert (row["country"], row["message_price"]) == (country, price)


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("0400 000 001", "", "+61400000001"),
        ("(020) 7946-0123", "gb", "+442079460123"),
        ("202.555.0143", "US", "+12025550143"),
        ("61400000001", "", "+61400000001"),
    ],
)
def test_numbers_are_read_as_people_type_them(sandbox: Sandbox, typed: str, country: str, number: str) -> None:
    assert sandbox.send_one(to=typed, country=country)["to"] == number


def test_a_message_with_an_invalid_number_is_refused_in_the_recorded_shape(sandbox: Sandbox) -> None:
    data = sandbox.post("/v3/sms/send", {"messages": [{"to": "+000", "body": "Hello"}]})
    assert (data["total_count"], data["queued_count"], data["blocked_count"]) == (1, 0, 0)
    assert data["total_price"] == 0
    (row,) = data["messages"]
    assert (row["status"], row["schedule"], row["to"]) == ("INVALID_RECIPIENT", "", "+000")
    assert not {"date", "message_price", "message_parts", "country", "carrier"} & set(row)
    assert sandbox.sent() == []


def test_a_country_that_is_off_is_blocked_and_counted(sandbox: Sandbox) -> None:
    sandbox.control("PATCH", "settings", {"countries_off": ["AU"]})
    data = sandbox.post("/v3/sms/send", {"messages": [{"to": to, "body": "a"} for to in (ANA, "+61411111111")]})
    assert (data["queued_count"], data["blocked_count"]) == (0, 2)
    row = data["messages"][0]
    assert (row["status"], row["schedule"], row["message_price"]) == ("COUNTRY_NOT_ENABLED", "", "0.0000")
    assert row["country"] == "AU"
    assert sandbox.balance() == 100


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"to": "+61400990404"}, "INVALID_RECIPIENT"),
        ({"to": "+61400990403"}, "COUNTRY_NOT_ENABLED"),
        ({"to": ""}, "INVALID_RECIPIENT"),
        ({"to": "Ana"}, "INVALID_RECIPIENT"),
        ({"body": " "}, "EMPTY_MESSAGE"),
        ({"from": "TwelveLetter"}, "INVALID_SENDER_ID"),
        ({"from": "My Shop"}, "INVALID_SENDER_ID"),
        ({"schedule": "tomorrow"}, "INVALID_SCHEDULE"),
        ({"schedule": True}, "INVALID_SCHEDULE"),
        ({"schedule": -1.5}, "INVALID_SCHEDULE"),
        ({"to": "", "list_id": "77"}, "NOT_ENOUGH_PERMISSION_TO_LIST_ID"),
    ],
)
def test_one_bad_message_is_refused_and_the_others_are_sent(
    sandbox: Sandbox, message: dict[str, Any], status: str
) -> None:
    good = {"to": BEN, "body": "Hello"}
    data = sandbox.post("/v3/sms/send", {"messages": [{"to": ANA, "body": "Hello"} | message, good]})
    assert [row["status"] for row in data["messages"]] == [status, "SUCCESS"]
    assert data["messages"][0]["schedule"] == ""
    assert [entry["to"] for entry in sandbox.sent()] == [BEN]
    assert sandbox.balance() == 100 - PART


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": "Hello"},
        {"messages": ["Hello"]},
        {"messages": [{"to": ANA}]},
        {"messages": [{"to": ANA, "body": 7}]},
        {"messages": [{"to": 61400000001, "body": "Hello"}]},
        {"messages": [{"to": ANA, "body": "Hello"}] * 1001},
        [],
    ],
)
def test_a_malformed_request_is_refused_as_a_whole(sandbox: Sandbox, body: Any) -> None:
    assert sandbox.refused("POST", "/v3/sms/send", body) == (400, "BAD_REQUEST")
    assert sandbox.sent() == []


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff",
        b'{"messages": NaN}',
        b'{"messages": [{"to": "+61400000001", "body": "\\ud83d"}]}',
        b"[" * 200_000,
    ],
)
def test_a_body_that_is_not_json_is_refused_and_still_recorded(sandbox: Sandbox, content: bytes) -> None:
    assert sandbox.http.post("/v3/sms/send", content=content).status_code == 400
    (call,) = sandbox.control("GET", "calls")["calls"]
    assert isinstance(call["body"], str)


def test_characters_may_be_escaped(sandbox: Sandbox) -> None:
    content = b'{"messages": [{"to": "+61400000001", "body": "\\ud83d\\ude00"}]}'
    (row,) = sandbox.data(sandbox.http.post("/v3/sms/send", content=content))["messages"]
    assert row["body"] == "😀"


def test_a_thousand_messages_are_taken_at_once(sandbox: Sandbox) -> None:
    data = sandbox.post("/v3/sms/send", {"messages": [{"to": ANA, "body": "Hello"}] * 1000})
    assert data["queued_count"] == 1000
    assert data["total_price"] == float(1000 * PART)


@pytest.mark.parametrize(
    ("wanted", "used", "shared"),
    [
        ("", "+61400000999", True),
        ("MyShop", "MyShop", False),
        ("+61400000555", "+61400000555", False),
        ("+12025550143", "+61400000999", True),
    ],
)
def test_the_sender_is_kept_unless_it_is_foreign(sandbox: Sandbox, wanted: str, used: str, shared: bool) -> None:
    row = sandbox.send_one(**{"from": wanted})
    assert (row["from"], row["is_shared_system_number"]) == (used, shared)


def test_a_list_is_expanded_and_placeholders_are_filled(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(BEN)
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"email": "nobody@example.com"})
    ana = {"phone_number": ANA, "first_name": "Ana", "last_name": "Novak", "custom_1": "gold"}
    contact = sandbox.post(f"/v3/lists/{list_id}/contacts", ana)
    body = "Hi (First Name) (Last Name), (Custom 1) (Other)"
    rows = sandbox.send({"list_id": list_id, "body": body})
    assert [row["to"] for row in rows] == [BEN, ANA]
    assert [row["body"] for row in rows] == ["Hi  ,  (Other)", "Hi Ana Novak, gold (Other)"]
    assert (rows[1]["list_id"], rows[1]["contact_id"]) == (str(list_id), str(contact["contact_id"]))
    assert sandbox.history(q=f"to:{ANA}")[0]["first_name"] == "Ana"


def test_lists_do_not_reach_more_than_a_thousand_recipients(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    body = {"messages": [{"list_id": list_id, "body": "Hello"}] * 1000}
    assert sandbox.post("/v3/sms/send", body)["queued_count"] == 1000
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": BEN})
    assert sandbox.refused("POST", "/v3/sms/send", body) == (400, "TOO_MANY_RECIPIENTS")


def test_the_first_url_is_shortened_on_request(sandbox: Sandbox) -> None:
    body = {"messages": [{"to": ANA, "body": "See https://shop.example/a?b=1 now"}], "shorten_urls": True}
    (row,) = sandbox.post("/v3/sms/send", body)["messages"]
    assert row["body"] == "See smsg.us/2b7k9 now"


def test_a_price_has_no_consequences(sandbox: Sandbox) -> None:
    later = sandbox.now() + HOUR
    messages = [{"to": ANA, "body": "a" * 161, "schedule": later}, {"to": "+000", "body": "Hello"}]
    data = sandbox.post("/v3/sms/price", {"messages": messages})
    assert data["total_price"] == float(2 * PART)
    assert data["messages"][0]["schedule"] == str(later)
    assert [row["status"] for row in data["messages"]] == ["SUCCESS", "INVALID_RECIPIENT"]
    assert sandbox.post("/v3/sms/price", {"messages": [{"to": ANA, "body": "Hi"}]})["messages"][0]["schedule"] == ""
    assert (sandbox.sent(), sandbox.balance()) == ([], 100)


def test_messages_beyond_the_balance_are_refused_one_by_one(sandbox: Sandbox) -> None:
    sandbox.control("PATCH", "settings", {"balance": "0.16"})
    rows = sandbox.send(*[{"to": ANA, "body": "Hello"}] * 3)
    assert [row["status"] for row in rows] == ["SUCCESS", "SUCCESS", "INSUFFICIENT_CREDIT"]
    assert (rows[2]["message_price"], rows[2]["schedule"]) == ("0.0000", "")
    assert sandbox.balance() == Decimal("0.0016")


def test_concurrent_sends_leave_the_balance_exact(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(20) as pool:
        rows = list(pool.map(lambda n: sandbox.send_one(custom_string=str(n)), range(200)))
    assert len({row["message_id"] for row in rows}) == 200
    assert sandbox.balance() == 100 - 200 * PART
    assert sorted(int(entry["custom_string"]) for entry in sandbox.sent()) == list(range(200))


# Scheduling


def test_a_scheduled_message_waits_for_its_time(sandbox: Sandbox) -> None:
    row = sandbox.send_one(schedule=sandbox.now() + HOUR)
    assert sandbox.balance() == 100 - PART
    assert sandbox.account()["scheduled"] == 1
    assert sandbox.history()[0]["status"] == "Scheduled"
    sandbox.advance(HOUR)
    assert sandbox.history()[0]["status"] == "Queued"
    assert sandbox.account()["scheduled"] == 0
    assert sandbox.refused("PUT", f"/v3/sms/{row['message_id']}/cancel") == (404, "NOT_FOUND")


@pytest.mark.parametrize("schedule", [0, 1, "", None, "1"])
def test_a_schedule_that_is_past_or_empty_means_now(sandbox: Sandbox, schedule: object) -> None:
    assert sandbox.send_one(schedule=schedule)["schedule"] == sandbox.now()


def test_cancelling_a_message_returns_its_price(sandbox: Sandbox) -> None:
    row = sandbox.send_one(schedule=str(sandbox.now() + HOUR))
    sandbox.put(f"/v3/sms/{row['message_id']}/cancel")
    assert sandbox.balance() == 100
    state = sandbox.history()[0]
    assert (state["status"], state["status_code"], state["error_code"]) == ("Cancelled", "301", "5")
    assert sandbox.refused("PUT", f"/v3/sms/{row['message_id']}/cancel") == (404, "NOT_FOUND")
    assert sandbox.refused("PUT", "/v3/sms/UNKNOWN/cancel") == (404, "NOT_FOUND")
    assert sandbox.get("/v3/statistics/sms")["total"]["outbound"] == {"count": 0, "price": 0}


def test_cancel_all_with_a_custom_string_cancels_only_those(sandbox: Sandbox) -> None:
    later = sandbox.now() + HOUR
    sandbox.send(*[{"to": ANA, "body": "Hello", "schedule": later, "custom_string": c} for c in ("a", "ab", "a")])
    assert sandbox.put("/v3/sms/cancel-all", {"custom_string": "a"}) == {"count": 2}
    assert sandbox.account()["scheduled"] == 1
    assert sandbox.balance() == 100 - PART


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json"}])
def test_cancel_all_without_a_body_cancels_everything_scheduled(sandbox: Sandbox, headers: dict[str, str]) -> None:
    sandbox.send_one(custom_string="a")
    sandbox.send_one(schedule=sandbox.now() + HOUR, custom_string="a")
    sandbox.send_one(schedule=sandbox.now() + HOUR)
    picture(sandbox, schedule=sandbox.now() + HOUR)
    data = sandbox.data(sandbox.http.put("/v3/sms/cancel-all", headers=headers))
    assert data == {"count": 2}
    assert sandbox.put("/v3/sms/cancel-all") == {"count": 0}
    assert [entry["status"] for entry in sandbox.sent()] == ["Queued", "Cancelled", "Cancelled", "Scheduled"]


# Test numbers and test users


def test_a_test_number_is_free_never_held_and_never_reported(sandbox: Sandbox) -> None:
    message = {"to": "+61411111111", "body": "Hello", "schedule": sandbox.now() + HOUR}
    data = sandbox.post("/v3/sms/send", {"messages": [message]})
    (row,) = data["messages"]
    assert (row["status"], row["message_parts"], row["message_price"]) == ("SUCCESS", 0, "0.0000")
    assert data["total_price"] == 0
    assert sandbox.balance() == 100
    assert sandbox.refused("PUT", f"/v3/sms/{row['message_id']}/cancel")[0] == 404
    sandbox.advance(2 * HOUR)
    (state,) = sandbox.history()
    assert (state["status"], state["status_code"], state["message_price"]) == ("Completed", None, "0.0000")
    assert sandbox.refused("GET", f"/v3/sms/receipts/{row['message_id']}") == (404, "NOT_FOUND")


def test_nocredit_is_refused_every_message(sandbox: Sandbox) -> None:
    body = {"messages": [{"to": to, "body": "Hello"} for to in (ANA, "+61411111111")]}
    with sandbox.as_user("nocredit", "any key") as http:
        rows = http.post("/v3/sms/send", json=body).json()["data"]["messages"]
    assert [row["status"] for row in rows] == ["INSUFFICIENT_CREDIT"] * 2


@pytest.mark.parametrize(("user", "code"), [("notactive", "ACCOUNT_NOT_ACTIVATED"), ("banned", "FORBIDDEN")])
def test_closed_accounts_are_forbidden_everything(sandbox: Sandbox, user: str, code: str) -> None:
    with sandbox.as_user(user, "any key") as http:
        envelope = http.get("/v3/lists").json()
    assert (envelope["http_code"], envelope["response_code"], envelope["data"]) == (403, code, None)


# Pictures


def test_a_picture_message(sandbox: Sandbox) -> None:
    row = picture(sandbox, custom_string="cake")
    assert (row["status"], row["message_price"], row["schedule"]) == ("SUCCESS", "0.5500", "")
    assert row["_media_file_url"] == GIF
    assert sandbox.balance() == Decimal("99.45")
    (sent,) = sandbox.sent("mms")
    assert (sent["subject"], sent["media_url"]) == ("Cake", GIF)
    assert sandbox.sent("sms") == sandbox.history() == []


def test_a_scheduled_picture_message_tells_its_schedule_as_text(sandbox: Sandbox) -> None:
    later = sandbox.now() + HOUR
    assert picture(sandbox, schedule=later)["schedule"] == str(later)


@pytest.mark.parametrize(
    ("message", "media_file", "status"),
    [
        ({"subject": ""}, GIF, "SUBJECT_REQUIRED"),
        ({}, "https://files.example/cake.png", "INVALID_MEDIA_FILE"),
        ({}, "cake.gif", "INVALID_MEDIA_FILE"),
        ({}, "http://[", "INVALID_MEDIA_FILE"),
        ({"to": "+000"}, GIF, "INVALID_RECIPIENT"),
        ({}, "https://files.example/cake", "SUCCESS"),
    ],
)
def test_a_picture_message_needs_a_subject_and_a_picture(
    sandbox: Sandbox, message: dict[str, Any], media_file: str, status: str
) -> None:
    row = picture(sandbox, media_file, **message)
    assert row["status"] == status
    assert row["message_price"] == ("0.5500" if status == "SUCCESS" else "0.0000")


def test_a_picture_message_is_cut_to_its_limits(sandbox: Sandbox) -> None:
    assert len(picture(sandbox, subject="s" * 30)["subject"]) == 20
    assert len(picture(sandbox, body="a" * 2000)["body"]) == 1500
    assert len(picture(sandbox, body="я" * 2000)["body"]) == 500


def test_a_picture_message_without_a_picture_is_refused(sandbox: Sandbox) -> None:
    body = {"messages": [{"to": ANA, "subject": "Cake", "body": "Today"}]}
    assert sandbox.refused("POST", "/v3/mms/send", body) == (400, "BAD_REQUEST")


def test_the_price_of_an_mms_is_what_it_costs_and_asking_costs_nothing(sandbox: Sandbox) -> None:
    message = {"to": ANA, "subject": "Menu", "body": "Today's menu"}
    body = {"media_file": "https://files.example/menu.gif", "messages": [message]}
    priced = sandbox.post("/v3/mms/price", body)
    assert (sandbox.sent(), sandbox.balance()) == ([], Decimal(100))
    assert priced["total_price"] == sandbox.post("/v3/mms/send", body)["total_price"] > 0
