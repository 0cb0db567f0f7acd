"""The messages of an account by phone number, for the page."""

import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.sandbox.api import tariff
from server.sandbox.api.answers import Row
from server.sandbox.api.optout import opted_out_numbers
from server.sandbox.api.outbound import is_waiting
from server.sandbox.api.progress import progress
from server.sandbox.inbox.listings import chosen_account, mentions, page, paged, search_text
from server.sandbox.state.models import Account, Message, RuleRun
from server.sandbox.state.world import World

SNIPPET = 140  # characters of a message in a list

_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?")  # safe to put into a Content-Security-Policy
_OWN_PICTURE = re.compile(r"/_sandbox/page/[a-z]+\.jpg")  # loading these is not recorded as a call


def view_conversations(world: World, request: Request, body: bytes) -> Response:
    """One row for each phone number, the one with the newest message first."""
    account = chosen_account(world, request)
    threads = list(reversed(_threads(account).items()))
    if query := search_text(request):
        threads = [
            (number, messages)
            for number, messages in threads
            if mentions(query, number, _name(messages)) or _any_mentions(query, messages)
        ]
    now = world.now()
    return page(request, threads, lambda thread: _thread_row(*thread, now))


def _threads(account: Account) -> dict[str, list[Message]]:
    """The messages of each number in order; the number with the newest message is last."""
    threads: dict[str, list[Message]] = {}
    for message in account.messages.values():
        number = _number(message)
        thread = threads.pop(number, [])
        thread.append(message)
        threads[number] = thread
    return threads


def _number(message: Message) -> str:
    """The number of the phone at the other end."""
    return message.to if message.direction == "out" else message.sender


def _any_mentions(query: str, thread: list[Message]) -> bool:
    return any(mentions(query, message.body, message.subject, message.custom_string) for message in thread)


def _name(thread: list[Message]) -> str:
    """The name of the contact with this phone; empty if no contact list gave one."""
    for message in reversed(thread):
        if message.first_name or message.last_name:
            return f"{message.first_name or ''} {message.last_name or ''}".strip()
    return ""


def _thread_row(number: str, thread: list[Message], now: int) -> Row:
    last = thread[-1]
    return {
        "number": number,
        "name": _name(thread),
        "messages": len(thread),
        "failed": sum(progress(message, now).status == "Failed" for message in thread),
        "waiting": sum(is_waiting(message, now) for message in thread),
        "last": {
            "direction": last.direction,
            "kind": last.kind,
            "body": last.body[:SNIPPET],
            "status": progress(last, now).status,
            "date": last.date,
        },
    }


def view_conversation(world: World, request: Request, body: bytes) -> Response:
    """The messages of the phone `number`, the newest last as a phone shows them. `skip` counts from the newest."""
    account = chosen_account(world, request)
    number = request.query_params.get("number", "")
    thread = [message for message in account.messages.values() if _number(message) == number]
    newest_first = sorted(thread, key=lambda message: message.send_at)[::-1]
    now, origin = world.now(), request.url.netloc
    runs = _runs_by_message(account)
    content = paged(request, newest_first, lambda message: _message_row(account, message, runs, origin, now))
    content["rows"].reverse()
    received = (message for message in newest_first if message.direction == "out" and message.send_at <= now)
    last_received = next(received, None)
    content |= {"name": _name(thread), "answers_to": last_received.sender if last_received else None}
    content["opted_out"] = number in opted_out_numbers(account)
    return JSONResponse(content)


def _runs_by_message(account: Account) -> dict[str, list[RuleRun]]:
    runs: dict[str, list[RuleRun]] = {}
    for run in account.rule_runs:
        runs.setdefault(run.message_id, []).append(run)
    return runs


def _message_row(account: Account, message: Message, runs: dict[str, list[RuleRun]], origin: str, now: int) -> Row:
    state = progress(message, now)
    campaign = account.campaigns.get(message.campaign_id or 0)
    return {
        "id": message.message_id,
        "kind": message.kind,
        "direction": message.direction,
        "from": message.sender,
        "to": message.to,
        "body": message.body,
        "subject": message.subject,
        "status": state.status,
        "detail": state.error_text or state.text,
        "parts": message.parts,
        "price": tariff.four_places(message.price),
        "date": message.date,
        "send_at": message.send_at,
        "scheduled": message.send_at > message.date,
        "campaign": campaign.plan.name if campaign else None,
        "campaign_id": message.campaign_id,
        "custom_string": message.custom_string,
        "picture": picture(message, origin),
        "rules": [run_row(account, run) for run in runs.get(message.message_id, ())],
    }


def picture(message: Message, origin: str) -> Row | None:
    """The address of the picture of a message; `path` is set if it is one of the sandbox's own.

    `origin` is the host and port by which the browser reaches the sandbox.
    """
    if message.media_url is None:
        return None
    host, path = web_host(message.media_url), urlsplit(message.media_url).path
    is_own = host == origin.lower() and _OWN_PICTURE.fullmatch(path)
    return {"url": message.media_url, "host": host, "path": path if is_own else None}


def web_host(url: str) -> str | None:
    """The host and port of a web address for a Content-Security-Policy; None if browsers may read it differently."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].encode("idna").decode().lower()
        _ = parts.port  # raises if it is too large
    except ValueError:  # which UnicodeError is a kind of
        return None
    return host if parts.scheme in ("http", "https") and _HOST.fullmatch(host) else None


def run_row(account: Account, run: RuleRun) -> Row:
    """What a rule did with a message."""
    rule = account.rules.get(run.rule_id)
    unnamed = "The account's own rule for STOP" if run.rule_id == 0 else f"rule {run.rule_id}"
    return {
        "rule": rule.rule_name if rule else unnamed,
        "action": run.action,
        "outcome": run.outcome,
    }
