"""The limits: what the operator of this server allows an agent to do. No prompt can change them.

All are off by default. While one is wrong, no call is made: an agent must not run without it. Their bounds and
defaults are our rule.
"""

import re
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Final

from server.config.setting import Theme, setting
from server.runtime.env import WrongSetting, amount, comma_separated, whole_number, yes_or_no

SHARED_NUMBER: Final = "shared"  # among the allowed senders: ClickSend's shared number, used if none is named


@dataclass(frozen=True)
class QuietHours:
    """The time of day in which nothing may arrive, in the recipient's time zone; may span midnight."""

    start: time
    end: time

    def contains(self, moment: time) -> bool:
        """Whether a time of day is quiet; `end` itself is not."""
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


def _countries(text: str) -> frozenset[str]:
    from schemas.fields.addresses import country_problem

    countries = frozenset(word.upper() if word.isascii() else word for word in comma_separated(text))
    if not all(re.fullmatch("[A-Z]{2}", country) for country in countries):
        raise WrongSetting("must be country codes of 2 letters, such as AU,NZ")
    for problem in filter(None, map(country_problem, sorted(countries))):
        raise WrongSetting(problem)
    return countries


def _numbers(text: str) -> tuple[str, ...]:
    numbers = tuple(re.sub(r"[\s()-]", "", number) for number in comma_separated(text))
    if not all(re.fullmatch(r"\+[0-9]{1,15}", number) for number in numbers):
        raise WrongSetting("must be numbers or their beginnings, such as +614,+6421234567")
    return numbers


def _senders(text: str) -> frozenset[str]:
    return frozenset(comma_separated(text))


def _quiet_hours(text: str) -> QuietHours:
    match = re.fullmatch(r"([0-2]?\d:[0-5]\d) *[-\u2013] *([0-2]?\d:[0-5]\d)", text, re.ASCII)
    try:
        start, end = (time.fromisoformat(part.zfill(5)) for part in match.groups()) if match else (time(), time())
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
        elif match := re.fullmatch(r"above *:? *(.+)", word):
            above = amount(match[1])
        elif word not in ("never", "no", "off", "false", "0"):
            raise WrongSetting("must be never, always, above:AMOUNT or deletes, or several by comma")
    return Approval(always, above, deletes)


def _key(text: str) -> str:
    if len(text.encode()) < 32:  # the fewest that the MCP SDK takes
        raise WrongSetting("must have at least 32 bytes")
    return text


@dataclass(frozen=True)
class Limits:
    """What a caller may do. Money is in account currency, times in seconds."""

    max_cost_per_call: Decimal | None = setting(
        amount, None, "most that one call may cost, account currency", shown="no limit"
    )
    max_cost_per_day: Decimal | None = setting(amount, None, "most that 24 hours may cost", shown="no limit")
    max_recipients: int | None = setting(
        whole_number(1, 1_000_000), None, "most recipients of one call", shown="no limit"
    )
    allowed_countries: frozenset[str] = setting(
        _countries, frozenset(), "countries that may be contacted, such as AU,NZ", shown="all"
    )
    allowed_numbers: tuple[str, ...] = setting(_numbers, (), "numbers, or their beginnings, such as +614", shown="all")
    blocked_numbers: tuple[str, ...] = setting(_numbers, (), "numbers, or their beginnings, that must not")
    allowed_senders: frozenset[str] = setting(
        _senders, frozenset(), f"senders that may be named; {SHARED_NUMBER} allows to name none", shown="all"
    )
    quiet_hours: QuietHours | None = setting(_quiet_hours, None, "such as 21:00-08:00, in the recipient's time zone")
    dry_run: bool = setting(yes_or_no, False, "1 checks and prices every send, and sends none")
    approval: Approval = setting(
        _approval,
        Approval(),
        "ask a person: always, above:5.00, deletes, or several",
        shown="never",
        theme=Theme.APPROVAL,
    )
    approval_seconds: int = setting(
        whole_number(1, 600), 300, "how long a person has to answer", theme=Theme.APPROVAL, per_caller=False
    )
    approval_key: str | None = setting(
        _key,
        None,
        "seals approvals; the same on all replicas",
        shown="made at start",
        theme=Theme.APPROVAL,
        per_caller=False,
        secret=True,
    )
    duplicate_window: int = setting(
        whole_number(0, 31_536_000),
        600,
        "seconds in which the same send is not repeated, 0 for off",
        theme=Theme.LEDGER,
    )

    @property
    def limits_recipients(self) -> bool:
        """Whether any limit depends on the recipients or the sender."""
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
        """Whether there is any limit that a later send without this server would bypass."""
        return self.limits_recipients or self.prices_first

    @property
    def limits_cost(self) -> bool:
        """Whether any limit depends on what a call or a day costs."""
        return self.max_cost_per_call is not None or self.max_cost_per_day is not None

    @property
    def prices_first(self) -> bool:
        """Whether a send is priced before it departs."""
        return self.limits_cost or self.approval.always or self.approval.above is not None or self.dry_run
