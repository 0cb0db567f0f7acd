"""The policy: what the operator of this server allows an agent to do. Nothing in it can be changed by a prompt.

All limits are off by default. While one is wrong, no call is made: an agent must not run without it.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from server.runtime.env import Variable, WrongSetting, amount, comma_separated, plain_text, whole_number, yes_or_no
from tools.catalog import CATALOG, TOOLSETS

_DATABASES: Final = ("postgresql", "postgres", "postgresql+psycopg", "sqlite")
SHARED_NUMBER: Final = "shared"  # among the allowed senders: ClickSend's shared number, used where none is named


@dataclass(frozen=True)
class QuietHours:
    """From when to when nothing arrives, in the recipient's time; may span midnight."""

    start: time
    end: time

    def contains(self, moment: time) -> bool:
        """Whether a time of day is quiet; the end is not."""
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


@dataclass(frozen=True)
class Approval:
    """When a person is asked: for every send, for those above a price (account currency), for deletions."""

    always: bool = False
    above: Decimal | None = None
    deletes: bool = False

    @property
    def may_ask(self) -> bool:
        """Whether a person is ever asked."""
        return self.always or self.deletes or self.above is not None


@dataclass(frozen=True)
class Policy:
    """The operator's limits; a field is named after its variable. Money is in account currency, times in seconds."""

    max_cost_per_call: Decimal | None = None
    max_cost_per_day: Decimal | None = None
    max_recipients: int | None = None
    allowed_countries: frozenset[str] = frozenset()
    allowed_numbers: tuple[str, ...] = ()
    blocked_numbers: tuple[str, ...] = ()
    allowed_senders: frozenset[str] = frozenset()
    quiet_hours: QuietHours | None = None
    approval: Approval = Approval()
    approval_seconds: int = 300
    approval_key: str | None = field(default=None, repr=False)
    dry_run: bool = False
    read_only: bool = False
    toolsets: tuple[str, ...] = tuple(TOOLSETS)
    tools: tuple[str, ...] = ()
    exclude_tools: tuple[str, ...] = ()
    ledger: str | None = field(default=None, repr=False)  # its URL may hold a password
    ledger_keeps_texts: bool = False
    duplicate_window: int = 600

    def offers(self, slug: str) -> bool:
        """Whether an action is there at all: toolsets choose, tools add, exclude_tools beats both, read_only all."""
        action = CATALOG[slug]
        chosen = slug in self.tools or any(action in TOOLSETS[name] for name in self.toolsets)
        return chosen and slug not in self.exclude_tools and (action.read_only or not self.read_only)

    @property
    def server_ledger(self) -> str | None:
        """The URL of the ledger, if it is a database that other machines can reach."""
        return self.ledger if self.ledger is not None and is_server_url(self.ledger) else None

    @property
    def limits_recipients(self) -> bool:
        """Whether it matters who would be contacted."""
        return bool(
            self.max_recipients is not None
            or self.allowed_countries
            or self.allowed_numbers
            or self.blocked_numbers
            or self.quiet_hours
            or self.allowed_senders
        )

    @property
    def restricts_sends(self) -> bool:
        """Whether there is any limit that something sent later, and unseen, would escape."""
        return self.limits_recipients or self.prices_first

    @property
    def limits_cost(self) -> bool:
        """Whether it matters what a call or a day costs."""
        return self.max_cost_per_call is not None or self.max_cost_per_day is not None

    @property
    def prices_first(self) -> bool:
        """Whether a send is priced before it leaves."""
        return self.limits_cost or self.approval.always or self.approval.above is not None or self.dry_run


def _countries(text: str) -> frozenset[str]:
    from schemas.addresses import country_problem

    found = frozenset(word.upper() if word.isascii() else word for word in comma_separated(text))
    if not all(re.fullmatch("[A-Z]{2}", country) for country in found):
        raise WrongSetting("must be country codes of 2 letters, such as AU,NZ")
    for problem in filter(None, map(country_problem, sorted(found))):
        raise WrongSetting(problem)
    return found


def _numbers(text: str) -> tuple[str, ...]:
    found = tuple(re.sub(r"[\s()-]", "", number) for number in comma_separated(text))
    if not all(re.fullmatch(r"\+[0-9]{1,15}", number) for number in found):
        raise WrongSetting("must be numbers or their beginnings, such as +614,+6421234567")
    return found


def _senders(text: str) -> frozenset[str]:
    return frozenset(comma_separated(text))


def _quiet_hours(text: str) -> QuietHours:
    found = re.fullmatch(r"([0-2]?\d:[0-5]\d) *[-\u2013] *([0-2]?\d:[0-5]\d)", text, re.ASCII)
    try:
        start, end = (time.fromisoformat(part.zfill(5)) for part in found.groups()) if found else (time(), time())
    except ValueError:
        start = end = time()
    if start == end:
        raise WrongSetting("must be two times of day, such as 21:00-08:00")
    return QuietHours(start, end)


