"""What the page shows of an account: small answers, each a part of what there may be thousands of.

Every listing takes `account`, `q` (words to look for), `skip` and `limit`, and tells the total.
"""

import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.sandbox.api import campaigns, letters, tariff
from server.sandbox.api.answers import Row, whole_number
from server.sandbox.api.lists import import_row
from server.sandbox.control.endpoints import Action, ControlError, endpoint
from server.sandbox.inbox.conversations import run_row, view_conversation, view_conversations, web_host
from server.sandbox.inbox.listings import chosen_account, page, paged, search
from server.sandbox.inbox.spending import view_spending
from server.sandbox.state.calls import RecordedCall, readable
from server.sandbox.state.models import Account, Campaign, Contact, ContactList, Letter, Rule
from server.sandbox.state.world import World

MOST_ACCOUNTS = 200  # that the page lets one choose from
SHOWN_BYTES = 200_000  # of a recorded body

_COUNTS_WITHIN = 500  # bytes: the summary of a send, which comes before what strangers have written
_COUNTS = re.compile(rb'"total_count":(\d+),"queued_count":(\d+)')


def routes(world: World) -> list[Route]:
    """The page's endpoints, all GET."""
    table: tuple[tuple[str, Action], ...] = (
        ("overview", view_overview),
        ("conversations", view_conversations),
        ("conversation", view_conversation),
        ("letters", view_letters),
        ("campaigns", view_campaigns),
        ("lists", view_lists),
        ("contacts", view_contacts),
        ("rules", view_rules),
        ("spending", view_spending),
        ("calls", view_calls),
        ("call", view_call),
    )
    return [Route(f"/_sandbox/inbox/{name}", endpoint(world, action), methods=["GET"]) for name, action in table]


def view_overview(world: World, request: Request, body: bytes) -> Response:
    """The clock, the faults that are still to come, every account, and how much of everything this one has."""
    account = chosen_account(world, request)
    accounts = [one for place, one in enumerate(world.accounts.values()) if place < MOST_ACCOUNTS or one is account]
    calls = _calls_of(world, account)
    return JSONResponse(
        {
            "now": world.now(),
            "stopped": world.stopped_at is not None,
            "faults": [fault.model_dump() for fault in world.faults],
            "account": account.username,
            "balance": tariff.six_places(account.balance),
            "standing": account.standing,
            "currency": tariff.currency(account.country)["currency_prefix_d"],
            "currency_name": tariff.currency(account.country)["currency_name_short"],
            "accounts": [{"username": one.username, "used": _is_used(one)} for one in accounts],
            "default_account": world.username,
            "counts": {
                "messages": len(account.messages),
                "letters": len(account.letters),
                "campaigns": len(account.campaigns),
                "lists": len(account.own_lists) + _somebody_opted_out(account),
                "rules": len(account.rules),
                "calls": len(calls),
                "failed": sum(_failed(call) for _, call in calls),
            },
        }
    )


def _is_used(account: Account) -> bool:
    return bool(account.messages or account.letters or account.own_lists or account.rules or account.campaigns)


# Letters, campaigns, lists, rules


def view_letters(world: World, request: Request, body: bytes) -> Response:
    """The letters, the newest first."""
    account = chosen_account(world, request)
    found = search(request, reversed(account.letters.values()), lambda one: (*one.address.values(), one.custom_string))
    return page(request, found, lambda letter: _letter_row(account, letter, world.now()))


def _letter_row(account: Account, letter: Letter, now: int) -> Row:
    return {
        "id": letter.message_id,
        "address": letter.address,
        "from": account.return_addresses.get(letter.return_address_id),
        "options": letter.options,
        "file_url": letter.file_url,
        "file_host": web_host(letter.file_url),
        "status": letters.status(letter, now),
        "price": tariff.four_places(letter.price),
        "date": letter.date,
        "send_at": letter.send_at,
        "scheduled": letter.send_at > letter.date,
        "custom_string": letter.custom_string,
    }


def view_campaigns(world: World, request: Request, body: bytes) -> Response:
    """The campaigns, the newest first."""
    account = chosen_account(world, request)
    found = search(request, reversed(account.campaigns.values()), lambda one: (one.plan.name, one.plan.body))
    return page(request, found, lambda campaign: _campaign_row(campaign, world.now()))


def _campaign_row(campaign: Campaign, now: int) -> Row:
    plan = campaign.plan
    return {
        "id": campaign.campaign_id,
        "name": plan.name,
        "body": plan.body,
        "from": plan.sender,
        "list": plan.contact_list.name,
        "list_id": plan.contact_list.list_id,
        "total": campaign.total,
        "left_out": ", ".join(f"{count} {reason}" for reason, count in campaign.left_out.items()),
        "status": campaigns.status(campaign, now),
        "date": campaign.date_added,
        "send_at": plan.schedule,
        "scheduled": plan.schedule > campaign.date_added,
        "url_to_shorten": plan.url_to_shorten,
    }


