"""Letters: charged as one page, and posted to complete addresses only."""

from decimal import Decimal
from typing import Any

import pytest
from support.sandbox_client import HOUR, Sandbox

PDF = "https://files.example/letter.pdf"


def recipient(sandbox: Sandbox, **change: Any) -> dict[str, Any]:
    return {
        "address_name": "Ana Novak",
        "address_line_1": "5 Test Road",
        "address_city": "Perth",
        "address_state": "WA",
        "address_postal_code": 6000,
        "address_country": "AU",
        "return_address_id": sandbox.get("/v3/post/return-addresses")["data"][0]["return_address_id"],
    } | change


def letter(sandbox: Sandbox, body: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    return {"file_url": PDF, "recipients": [recipient(sandbox, **change)]} | (body or {})


def send(sandbox: Sandbox, body: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    data: dict[str, Any] = sandbox.post("/v3/post/letters/send", letter(sandbox, body, **change))
    return data


def test_a_letter_is_charged_and_on_its_way(sandbox: Sandbox) -> None:
    data = send(sandbox, custom_string="bill-3", return_address_id="1001")
    assert (data["total_price"], data["total_count"], data["queued_count"]) == (1.27, 1, 1)
    (row,) = data["recipients"]
    assert (row["address_postal_code"], row["source"], row["post_price"]) == ("6000", "sandbox.rest.v3", "1.2700")
    assert row["_return_address"]["return_address_id"] == row["return_address_id"] == 1001
    assert sandbox.balance() == Decimal("98.73")
    seen = []
    for _ in range(3):
        (entry,) = sandbox.sent("letter")
        seen.append(entry["status"])
        sandbox.advance(2)
    assert seen == ["Queued:WaitSend", "Queued:Stamped", "Completed"]
    assert (entry["body"], entry["to"]["address_city"], entry["custom_string"]) == (PDF, "Perth", "bill-3")


def test_options_are_echoed_and_colour_costs_more(sandbox: Sandbox) -> None:
    options = {"colour": 1, "duplex": 1, "priority_post": 1, "template_used": 0, "source": "shop"}
    (row,) = send(sandbox, options)["recipients"]
    assert (row["colour"], row["duplex"], row["priority_post"], row["source"]) == (1, 1, 1, "shop.rest.v3")
    assert row["post_price"] == "1.4700"


def test_a_letter_can_be_scheduled(sandbox: Sandbox) -> None:
    later = sandbox.now() + HOUR
    assert send(sandbox, schedule=later)["recipients"][0]["schedule"] == later
    assert sandbox.sent("letter")[0]["status"] == "Scheduled"


def test_a_letter_to_a_test_postal_code_is_free(sandbox: Sandbox) -> None:
    data = send(sandbox, address_postal_code="11111")
    assert (data["total_price"], data["recipients"][0]["status"]) == (0, "SUCCESS")
    assert sandbox.balance() == 100


def test_a_letter_beyond_the_balance_is_refused(sandbox: Sandbox) -> None:
    sandbox.control("PATCH", "settings", {"balance": "2"})
    data = send(sandbox, {"recipients": [recipient(sandbox)] * 2})
    assert [row["status"] for row in data["recipients"]] == ["SUCCESS", "INSUFFICIENT_CREDIT"]
    assert (data["total_count"], data["queued_count"], data["total_price"]) == (2, 1, 1.27)
    assert sandbox.balance() == Decimal("0.73")


@pytest.mark.parametrize(
    ("body", "change", "refusal"),
    [
        ({"file_url": None}, {}, 400),
        ({"file_url": "https://files.example/letter.docx"}, {}, 400),
        ({"file_url": "letter.pdf"}, {}, 400),
        ({"recipients": []}, {}, 400),
        ({"recipients": ["Ana"]}, {}, 400),
        ({"colour": 2}, {}, 400),
        ({}, {"address_name": ""}, 400),
        ({}, {"address_city": None}, 400),
        ({}, {"address_postal_code": None}, 400),
        ({}, {"schedule": "soon"}, 400),
        ({}, {"return_address_id": None}, 400),
        ({}, {"return_address_id": 7}, 404),
    ],
)
def test_a_letter_that_makes_no_sense_is_refused(
    sandbox: Sandbox, body: dict[str, Any], change: dict[str, Any], refusal: int
) -> None:
    assert sandbox.refused("POST", "/v3/post/letters/send", letter(sandbox, body, **change))[0] == refusal
    assert sandbox.sent() == []


def test_the_price_of_letters_is_what_they_cost_and_asking_costs_nothing(sandbox: Sandbox) -> None:
    priced = sandbox.post("/v3/post/letters/price", letter(sandbox, {"colour": 1}))
    assert (sandbox.sent(), sandbox.balance()) == ([], Decimal(100))
    assert priced["total_price"] == send(sandbox, {"colour": 1})["total_price"] == 1.47
