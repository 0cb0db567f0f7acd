"""The command `check`: whether this server can do its work, and what it lets an agent do."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.ledger import is_server_url
from server.config.settings import OF_CALLERS, Settings
from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import default_location
from tools.actions.account import GET_ACCOUNT


@dataclass(frozen=True)
class Findings:
    """What a check has found: a line for each fact, and a sentence for each problem."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]


async def inspect(settings: Settings) -> Findings:
    """Ask ClickSend for the account, and look into the ledger. Never raises for what is wrong with either."""
    if settings.config_error:
        return Findings((), (f"{settings.config_error}.",))
    async with Dispatcher(settings) as dispatcher:
        envelope = await dispatcher.call(GET_ACCOUNT, {})
        assert isinstance(envelope, Envelope)  # nobody is asked about a read
        account, problem = _account(envelope)
        problems = [problem] if problem else []
        ledger = _location(settings)
        try:
            await dispatcher.check()
        except LedgerUnavailable as fault:
            problems.append(f"the ledger {ledger} cannot be used ({fault}), so nothing can be sent")
    lines = (account, f"ClickSend: {settings.base_url}", f"Ledger: {ledger}", *_limits(settings))
    return Findings(tuple(filter(None, lines)), tuple(problems))


def _account(envelope: Envelope) -> tuple[str, str]:
    """A sentence on the account, and one on what is wrong; one of them is empty."""
    if not envelope.successful:
        return "", envelope.error or "ClickSend did not answer"
    try:
        account = json.loads(envelope.data)["data"]
    except (ValueError, TypeError, KeyError):
        account = None
    if not isinstance(account, dict):
        return "", "the answer is not an account: CLICKSEND_BASE_URL is probably wrong"
    currency = account.get("_currency")
    unit = currency.get("currency_name_short") if isinstance(currency, dict) else None
    summary = f"account {account.get('username')}, balance {account.get('balance')} {unit or ''}".rstrip()
    return f"Credentials are right: {''.join(filter(str.isprintable, summary))}.", ""


def _location(settings: Settings) -> str:
    """Where the ledger is, without the password that its URL may have."""
    location = settings.ledger.location
    if location is None:
        return default_location()
    if not is_server_url(location):
        return location
    try:
        url = urlsplit(location)
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
