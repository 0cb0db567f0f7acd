"""What the callers of a load run call, and how each answer is checked to be the caller's own."""

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from fleet_calls import Answer, Caller

TO = "+61491570156"


@dataclass
class Tally:
    """What came of all calls."""

    took: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds, by tool
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)  # (account, text), once each
    errors: Counter[str] = field(default_factory=Counter)
    mixed_up: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many there were."""
        return sum(map(len, self.took.values()))


class Agent:
    """One caller, who calls one tool after the other and knows what only it can have been answered."""

    def __init__(self, caller: Caller, number: int, tally: Tally) -> None:
        self._caller = caller
        self._mark = f"{caller.username}/{number}"  # in every text of its own
        self._numbers = itertools.count()
        self._tally = tally
        self._random = random.Random(number)
        self._list = 0
        self._kinds: tuple[tuple[Callable[[], Awaitable[None]], int], ...] = (
            (self.send, 4),
            (self.price, 2),
            (self.history, 2),
            (self.lists, 2),
            (self.contacts, 2),
            (self.statistics, 1),
        )

    async def begin(self) -> None:
        """Make a list of its own."""
        made = await self._call("CREATE_LISTS", list_name=self._mark)
        if made is not None:
            self._list = made.data["list_id"]

    async def one(self) -> None:
        """Make one call of some kind."""
        kinds, weights = zip(*self._kinds, strict=True)
        await self._random.choices(kinds, weights)[0]()

    async def send(self) -> None:
        """A paid call: the answer has this very text."""
        body = f"{self._mark} text {next(self._numbers)}"
        answer = await self._call("CREATE_SMS_SEND", messages=[{"to": TO, "body": body, "custom_string": self._mark}])
        if answer is not None:
            (message,) = answer.data["messages"]
            self._check((message["body"], message["custom_string"]) == (body, self._mark), "send")
            self._tally.sent[self._caller.username, body] += 1

    async def price(self) -> None:
        """A price: it echoes the text."""
        body = f"{self._mark} price {next(self._numbers)}"
        answer = await self._call("SMS_PRICE_POST", messages=[{"to": TO, "body": body}])
        if answer is not None:
            self._check(answer.data["messages"][0]["body"] == body, "price")

    async def history(self) -> None:
        """The newest messages: all are of this account."""
        answer = await self._call("GET_SMS_HISTORY", limit=5, order_by="date:desc")
        if answer is not None:
            rows = answer.data["data"]
            self._check(all(row["body"].startswith(f"{self._caller.username}/") for row in rows), "history")

    async def lists(self) -> None:
        """The lists: all are of this account."""
        answer = await self._call("GET_LISTS", limit=100)
        if answer is not None:
            names = [row["list_name"] for row in answer.data["data"]]
            own = f"{self._caller.username}/"
            self._check(
                self._mark in names and all(name.startswith(own) or name == "Opt-Out List" for name in names), "lists"
            )

    async def contacts(self) -> None:
        """A contact for its own list: the answer has its name."""
        name = f"{self._mark} {next(self._numbers)}"
        answer = await self._call("CREATE_LISTS_CONTACTS", list_id=self._list, phone_number=TO, first_name=name)
        if answer is not None:
            self._check((answer.data["first_name"], answer.data["list_id"]) == (name, self._list), "contacts")

    async def statistics(self) -> None:
        """The statistics, which say nothing of whom they are about."""
        await self._call("GET_STATISTICS_SMS")

    async def _call(self, tool: str, **arguments: object) -> Answer | None:
        """The answer of a call that was successful."""
        begun = monotonic()
        answer = await self._caller.call(tool, arguments)
        self._tally.took[tool].append(monotonic() - begun)
        if answer.envelope.get("successful"):
            return answer
        self._tally.errors[f"{tool}: {answer.status} {answer.error or answer.message}"[:200]] += 1
        return None

    def _check(self, own: bool, what: str) -> None:
        if not own:
            self._tally.mixed_up.append(f"{self._mark}: {what}")
