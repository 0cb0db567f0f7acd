"""What one run of the fault matrix does: chosen by chance, but always the same for a seed and a number."""

import random
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

MARKER = "Zebrafinch"  # in every text that is sent, so that one in a log is noticed
SECRET = "5EC2E7-of-the-matrix"
NUMBERS = "+614"  # all recipients begin so
OLD_TEXT = "What the scheduled campaign says before it is updated"

SMS = "CLICKSEND_CREATE_SMS_SEND"
MMS = "CLICKSEND_CREATE_MMS_SEND"
CAMPAIGN = "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"
UPDATE = "CLICKSEND_UPDATE_SMS_CAMPAIGNS"
LETTER = "CLICKSEND_CREATE_POST_LETTERS_SEND"
ACTIONS = (SMS, MMS, CAMPAIGN, UPDATE, LETTER)

Where = Literal["sandbox", "connection", "late", "twice", "cancel", "kill", "ledger", "replaced", "disk", "none"]


@dataclass(frozen=True)
class Fault:
    """One row of the matrix: its name, where it is made, and how.

    `order`: what the sandbox is told. `step`: where a process is killed, a call cancelled, a ledger taken away.
    `loses`: the answer may be lost or unusable, so that an unknown outcome is a true report.
    """

    name: str
    where: Where
    order: dict[str, Any] | None = None
    step: str = ""
    loses: bool = False


def _ordered(name: str, kind: str, when: str = "before", *, loses: bool = True, **more: Any) -> Fault:
    return Fault(name, "sandbox", {"kind": kind, "when": when, **more}, loses=loses)


_LATER = {"retry-after": "1"}
_HELD = {"kind": "delay", "when": "after", "seconds": 0.4}
_SHORT = 1.0  # seconds: the deadline of servers in runs with an answer that is too late
_PLENTY = 15.0

FAULTS = (
    Fault("none", "none"),
    Fault("connection refused", "connection"),
    _ordered("dropped before taking effect", "drop"),
    _ordered("dropped after taking effect", "drop", "after"),
    _ordered("too slow, takes effect late", "delay", seconds=1.4),
    _ordered("too slow, took effect", "delay", "after", seconds=1.4),
    _ordered("429 with Retry-After", "status", status=429, loses=False),
    _ordered("500 before taking effect", "status", status=500),
    _ordered("500 after taking effect", "status", "after", status=500),
    _ordered("502 before taking effect", "status", status=502),
    _ordered("502 after taking effect", "status", "after", status=502),
    _ordered("503 with Retry-After", "status", status=503, headers=_LATER),
    _ordered("bare 503 after taking effect", "status", "after", status=503),
    _ordered("truncated before taking effect", "truncate"),
    _ordered("truncated after taking effect", "truncate", "after"),
    _ordered("garbage after taking effect", "garbage", "after"),
    _ordered("empty answer after taking effect", "empty", "after"),
    _ordered("oversize answer after taking effect", "oversize", "after", size=11 * 1024 * 1024),
    _ordered("a status nobody knows, took effect", "unfamiliar", "after"),
    Fault("a late answer on a kept connection", "late"),
    Fault("same MCP request delivered twice", "twice"),
    Fault("cancelled by the host early", "cancel", step="early"),
    Fault("cancelled by the host after it left", "cancel", _HELD, step="left"),
    Fault("ledger gone before the call", "ledger", step="before"),
    Fault("ledger gone between its two writes", "ledger", _HELD, step="between"),
    Fault("ledger replaced before the call", "replaced", step="before"),
    Fault("ledger replaced between its two writes", "replaced", _HELD, step="between"),
    Fault("disk full before the call", "disk", step="before"),
    Fault("disk full between the two writes", "disk", _HELD, step="between"),
    Fault("killed before the ledger's row", "kill", step="before start"),
    Fault("killed after the row, before it leaves", "kill", step="after start"),
    Fault("killed after it left, before its effect", "kill", _HELD | {"when": "before"}, step="left"),
    Fault("killed after its effect, before the answer", "kill", _HELD, step="left"),
    Fault("killed after the answer, before the 2nd write", "kill", step="before finish"),
    Fault("killed after the 2nd write, before the reply", "kill", step="after finish"),
)

Next = Literal["nothing", "again", "again twice", "second server at once", "restart"]
NEXT: tuple[Next, ...] = ("nothing", "again", "again twice", "second server at once", "restart")
Budget = Literal["none", "one call", "race"]
BUDGETS: tuple[Budget, ...] = ("none", "one call", "race")


@dataclass(frozen=True)
class Call:
    """One call of the agent: an action and its arguments, where None stands for ids that only the run knows."""

    slug: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """One run.

    `rival`: another call at the same time, which races with the first for any budget. `fault_times`: how many
    requests the fault meets. `records_fail`: ClickSend's records cannot be read while the fault lasts. `processes`:
    servers are processes of their own. `pause`: seconds before a cancellation. `variant`: which of the ways to take
    the ledger away.
    """

    number: int
    fault: Fault
    call: Call
    rival: Call | None
    next: Next
    budget: Decimal | None
    balance: Decimal
    fault_times: int
    records_fail: bool
    processes: bool
    pause: float
    variant: int
    contacts: tuple[str, ...]

    @property
    def deadline(self) -> float:
        """Seconds that a server gives a call."""
        return _SHORT if self.fault.name.startswith("too slow") else _PLENTY

    @property
    def concurrent(self) -> bool:
        """Whether the same call is ever made while it is under way."""
        return self.fault.where == "twice" or self.next == "second server at once"


