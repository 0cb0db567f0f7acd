"""The controls under /_sandbox/: inspect the state, move the clock, order faults.

They need no credentials: a sandbox holds nothing worth protecting, and listens on the loopback address.
"""

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.sandbox.api import contacts, delivery, letters, tariff
from server.sandbox.api.outbound import waiting
from server.sandbox.api.progress import progress
from server.sandbox.control.endpoints import ControlError, ControlHandler, endpoint
from server.sandbox.state.faults import Fault
from server.sandbox.state.models import Account, Letter, Message
from server.sandbox.state.numbers import normalise, shared_number
from server.sandbox.state.world import OPENING_BALANCE, World


class Order(BaseModel):
    """The body of a control request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class MoveClock(Order):
    advance: int | None = None  # seconds
    now: int | None = None  # Unix seconds
    stopped: bool | None = None  # whether it stops or runs from now on; unchanged if absent


class OpenAccount(Order):
    username: str = Field(min_length=1)
    api_key: str = Field(min_length=1)
    balance: Decimal = OPENING_BALANCE
    country: str = Field(default="AU", pattern="^[A-Z]{2}$")


class ChangeSettings(Order):
    username: str | None = None  # whose balance and countries to change; the default account if absent
    balance: Decimal | None = None
    countries_off: list[str] | None = None
    rate_limit: bool | None = None  # of the whole sandbox


class DeliverInbound(Order):
    sender: str = Field(alias="from")
    to: str | None = None  # the account's shared number if absent
    body: str
    username: str | None = None


LAST_MOMENT = 4_102_444_800  # Unix seconds: the year 2100


def routes(world: World) -> list[Route]:
    """The routes of the controls."""
    table: tuple[tuple[str, str, ControlHandler], ...] = (
        ("GET", "state", show_state),
        ("GET", "sent", show_sent),
        ("GET", "calls", show_calls),
        ("DELETE", "calls", forget_calls),
        ("POST", "inbound", deliver_inbound),
        ("POST", "clock", move_clock),
        ("GET", "faults", show_faults),
        ("POST", "faults", order_fault),
        ("DELETE", "faults", forget_faults),
        ("POST", "accounts", open_account),
        ("PATCH", "settings", change_settings),
        ("POST", "reset", reset),
    )
    return [Route(f"/_sandbox/{name}", endpoint(world, handler), methods=[method]) for method, name, handler in table]


def show_state(world: World, request: Request, body: bytes) -> Response:
    """The clock and, for each account, its balance and the number of its records."""
    return JSONResponse(
        {
            "now": world.now(),
            "rate_limit": world.rate_limit,
            "calls": len(world.calls.calls),
            "faults": len(world.faults),
            "files": len(world.files),
            "accounts": [_account_state(world, account) for account in world.accounts.values()],
        }
    )


def show_sent(world: World, request: Request, body: bytes) -> Response:
    """All accepted messages and letters, or those of one `kind` (sms, mms, letter), the oldest first."""
    kind = request.query_params.get("kind", "all")
    if kind not in ("all", "sms", "mms", "letter"):
        raise ControlError("kind must be sms, mms, letter or all")
    entries = [entry for entry in _all_sent(world) if kind in ("all", entry["kind"])]
    entries.sort(key=lambda entry: entry["date"])
    return JSONResponse({"sent": entries})


def show_calls(world: World, request: Request, body: bytes) -> Response:
    """The recorded calls, the oldest first."""
    return JSONResponse({"calls": [call.as_json() for call in world.calls.calls]})


def forget_calls(world: World, request: Request, body: bytes) -> Response:
    """Forget all recorded calls."""
    world.calls.clear()
    return JSONResponse({"calls": []})


def deliver_inbound(world: World, request: Request, body: bytes) -> Response:
    """Deliver an inbound message; webhooks are called after the answer."""
    order = DeliverInbound.model_validate_json(body)
    account = _account(world, order.username)
    if normalise(order.sender, account.country) is None:
        raise ControlError(f"from must be a phone number, such as {shared_number(account.country)}")
    message, runs, webhooks = delivery.deliver(world, account, order.sender, order.to, order.body)
    afterwards = BackgroundTasks([BackgroundTask(webhook) for webhook in webhooks])
    content = {
        "message_id": message.message_id,
        "from": message.sender,
        "rules": [asdict(run) for run in runs],
    }
    return JSONResponse(content, background=afterwards)


def move_clock(world: World, request: Request, body: bytes) -> Response:
    """Move the clock by some seconds or to a moment; stop it or let it run."""
    order = MoveClock.model_validate_json(body)
    if order.advance is not None and order.now is not None:
        raise ControlError("give either advance or now")
    now = world.now()
    moment = now + (order.advance or 0) if order.now is None else order.now
    if moment < now and (order.now is None or any(map(_is_used, world.accounts.values()))):
        raise ControlError("the clock cannot go back, once anything has happened")
    if not 0 <= moment <= LAST_MOMENT:
        raise ControlError("the clock goes from 1970 to 2100")
    stopped = world.stopped_at is not None if order.stopped is None else order.stopped
    world.set_clock(moment, stopped=stopped)
    return JSONResponse({"now": world.now(), "stopped": stopped})


def _is_used(account: Account) -> bool:
    stores = (account.messages, account.letters, account.campaigns, account.own_lists, account.rules, account.imports)
    return any((*stores, *account.records.values(), account.opt_out_list.contacts))


def show_faults(world: World, request: Request, body: bytes) -> Response:
    """The faults that have not been used up."""
    return JSONResponse({"faults": [fault.model_dump() for fault in world.faults]})


def order_fault(world: World, request: Request, body: bytes) -> Response:
    """Add a fault after those already ordered."""
    world.faults.append(Fault.model_validate_json(body))
    return show_faults(world, request, body)


def forget_faults(world: World, request: Request, body: bytes) -> Response:
    """Remove all faults."""
    world.faults.clear()
    return show_faults(world, request, body)


def open_account(world: World, request: Request, body: bytes) -> Response:
    """Open another account."""
    order = OpenAccount.model_validate_json(body)
    if order.username in world.accounts:
        raise ControlError("there is an account of this name")
    account = world.add_account(order.username, order.api_key, balance=order.balance, country=order.country)
    return JSONResponse(_account_state(world, account))


def change_settings(world: World, request: Request, body: bytes) -> Response:
    """Change an account's balance or disabled countries, or switch the rate limit on or off."""
    order = ChangeSettings.model_validate_json(body)
    account = _account(world, order.username)
    if order.balance is not None:
        account.balance = order.balance
    if order.countries_off is not None:
        account.countries_off = set(order.countries_off)
    if order.rate_limit is not None:
        world.rate_limit = order.rate_limit
        world.windows.clear()
    return show_state(world, request, body)