def view_lists(world: World, request: Request, body: bytes) -> Response:
    """The contact lists, the newest first."""
    account = chosen_account(world, request)
    shown = account.lists.values() if _somebody_opted_out(account) else account.own_lists
    found = search(request, reversed(shown), lambda one: (one.name,))
    return page(request, found, _list_row)


def _somebody_opted_out(account: Account) -> bool:
    """An opt-out list with nobody in it, which every account has, is not worth a look."""
    return bool(account.opt_out_list.contacts)


def _list_row(contact_list: ContactList) -> Row:
    return {
        "id": contact_list.list_id,
        "name": contact_list.name,
        "contacts": len(contact_list.contacts),
        "importing": contact_list.imports_running > 0,
    }


def view_contacts(world: World, request: Request, body: bytes) -> Response:
    """The contacts of the list with an `id`, as they were added, and how its last import ended."""
    account = chosen_account(world, request)
    contact_list = account.lists.get(whole_number(request.query_params.get("id")) or 0)
    if contact_list is None:
        raise ControlError("there is no such list")
    found = search(request, contact_list.contacts.values(), lambda one: one.fields.values())
    imports = [job for job in account.imports if job.list_id == contact_list.list_id]
    last = import_row(imports[-1]) if imports else None
    return JSONResponse(paged(request, found, _contact_row) | {"list": _list_row(contact_list), "import": last})


def _contact_row(contact: Contact) -> Row:
    return {"id": contact.contact_id, **{name: value for name, value in contact.fields.items() if value}}


def view_rules(world: World, request: Request, body: bytes) -> Response:
    """The rules for inbound messages, and what the last ones did."""
    account = chosen_account(world, request)
    found = search(request, account.rules.values(), lambda one: (one.rule_name, one.message_search_term, one.body))
    runs = list(account.rule_runs)[:-21:-1]
    return JSONResponse(paged(request, found, _rule_row) | {"runs": [run_row(account, run) for run in runs]})


def _rule_row(rule: Rule) -> Row:
    return {
        "id": rule.rule_id,
        "name": rule.rule_name,
        "number": rule.dedicated_number,
        "search": rule.message_search_type,
        "term": rule.message_search_term,
        "action": rule.action,
        "address": rule.action_address,
        "body": rule.body,
        "enabled": rule.enabled == 1,
    }


# Calls


def view_calls(world: World, request: Request, body: bytes) -> Response:
    """The calls of an account and of nobody known, the newest first; with `failed` only those that failed."""
    found: Iterable[tuple[int, RecordedCall]] = reversed(_calls_of(world, chosen_account(world, request)))
    if request.query_params.get("failed"):
        found = [one for one in found if _failed(one[1])]
    found = search(request, found, lambda one: (one[1].method, one[1].path, str(one[1].query), _text(one[1].body)))
    return page(request, found, lambda one: _call_row(*one))


def _calls_of(world: World, account: Account) -> list[tuple[int, RecordedCall]]:
    numbered = enumerate(world.calls.calls, world.calls.first)
    return [one for one in numbered if one[1].username == account.username or one[1].username not in world.accounts]


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _failed(call: RecordedCall) -> bool:
    """Whether the caller got no answer, an error, or a spoilt one; an answer that was late is none of these."""
    return call.status is None or call.status >= 400 or call.fault not in (None, "delay")


def _call_row(number: int, call: RecordedCall) -> Row:
    return {
        "number": number,
        "at": call.at,
        "username": call.username,
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "status": call.status,
        "fault": call.fault,
        "failed": _failed(call),
        "counts": _counts(call),
    }


def _counts(call: RecordedCall) -> Row | None:
    """How many messages a send was about, and how many were accepted; its answer may be too long to be parsed."""
    found = _COUNTS.search(call.answer[:_COUNTS_WITHIN]) if call.path.endswith("/send") else None
    return {"total": int(found[1]), "accepted": int(found[2])} if found else None


def view_call(world: World, request: Request, body: bytes) -> Response:
    """The call with a `number`, with its request and answer."""
    number = whole_number(request.query_params.get("number")) or 0
    call = world.calls.find(number)
    if call is None:
        raise ControlError("this call is no longer remembered")
    content = {"request": _shown(call.body), "answer": _shown(call.answer)}
    return JSONResponse(_call_row(number, call) | content)


def _shown(body: bytes) -> Row:
    """A body as JSON, as text, or as the beginning of a text that is too long to be shown."""
    cut = len(body) > SHOWN_BYTES
    return {"content": _text(body[:SHOWN_BYTES]) if cut else readable(body), "bytes": len(body), "cut": cut}
