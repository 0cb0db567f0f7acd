"""Letters by post. The file is not fetched; every letter counts as one page."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from server.sandbox.api import tariff
from server.sandbox.api.answers import (
    Answer,
    Call,
    Row,
    bad_request,
    file_type,
    listing,
    not_found,
    required_text,
    send_time,
    text_of,
    whole_number,
)
from server.sandbox.state.models import Letter, keep
from server.sandbox.state.world import new_message_id

MAX_RECIPIENTS = 1000
FREE_POSTAL_CODES = frozenset({"11111", "22222", "33333"})  # never printed, never charged
OPTIONS = ("template_used", "colour", "duplex", "priority_post")
REQUIRED_LINES = ("address_name", "address_line_1", "address_city", "address_state", "address_country")
PRINTED_AFTER = 2  # seconds from the schedule
POSTED_AFTER = 4  # seconds from the schedule


def send_letters(call: Call) -> Answer:
    """POST /v3/post/letters/send"""
    return Answer(_judge(call, _charge), "Letters queued for printing.")


def price_letters(call: Call) -> Answer:
    """POST /v3/post/letters/price: like sending, but nothing is printed, kept or charged."""
    return Answer(_judge(call, lambda _, __: True))


def _judge(call: Call, accepts: Callable[[Call, Letter], bool]) -> Row:
    file_url = required_text(call.body, "file_url")
    if file_type(file_url) not in (".pdf", ""):
        raise bad_request("file_url must be the web address of a PDF file.")
    options = {name: _flag(call.body, name) for name in OPTIONS}
    source = text_of(call.body, "source", default="") or call.account.username
    recipients = call.body.get("recipients")
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise bad_request(f"recipients must be a list of 1 to {MAX_RECIPIENTS} addresses.")
    judged = [
        (letter, accepts(call, letter))
        for letter in [_letter(call, recipient, file_url, options) for recipient in recipients]
    ]
    return {
        "total_price": tariff.json_number(sum((letter.price for letter, accepted in judged if accepted), Decimal(0))),
        "total_count": len(judged),
        "queued_count": sum(accepted for _, accepted in judged),
        "recipients": [_row(call, letter, source, accepted) for letter, accepted in judged],
        "_currency": tariff.currency(call.account.country),
    }


def _charge(call: Call, letter: Letter) -> bool:
    """Accept and charge a letter if the balance allows; whether it does."""
    account = call.account
    affordable = account.standing != "no credit" and letter.price <= account.balance
    if affordable:
        account.balance -= letter.price
        keep(account.letters, letter.message_id, letter, call.world.limits.others)
    return affordable


def view_return_addresses(call: Call) -> Answer:
    """GET /v3/post/return-addresses: the senders of letters; every account has one."""
    return Answer(listing(call, list(call.account.return_addresses.values()), dict))


def status(letter: Letter, now: int) -> str:
    """The state of a letter at a moment."""
    if now < letter.send_at:
        return "Scheduled"
    if now < letter.send_at + PRINTED_AFTER:
        return "Queued:WaitSend"
    return "Queued:Stamped" if now < letter.send_at + POSTED_AFTER else "Completed"


def _flag(body: dict[str, Any], name: str) -> int:
    flag = whole_number(body.get(name, 0))
    if flag not in (0, 1):
        raise bad_request(f"{name} must be 0 or 1.")
    return flag


def _letter(call: Call, recipient: Any, file_url: str, options: dict[str, int]) -> Letter:
    """The letter to a recipient in a request. Raises Refusal (400, 404)."""
    if not isinstance(recipient, dict):
        raise bad_request("Each recipient must be an object.")
    address = {name: required_text(recipient, name) for name in REQUIRED_LINES}
    address["address_line_2"] = text_of(recipient, "address_line_2", default="")
    postal_code = str(recipient.get("address_postal_code") or "")
    if not postal_code:
        raise bad_request("address_postal_code is missing.")
    address["address_postal_code"] = postal_code
    return_id = whole_number(recipient.get("return_address_id"))
    if return_id is None:
        raise bad_request("return_address_id is missing.")
    if return_id not in call.account.return_addresses:
        raise not_found("No return address has this id.")
    now = call.world.now()
    send_at = send_time(recipient.get("schedule"), now)
    if send_at is None:
        raise bad_request("schedule must be in Unix seconds.")
    free = postal_code in FREE_POSTAL_CODES
    price = Decimal(0) if free else tariff.letter_price(colour=options["colour"] == 1)
    custom_string = text_of(recipient, "custom_string", default="")
    return Letter(new_message_id(), address, file_url, now, send_at, price, custom_string, options, return_id)


def _row(call: Call, letter: Letter, source: str, affordable: bool) -> Row:
    account = call.account
    return {
        "user_id": account.user_id,
        "subaccount_id": account.subaccount_id,
        "message_id": letter.message_id,
        **letter.address,
        "return_address_id": letter.return_address_id,
        "custom_string": letter.custom_string,
        "schedule": letter.send_at,
        "source": f"{source}.rest.v3",
        "colour": letter.options["colour"],
        "duplex": letter.options["duplex"],
        "post_pages": 1,
        "post_price": tariff.four_places(letter.price if affordable else Decimal(0)),
        "priority_post": letter.options["priority_post"],
        "date_added": letter.date,
        "status": "SUCCESS" if affordable else "INSUFFICIENT_CREDIT",
        "_file_url": letter.file_url,
        "_return_address": account.return_addresses[letter.return_address_id],
        "_api_username": account.username,
    }