def reset(world: World, request: Request, body: bytes) -> Response:
    """Restore the initial state."""
    world.reset()
    return show_state(world, request, body)


def _account(world: World, username: str | None) -> Account:
    account = world.accounts.get(username or world.username)
    if account is None:
        raise ControlError(f"there is no account {username!r}")
    return account


def _account_state(world: World, account: Account) -> dict[str, Any]:
    kinds = [message.kind for message in account.messages.values()]
    return {
        "username": account.username,
        "user_id": account.user_id,
        "balance": tariff.six_places(account.balance),
        "country": account.country,
        "countries_off": sorted(account.countries_off),
        "standing": account.standing,
        "return_addresses": list(account.return_addresses),
        "sms": kinds.count("sms"),
        "mms": kinds.count("mms"),
        "scheduled": len(waiting(account, world.now())),
        "letters": len(account.letters),
        "campaigns": len(account.campaigns),
        "lists": len(account.own_lists),
        "opted_out": len(account.opt_out_list.contacts),
        "contacts": contacts.count_contacts(account),
        "rules": len(account.rules),
        "inbound_unread": sum(not copy.read for copy in account.inbox),
        "imports": [asdict(job) for job in account.imports],
        "rule_runs": [asdict(run) for run in account.rule_runs],
    }


def _all_sent(world: World) -> Iterator[dict[str, Any]]:
    now = world.now()
    for account in world.accounts.values():
        for message in account.messages.values():
            if message.direction == "out":
                yield _sent_message(account, message, now)
        for letter in account.letters.values():
            yield _sent_letter(account, letter, now)


def _sent_message(account: Account, message: Message, now: int) -> dict[str, Any]:
    return {
        "kind": message.kind,
        "account": account.username,
        "to": message.to,
        "from": message.sender,
        "body": message.body,
        "subject": message.subject,
        "media_url": message.media_url,
        "status": progress(message, now).status,
        "parts": message.parts,
        "price": tariff.four_places(message.price),
        "message_id": message.message_id,
        "date": message.date,
        "schedule": message.send_at,
        "campaign_id": message.campaign_id,
        "custom_string": message.custom_string,
    }


def _sent_letter(account: Account, letter: Letter, now: int) -> dict[str, Any]:
    return {
        "kind": "letter",
        "account": account.username,
        "to": letter.address,
        "body": letter.file_url,
        "status": letters.status(letter, now),
        "price": tariff.four_places(letter.price),
        "message_id": letter.message_id,
        "date": letter.date,
        "schedule": letter.send_at,
        "campaign_id": None,
        "custom_string": letter.custom_string,
    }
