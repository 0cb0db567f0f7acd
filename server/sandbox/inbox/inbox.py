"""The data of the page: an overview of an account, and its records in pages.

Every listing takes `account`, `q` (text to search for), `skip` and `limit`, and gives the total.
"""

import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.sandbox.api import campaigns, letters, tariff
from server.sandbox.api.answers import Row, whole_number
from server.sandbox.api.lists import import_row
from server.sandbox.control.endpoints import ControlError, ControlHandler, endpoint
from server.sandbox.inbox.conversations import run_row, view_conversation, view_conversations, web_host
from server.sandbox.inbox.listings import chosen_account, page, paged, search
from server.sandbox.inbox.spending import view_spending
from server.sandbox.state.calls import RecordedCall, readable
from server.sandbox.state.models import Account, Campaign, Contact, ContactList, Letter, Rule
from server.sandbox.state.world import World

MAX_ACCOUNTS = 200  # that the page offers to choose from
MAX_BODY = 200_000  # bytes shown of a recorded body
MAX_RUNS = 20  # of rules, shown below them

NumberedCall = tuple[int, RecordedCall]

_SUMMARY_BYTES = 500  # of an answer to a send, whose summary comes before any untrusted text
_COUNTS = re.compile(rb'"total_count":(\d+),"queued_count":(\d+)')


def routes(world: World) -> list[Route]:
    """The endpoints of the page, all GET."""
    table: tuple[tuple[str, ControlHandler], ...] = (
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
    return [Route(f"/_sandbox/inbox/{name}", endpoint(world, handler), methods=["GET"]) for name, handler in table]


def view_overview(world: World, request: Request, body: bytes) -> Response:
    """The clock, the faults not used up, the accounts, and the number of records of this one."""
    account = chosen_account(world, request)
    accounts = [
        candidate
        for index, candidate in enumerate(world.accounts.values())
        if index < MAX_ACCOUNTS or candidate is account
    ]
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
            "accounts": [{"username": listed.username, "used": _is_used(listed)} for listed in accounts],
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
    matches = search(
        request,
        reversed(account.letters.values()),
        lambda letter: (*letter.address.values(), letter.custom_string),
    )
    return page(request, matches, lambda letter: _letter_row(account, letter, world.now()))


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
    matches = search(
        request,
        reversed(account.campaigns.values()),
        lambda campaign: (campaign.plan.name, campaign.plan.body),
    )
    return page(request, matches, lambda campaign: _campaign_row(campaign, world.now()))


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
    visible = account.lists.values() if _somebody_opted_out(account) else account.own_lists
    matches = search(request, reversed(visible), lambda contact_list: (contact_list.name,))
    return page(request, matches, _list_row)


def _somebody_opted_out(account: Account) -> bool:
    """Whether the opt-out list is shown: every account has one, and an empty one is not worth a look."""
    return bool(account.opt_out_list.contacts)


def _list_row(contact_list: ContactList) -> Row:
    return {
        "id": contact_list.list_id,
        "name": contact_list.name,
        "contacts": len(contact_list.contacts),
        "importing": contact_list.imports_running > 0,
    }


def view_contacts(world: World, request: Request, body: bytes) -> Response:
    """The contacts of the list `id` in the order they were added, and the state of its last import."""
    account = chosen_account(world, request)
    contact_list = account.lists.get(whole_number(request.query_params.get("id")) or 0)
    if contact_list is None:
        raise ControlError("there is no such list")
    matches = search(request, contact_list.contacts.values(), lambda contact: contact.fields.values())
    imports = [job for job in account.imports if job.list_id == contact_list.list_id]
    last_import = import_row(imports[-1]) if imports else None
    return JSONResponse(
        paged(request, matches, _contact_row) | {"list": _list_row(contact_list), "import": last_import}
    )


def _contact_row(contact: Contact) -> Row:
    return {"id": contact.contact_id, **{name: value for name, value in contact.fields.items() if value}}


def view_rules(world: World, request: Request, body: bytes) -> Response:
    """The rules for inbound messages, and their last runs."""
    account = chosen_account(world, request)
    matches = search(
        request, account.rules.values(), lambda rule: (rule.rule_name, rule.message_search_term, rule.body)
    )
    runs = list(account.rule_runs)[: -MAX_RUNS - 1 : -1]
    return JSONResponse(paged(request, matches, _rule_row) | {"runs": [run_row(account, run) for run in runs]})


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
    """The calls of an account and of unknown users, the newest first; with `failed` only those that failed."""
    calls: Iterable[NumberedCall] = reversed(_calls_of(world, chosen_account(world, request)))
    if request.query_params.get("failed"):
        calls = [(number, call) for number, call in calls if _failed(call)]
    calls = search(request, calls, _call_texts)
    return page(request, calls, lambda numbered: _call_row(*numbered))


def _calls_of(world: World, account: Account) -> list[NumberedCall]:
    return [
        (number, call)
        for number, call in enumerate(world.calls.calls, world.calls.first)
        if call.username == account.username or call.username not in world.accounts
    ]


def _call_texts(numbered: NumberedCall) -> tuple[str, ...]:
    """The texts of a call that a search looks in."""
    _, call = numbered
    return call.method, call.path, str(call.query), _text(call.body)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _failed(call: RecordedCall) -> bool:
    """Whether the caller got no answer, an error or a faulty one; a delayed answer is not a failure."""
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
    """The messages of a send and how many were accepted, read without parsing an answer that may be long."""
    counts = _COUNTS.search(call.answer[:_SUMMARY_BYTES]) if call.path.endswith("/send") else None
    return {"total": int(counts[1]), "accepted": int(counts[2])} if counts else None


def view_call(world: World, request: Request, body: bytes) -> Response:
    """The call `number`, with its request and answer."""
    number = whole_number(request.query_params.get("number")) or 0
    call = world.calls.find(number)
    if call is None:
        raise ControlError("this call is no longer remembered")
    content = {"request": _body_row(call.body), "answer": _body_row(call.answer)}
    return JSONResponse(_call_row(number, call) | content)


def _body_row(body: bytes) -> Row:
    """A body as JSON or text; if it is too long to be shown, only its beginning as text."""
    cut = len(body) > MAX_BODY
    return {"content": _text(body[:MAX_BODY]) if cut else readable(body), "bytes": len(body), "cut": cut}