def _approval(text: str) -> Approval:
    always, above, deletes = False, None, False
    for word in map(str.lower, comma_separated(text)):
        if word in ("always", "yes", "on", "true", "1"):
            always = True
        elif word == "deletes":
            deletes = True
        elif found := re.fullmatch(r"above *:? *(.+)", word):
            above = amount(found[1])
        elif word not in ("never", "no", "off", "false", "0"):
            raise WrongSetting("must be never, always, above:AMOUNT or deletes, or several by comma")
    return Approval(always, above, deletes)


def _key(text: str) -> str:
    if len(text.encode()) < 32:
        raise WrongSetting("must have at least 32 bytes")
    return text


def is_server_url(place: str) -> bool:
    """Whether the place of a ledger is a database that other machines can reach, and no file."""
    return "://" in place and not place.startswith("sqlite:")


def _place(text: str) -> str:
    """A path, or the URL of a database; it is opened only when the first paid call needs it."""
    try:
        url = urlsplit(plain_text(text))
        sound = "://" not in text or (url.scheme in _DATABASES and url.port != 0)  # the port is checked here
    except ValueError:
        sound = False
    if not sound:
        raise WrongSetting("must be a path, or a URL such as postgresql://user@host/database")
    return text if is_server_url(text) else _file(text)


def _file(text: str) -> str:
    """An absolute path: each folder that a host starts this in would have a relative one of its own."""
    path = text.removeprefix("sqlite:///")
    with suppress(RuntimeError):  # no such user
        path = str(Path(path).expanduser()) + ("/" if path.endswith("/") else "")
    if not Path(path).is_absolute():
        raise WrongSetting("must be an absolute path, such as ~/ledger.sqlite3 or /var/lib/clicksend/ledger.sqlite3")
    with suppress(OSError):
        if path.endswith("/") or Path(path).is_dir():
            raise WrongSetting("is a directory: add the name of a file")
    return path


def _toolsets(text: str) -> tuple[str, ...]:
    return _known(text, tuple(TOOLSETS))


def _tools(text: str) -> tuple[str, ...]:
    return _known(text, tuple(CATALOG))


def _known(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    found = comma_separated(text)
    if unknown := [name for name in found if name not in names]:
        raise WrongSetting(f"names {unknown[0]}, which is none of {', '.join(names)}")
    return found


VARIABLES: Final = (
    Variable("CLICKSEND_MCP_MAX_COST_PER_CALL", "no limit", "most that one call may cost, account currency", amount),
    Variable("CLICKSEND_MCP_MAX_COST_PER_DAY", "no limit", "most that 24 hours may cost", amount),
    Variable("CLICKSEND_MCP_MAX_RECIPIENTS", "no limit", "most recipients of one call", whole_number(1, 1_000_000)),
    Variable("CLICKSEND_MCP_ALLOWED_COUNTRIES", "all", "countries that may be contacted, such as AU,NZ", _countries),
    Variable("CLICKSEND_MCP_ALLOWED_NUMBERS", "all", "numbers, or their beginnings, such as +614", _numbers),
    Variable("CLICKSEND_MCP_BLOCKED_NUMBERS", "none", "numbers, or their beginnings, that must not", _numbers),
    Variable(
        "CLICKSEND_MCP_ALLOWED_SENDERS",
        "all",
        f"senders that may be named; {SHARED_NUMBER} allows to name none",
        _senders,
    ),
    Variable("CLICKSEND_MCP_QUIET_HOURS", "none", "such as 21:00-08:00, in the recipient's time zone", _quiet_hours),
    Variable("CLICKSEND_MCP_APPROVAL", "never", "ask a person: always, above:5.00, deletes, or several", _approval),
    Variable("CLICKSEND_MCP_APPROVAL_SECONDS", "300", "how long a person has to answer", whole_number(1, 600)),
    Variable("CLICKSEND_MCP_APPROVAL_KEY", "made at start", "seals approvals; the same on all replicas", _key),
    Variable("CLICKSEND_MCP_DRY_RUN", "0", "1 checks and prices every send, and sends none", yes_or_no),
    Variable("CLICKSEND_MCP_READ_ONLY", "0", "1 offers only tools that change nothing", yes_or_no),
    Variable("CLICKSEND_MCP_TOOLSETS", "all", f"of {', '.join(TOOLSETS)}", _toolsets),
    Variable("CLICKSEND_MCP_TOOLS", "none", "single tools besides those toolsets", _tools),
    Variable("CLICKSEND_MCP_EXCLUDE_TOOLS", "none", "single tools that are off", _tools),
    Variable("CLICKSEND_MCP_LEDGER", "a SQLite file", "path of the ledger, or postgresql://...", _place),
    Variable("CLICKSEND_MCP_LEDGER_KEEPS_TEXTS", "0", "1 keeps numbers and texts in the ledger", yes_or_no),
    Variable(
        "CLICKSEND_MCP_DUPLICATE_WINDOW",
        "600",
        "seconds in which the same send is not repeated, 0 for off",
        whole_number(0, 31_536_000),
    ),
)
