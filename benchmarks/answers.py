"""The answers of the stand-in for ClickSend: shapes and sizes of the real ones, with invented people."""

import json
from typing import Any

NOW = 1_795_000_000
REFUSED = "+61400990404"  # ClickSend rejects this number as invalid, with HTTP 200
_CURRENCY = {
    "currency_name_short": "AUD",
    "currency_prefix_d": "$",
    "currency_prefix_c": "c",
    "currency_name_long": "Australian Dollars",
}
_NAMES = (("Ana", "Reyes"), ("Tom", "Baker"), ("Mei", "Lin"), ("Omar", "Haddad"), ("Ines", "Costa"))
_TEXTS = (
    "Hi {}, your parcel {} is ready at the front desk until 6 pm.",
    "{}: your appointment is confirmed for Tuesday at 10:30. Ref {}.",
    "Your code is {1}. It is good for ten minutes.",
    "Thanks {}! Order {} has left our warehouse today.",
)
_PAGE = 15


def compact(value: Any) -> bytes:
    """JSON as ClickSend writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def _envelope(message: str, data: Any) -> bytes:
    return compact({"http_code": 200, "response_code": "SUCCESS", "response_msg": message, "data": data})


def sent(body: bytes) -> bytes:
    """The answer to a send: one row per message, as large as ClickSend's."""
    rows = [_sent_row(number, message) for number, message in enumerate(json.loads(body)["messages"])]
    accepted = sum(row["status"] == "SUCCESS" for row in rows)
    data = {
        "total_price": round(0.0792 * accepted, 4),
        "total_count": len(rows),
        "queued_count": accepted,
        "messages": rows,
        "_currency": _CURRENCY,
        "blocked_count": 0,
    }
    return _envelope("Messages queued for delivery.", data)


def _sent_row(number: int, message: dict[str, Any]) -> dict[str, Any]:
    common = {
        "to": message["to"],
        "body": message["body"],
        "from": "+61400000999",
        "message_id": _id(number),
        "custom_string": message.get("custom_string", ""),
        "is_shared_system_number": True,
    }
    if message["to"] == REFUSED:
        return common | {"schedule": "", "status": "INVALID_RECIPIENT"}
    return {
        "direction": "out",
        "date": NOW,
        **common,
        "schedule": NOW,
        "message_parts": 1,
        "message_price": "0.0792",
        "from_email": None,
        "list_id": None,
        "contact_id": None,
        "user_id": 4021,
        "subaccount_id": 5077,
        "country": "AU",
        "carrier": "Optus",
        "status": "SUCCESS",
    }


def _id(number: int) -> str:
    return f"1F0C4D7A-{number % 65_536:04X}-6B52-9D17-4E448B1F0A2C"


def _history_row(number: int) -> dict[str, Any]:
    first, last = _NAMES[number % len(_NAMES)]
    return {
        "direction": "out",
        "date": NOW - 61 * number,
        "to": f"+6140000{number:04d}",
        "body": _TEXTS[number % len(_TEXTS)].format(first, 70_113 + 17 * number),
        "status": "Completed",
        "from": "+61400000999",
        "schedule": str(NOW - 61 * number),
        "status_code": "201",
        "status_text": "Success: Message received on handset.",
        "error_code": None,
        "error_text": None,
        "message_id": _id(number),
        "message_parts": 1,
        "message_price": "0.079200",
        "from_email": None,
        "list_id": None,
        "custom_string": f"order-{70_113 + 17 * number}",
        "contact_id": None,
        "user_id": 4021,
        "subaccount_id": 5077,
        "country": "AU",
        "carrier": "Optus",
        "first_name": first,
        "last_name": last,
        "_api_username": "acme-api",
    }


def _contact_row(number: int) -> dict[str, Any]:
    first, last = _NAMES[number % len(_NAMES)]
    return {
        "contact_id": 9001 + number,
        "list_id": 88,
        "phone_number": f"+6140000{number:04d}",
        "first_name": first,
        "last_name": last,
        "custom_1": "gold",
        "custom_2": "",
        "custom_3": "",
        "custom_4": "",
        "date_added": NOW,
        "date_updated": NOW,
        "fax_number": None,
        "organization_name": None,
        "email": f"{first.lower()}{number}@example.com",
        "address_line_1": None,
        "address_line_2": None,
        "address_city": None,
        "address_state": None,
        "address_postal_code": None,
        "address_country": "AU",
        "_list_name": "Customers",
    }


def _list_row(number: int) -> dict[str, Any]:
    return {
        "list_id": 88 + number,
        "list_name": f"Customers {number + 1}",
        "list_email_id": f"Q7M2K9T4X1B8C3{number:02d}",
        "_contacts_count": 120 + number,
        "_import_in_progress": 0,
        "_optout_in_progress": 0,
    }


def _page(path: str, rows: list[dict[str, Any]]) -> bytes:
    data = {
        "total": 4 * _PAGE,
        "per_page": _PAGE,
        "current_page": 1,
        "last_page": 4,
        "next_page_url": f"{path}?page=2",
        "prev_page_url": None,
        "from": 1,
        "to": _PAGE,
        "data": rows,
    }
    return _envelope("Here is what you asked for.", data)


PAGES = {
    "/v3/sms/history": _page("/v3/sms/history", [_history_row(number) for number in range(_PAGE)]),
    "/v3/lists": _page("/v3/lists", [_list_row(number) for number in range(_PAGE)]),
    "/v3/lists/88/contacts": _page("/v3/lists/88/contacts", [_contact_row(number) for number in range(_PAGE)]),
}