def plan(seed: int, number: int, *, always_processes: bool) -> Plan:
    """The run of a number; actions and faults take turns so that all of them meet, the rest is chance."""
    chance = random.Random(f"{seed}/{number}")
    fault = FAULTS[number % len(FAULTS)]
    if always_processes and fault.where == "disk":
        fault = FAULTS[chance.randrange(len(FAULTS) - 12)]  # the disk of the database's server is not ours to fill
    slug = ACTIONS[number // len(FAULTS) % len(ACTIONS)]
    # The first can be reached: the sandbox takes no campaign that nobody would get.
    contacts = tuple(_number(chance, 0.15 if place else 0) for place in range(chance.randint(1, 3)))
    call = _call(chance, slug, f"{MARKER} {number} first")
    budget_kind = BUDGETS[number // 7 % len(BUDGETS)]
    racing = budget_kind == "race" or (slug == SMS and chance.random() < 0.5)
    rival = _rival(chance, call, number) if racing else None
    following = chance.choice(NEXT)
    if fault.where == "replaced":  # another server would open the new file, as nobody could tell it not to
        rival, following = None, "again" if following == "second server at once" else following
    return Plan(
        number=number,
        fault=fault,
        call=call,
        rival=rival,
        next=following,
        budget=None if budget_kind == "none" else _amount(chance, slug),
        balance=_amount(chance, slug) if chance.random() < 0.12 else Decimal(100),
        fault_times=chance.choice((1, 1, 2)),
        records_fail=chance.random() < 0.2,
        processes=always_processes or fault.where in ("kill", "disk") or chance.random() < 0.1,
        pause=chance.choice((0.0, 0.002, 0.005, 0.01, 0.02, 0.04)),
        variant=chance.randrange(2),
        contacts=contacts,
    )


def _amount(chance: random.Random, slug: str) -> Decimal:
    """A small sum, somewhere around what one or two such calls cost."""
    most = {SMS: 60, MMS: 300, CAMPAIGN: 40, UPDATE: 40, LETTER: 600}[slug]
    return Decimal(chance.randint(1, most)) / 100


def _rival(chance: random.Random, call: Call, number: int) -> Call:
    """Another call, of an action that may be another; sometimes it shares a message with the first."""
    slug = chance.choice([SMS, call.slug, *ACTIONS])
    slug = SMS if slug == UPDATE else slug
    rival = _call(chance, slug, f"{MARKER} {number} rival")
    more_than_that = max(len(one.arguments.get("messages", ())) for one in (call, rival)) > 1
    if slug == call.slug == SMS and more_than_that and chance.random() < 0.5:
        rival.arguments["messages"][0] = dict(call.arguments["messages"][0])
    return rival


def _number(chance: random.Random, refused: float) -> str:
    """A number; with some probability one that the sandbox refuses."""
    if chance.random() < refused:
        return f"{NUMBERS}{chance.randint(10, 99)}{chance.choice(('990404', '990403'))}"
    return f"{NUMBERS}{chance.randint(10_000_000, 98_999_999)}"


def _text(chance: random.Random, text: str) -> str:
    return text + chance.choice(("", " ok", " \u2013 \u201cquoted\u201d", " long" * 35))


def _call(chance: random.Random, slug: str, text: str) -> Call:
    make = {SMS: _sms, MMS: _mms, CAMPAIGN: _campaign, UPDATE: _update, LETTER: _letter}[slug]
    return Call(slug, make(chance, text))


def _sms(chance: random.Random, text: str) -> dict[str, Any]:
    messages = [
        {"to": _number(chance, 0.2), "body": _text(chance, f"{text} {place}")} for place in range(chance.randint(1, 4))
    ]
    if chance.random() < 0.3:
        messages[0]["custom_string"] = "reference"
    return {"messages": messages}


def _mms(chance: random.Random, text: str) -> dict[str, Any]:
    messages = [
        {"to": _number(chance, 0.2), "subject": "Menu", "body": f"{text} {place}"}
        for place in range(chance.randint(1, 2))
    ]
    return {"media_file": "https://files.example/menu.gif", "messages": messages}


def _campaign(chance: random.Random, text: str) -> dict[str, Any]:
    schedule = {"schedule": int(time.time()) + 3600} if chance.random() < 0.4 else {}
    return {"list_id": None, "name": text, "body": _text(chance, text), **schedule}


def _update(chance: random.Random, text: str) -> dict[str, Any]:
    return {"sms_campaign_id": None, **_campaign(chance, text)}


def _letter(chance: random.Random, text: str) -> dict[str, Any]:
    recipients = [
        {
            "address_name": f"{text} {place}",
            "address_line_1": "1 Harbour Street",
            "address_city": "Perth",
            "address_state": "WA",
            "address_postal_code": "6000",
            "address_country": "AU",
            "return_address_id": None,
        }
        for place in range(chance.randint(1, 2))
    ]
    return {"file_url": "https://files.example/letter.pdf", "recipients": recipients}
