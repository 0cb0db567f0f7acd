"""The whole state of a sandbox: clock, accounts, recorded calls, ordered faults."""

import itertools
import secrets
import string
import time
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from server.sandbox.state.calls import CallLog
from server.sandbox.state.changes import Changes
from server.sandbox.state.faults import Fault
from server.sandbox.state.models import Account, ContactList, Standing

Address = IPv4Address | IPv6Address
MayReach = Callable[[Address], bool]

OPENING_BALANCE = Decimal("100")
OPT_OUT_LIST = "Opt-Out List"
TEST_USERS: dict[str, Standing] = {
    "nocredit": "no credit",
    "notactive": "not activated",
    "banned": "banned",
}


@dataclass(frozen=True)
class Limits:
    """How much a sandbox keeps; the oldest is dropped first."""

    messages: int = 50_000  # per account, texts and pictures together
    calls: int = 10_000
    files: int = 1_000
    others: int = 10_000  # campaigns, letters, rules and records of each plain resource, per account
    lists: int = 2_000  # per account; more are refused, as by the service
    contacts: int = 200_000  # per account; more are refused
    fetch_seconds: float = 10  # for the file of an import, redirects included


@dataclass(slots=True)
class Window:
    """The requests of one address to a rate-limited endpoint in the current minute."""

    started: int  # Unix seconds
    used: int = 0


class World:
    """The state that all requests share. Handlers change it without awaiting, so each change is atomic."""

    def __init__(self, username: str, api_key: str, limits: Limits, may_reach: MayReach | None) -> None:
        self.username = username
        self.api_key = api_key
        self.limits = limits
        self.may_reach = may_reach  # which addresses imports and webhooks may reach; None allows any
        self.changes = Changes()
        self.reset()

    def reset(self) -> None:
        """Restore the initial state: the first accounts, real time, no calls and no faults."""
        self.clock_offset = 0
        self.stopped_at: int | None = None
        self.rate_limit = True
        self.windows: dict[str, Window] = {}
        self.calls = CallLog(self.limits.calls)
        self.faults: list[Fault] = []
        self.files: OrderedDict[str, bytes] = OrderedDict()
        self.counters: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1001))
        self.accounts: dict[str, Account] = {}
        self.add_account(self.username, self.api_key)
        for username, standing in TEST_USERS.items():
            self.add_account(username, "", balance=Decimal(0), standing=standing)

    def now(self) -> int:
        """Unix seconds by the sandbox's clock, which may be ahead, behind or stopped."""
        return int(time.time()) + self.clock_offset if self.stopped_at is None else self.stopped_at

    def set_clock(self, moment: int, *, stopped: bool) -> None:
        """Set the clock to a moment, running or stopped."""
        self.clock_offset = moment - int(time.time())
        self.stopped_at = moment if stopped else None

    def next_id(self, kind: str) -> int:
        """The next integer id of a kind of record; ids count up across all accounts."""
        return next(self.counters[kind])

    def add_account(
        self,
        username: str,
        api_key: str,
        *,
        balance: Decimal = OPENING_BALANCE,
        country: str = "AU",
        standing: Standing = "good",
    ) -> Account:
        """Open an account, with one return address for letters and an empty opt-out list."""
        user_id = self.next_id("user")
        # Its id is below those of all other lists.
        opt_out_list = ContactList(user_id - 1000, OPT_OUT_LIST, new_email_id())
        account = Account(username, api_key, user_id, country, balance, opt_out_list, standing)
        address = _return_address(self.next_id("return address"), account)
        account.return_addresses[address["return_address_id"]] = address
        account.note_balance(self.now())
        self.accounts[username] = account
        return account


def _return_address(address_id: int, account: Account) -> dict[str, Any]:
    return {
        "return_address_id": address_id,
        "user_id": account.user_id,
        "address_name": f"{account.username} (sandbox)",
        "address_line_1": "1 Sandpit Lane",
        "address_line_2": "",
        "address_city": "Perth",
        "address_state": "WA",
        "address_postal_code": "6000",
        "address_country": account.country,
    }


def new_message_id() -> str:
    """A message id in the form of the service: an upper-case UUID."""
    return str(uuid.uuid4()).upper()


def new_email_id() -> str:
    """The part of an email address that names a contact list."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))
