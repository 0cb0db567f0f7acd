"""What the tests of progress share: a ClickSend that holds answers back, and a listener that records reports."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from mcp import Client

from support.hosting import PATIENCE, running_http, stdio
from support.scripted import Conversation, Upstream, good, scripted
from support.troubles import at, until

CAMPAIGN = "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"
SEND = "CLICKSEND_CREATE_SMS_SEND"
IMPORT = "CLICKSEND_GET_LISTS_IMPORT"
EXPORT = "CLICKSEND_GET_LISTS_EXPORT"
READ = "CLICKSEND_GET_ACCOUNT"

SALE = {"list_id": 88, "name": "Sale", "body": "20% off"}
CONTACTS = 300  # on list 88
IMPORTING = {"list_id": 88, "file_url": "https://files.example/customers.csv", "field_order": ["phone"]}
ANYWHERE_IN_AU = {"CLICKSEND_MCP_ALLOWED_COUNTRIES": "AU"}

_MOST_A_SECOND = 4

Report = tuple[float, float | None, str]


def batch(size: int) -> dict[str, Any]:
    """The arguments of a send of `size` messages."""
    return {"messages": [{"to": f"+6149157{number:04}", "body": "Hello"} for number in range(size)]}


@dataclass
class Reports:
    """Records the progress reports of one call."""

    heard: list[Report] = field(default_factory=list)

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        assert message
        self.heard.append((progress, total, message))

    def last_with(self, words: str) -> Report | None:
        return next((report for report in reversed(self.heard) if words in report[2]), None)

    async def until(self, words: str) -> Report:
        """Wait for a message with these words."""
        await until(lambda: self.last_with(words))
        report = self.last_with(words)
        assert report
        return report

    def are_sound(self, seconds: float) -> bool:
        """Whether they only grow, stay within their totals, and are few enough for a number of seconds."""
        done = [report[0] for report in self.heard]
        grow = all(before < after for before, after in pairwise(done))
        within = all(total is None or progress <= total for progress, total, _ in self.heard)
        return grow and within and len(self.heard) <= seconds * _MOST_A_SECOND + 1


@dataclass
class Held:
    """A ClickSend that holds back the answers that `hold` names until `let_go` names them."""

    answers: Mapping[str, list[bytes]]
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    upstream: Upstream | None = None

    def hold(self, *parts: str) -> None:
        """Hold the answers to requests whose first line has one of these parts, or `PLACE#2` for the second to it."""
        self.gates |= {part: asyncio.Event() for part in parts}

    def let_go(self, part: str) -> None:
        self.gates[part].set()

    def asked(self, part: str) -> int:
        """How many requests had `part` in their first line."""
        assert self.upstream
        return sum(part in request.line for request in self.upstream.requests)

    async def __call__(self, conversation: Conversation) -> None:
        line = conversation.request.line
        place = next((part for part in self.answers if part in line), "")
        assert place, line
        turn = min(self.asked(place), len(self.answers[place])) - 1
        for part, gate in list(self.gates.items()):
            if part in line or part == f"{place}#{turn + 1}":
                await gate.wait()
        if not (data := self.answers[place][turn]):
            conversation.drop()
            return
        await conversation.say(data)


def contacts(page: int, pages: int) -> bytes:
    """A page of a hundred contacts in Australia."""
    rows = [{"contact_id": number, "phone_number": f"+6149157{page:02}{number:02}"} for number in range(100)]
    return good({"total": pages * 100, "per_page": 100, "current_page": page, "last_page": pages, "data": rows})


def a_list(count: int, *, importing: bool) -> bytes:
    """List 88, with a number of contacts."""
    return good({"list_id": 88, "list_name": "Sale", "_contacts_count": count, "_import_in_progress": int(importing)})


def accepted(size: int) -> bytes:
    """The answer to a batch of `size` messages, all of them accepted."""
    rows = [{"to": f"+6149157{number:04}", "status": "SUCCESS", "message_id": f"ID-{number}"} for number in range(size)]
    return good({"total_price": size * 0.0792, "messages": rows})


PRICE = good({"total_price": 79.2, "_currency": {"currency_name_short": "AUD"}})
IMPORT_QUEUED = good({"msg": "queued", "ids": ["81"], "id": "81"})
EXPORTED = good({"url": "https://files.example/customers.csv"})
LOST = b""
ANSWERS: dict[str, list[bytes]] = {
    "/lists/88/contacts": [contacts(page, 3) for page in (1, 2, 3)],
    "/sms-campaigns/send": [good({"sms_campaign_id": 5, "status": "Sent", "_total_count": CONTACTS})],
    "POST /v3/lists/88/import": [IMPORT_QUEUED],
    "/lists/88/export": [EXPORTED],
    "GET /v3/lists/88 ": [a_list(120, importing=True), a_list(5_300, importing=True), a_list(9_000, importing=False)],
    "/sms/price": [PRICE],
    "/sms/send": [accepted(1_000)],
    "/sms/history": [good({"data": []})],
    "/account": [good({"username": "ana"})],
}


@asynccontextmanager
async def holding(*parts: str, **answers: list[bytes]) -> AsyncIterator[tuple[Held, Upstream]]:
    """A ClickSend that holds back some answers; `answers` replaces others, as sms_send=[...]."""
    replaced = {f"/{name.replace('_', '/')}": turns for name, turns in answers.items()}
    held = Held(ANSWERS | replaced)
    held.hold(*parts)
    async with scripted(held) as upstream:
        held.upstream = upstream
        yield held, upstream


@asynccontextmanager
async def connected(transport: str, era: str, upstream: Upstream | str, **own: str) -> AsyncIterator[Client]:
    """A client of a real process whose ClickSend is at an upstream."""
    environment = at(upstream, **own)
    async with asyncio.timeout(2 * PATIENCE):
        if transport == "stdio":
            async with Client(stdio(**environment), mode=era) as client:
                yield client
        else:
            async with running_http(**environment) as (_, url), Client(url, mode=era) as client:
                yield client
