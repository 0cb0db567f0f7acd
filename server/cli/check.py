"""The command `check`: whether this server can do its work, and what it would let an agent do."""

import json
import os
from collections.abc import Iterator
from dataclasses import fields
from urllib.parse import urlsplit

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.ledger import is_server_url
from server.config.settings import OF_CALLERS, Settings
from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import default_location
from tools.actions.account import GET_ACCOUNT


async def look(settings: Settings) -> tuple[str, list[str], list[str]]:
    """The account in a sentence, what else there is to tell a line each, and what is wrong."""
    async with Dispatcher(settings) as dispatcher:
        answered = await dispatcher.call(GET_ACCOUNT, {})
        assert isinstance(answered, Envelope)  # nobody is asked about a read
        account, wrong = _account(answered)
        ledger = _place(settings)
        try:
            await dispatcher.check()
        except LedgerUnavailable as fault:
            wrong.append(f"the ledger {ledger} cannot be used ({fault}), so nothing can be sent")
    return account, [f"ClickSend: {settings.base_url}", f"Ledger: {ledger}", *_limits(settings)], wrong


def _account(envelope: Envelope) -> tuple[str, list[str]]:
    if not envelope.successful:
        return "", [envelope.error or "ClickSend did not answer"]
    try:
        account = json.loads(envelope.data)["data"]
    except (ValueError, TypeError, KeyError):
        account = None
    if not isinstance(account, dict):
        return "", ["the answer is not an account: CLICKSEND_BASE_URL is probably wrong"]
    currency = account.get("_currency")
    unit = currency.get("currency_name_short") if isinstance(currency, dict) else None
    told = f"account {account.get('username')}, balance {account.get('balance')} {unit or ''}".rstrip()
    return f"Credentials are right: {''.join(filter(str.isprintable, told))}.", []


def _place(settings: Settings) -> str:
    """Where the ledger is, without the password that its URL may have."""
    place = settings.ledger.location
    if place is None:
        return default_location()
    if not is_server_url(place):
        return place
    try:
        url = urlsplit(place)
        return f"{url.scheme}://{url.hostname or ''}{f':{url.port}' if url.port else ''}{url.path}"
    except ValueError:
        return "a database"


def _limits(settings: Settings) -> Iterator[str]:
    """The limits that are on, as they were set."""
    changed = {
        entry.name
        for group in (settings.limits, settings.surface)
        for entry in fields(group)
        if getattr(group, entry.name) != entry.default
    }
    names = [variable.name for variable in OF_CALLERS if variable.field in changed]
    if not names:
        yield "Limits: none"
    for name in names:
        yield f"Limit: {name}={''.join(filter(str.isprintable, os.environ.get(name, '').strip()))}"
