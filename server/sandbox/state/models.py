"""What an account holds. Times are in Unix seconds (UTC), amounts are Decimals."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar

from server.sandbox.state.numbers import Outcome, is_country

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(slots=True)
class Message:
    """An accepted text or picture message, or an inbound text."""

    message_id: str
    kind: Literal["sms", "mms"]
    direction: Literal["out", "in"]
    to: str
    sender: str
    body: str
    country: str
    date: int  # when it was accepted or received
    send_at: int
    parts: int
    price: Decimal
    custom_string: str = ""
    outcome: Outcome = Outcome.DELIVERED
    from_email: str | None = None
    list_id: str | None = None
    contact_id: int | None = None
    first_name: str | None = None
    last_name: str | None = None
    campaign_id: int | None = None
    subject: str | None = None
    media_url: str | None = None
    cancelled: bool = False
    receipt_read: bool = False


@dataclass(slots=True)
class Contact:
    """An entry of a contact list; `fields` has every contact field, None for those never set."""

    contact_id: int
    fields: dict[str, str | None]
    date_added: int
    date_updated: int

    def country(self, home: str) -> str:
        """The country whose numbering plan applies to the numbers of this contact; `home` if it has none."""
        country = (self.fields["address_country"] or "").upper()
        return country if is_country(country) else home


@dataclass(slots=True)
class ContactList:
    """A named list of contacts."""

    list_id: int
    name: str
    email_id: str
    contacts: dict[int, Contact] = field(default_factory=dict)
    imports_running: int = 0
    last_import: "Import | None" = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign says, to whom and when."""

    name: str
    body: str
    sender: str
    schedule: int
    url_to_shorten: str
    source: str | None
    senders: list[Any] | None
    contact_list: ContactList


@dataclass(slots=True)
class Campaign:
    """A plan and how far it has got. The list is read when the campaign is sent."""

    campaign_id: int
    plan: Plan
    date_added: int
    total: int  # recipients
    left_out: Counter[str] = field(default_factory=Counter)  # skipped contacts by reason
    sent_at: int | None = None
    cancelled: bool = False
    failed: bool = False


@dataclass(slots=True)
class Import:
    """The import of a file into a list, and its result."""

    import_id: str
    list_id: int
    file_url: str
    status: Literal["running", "done", "failed"] = "running"
    error: str | None = None
    added: int = 0
    refused: int = 0  # rows
    reasons: list[str] = field(default_factory=list)  # for the first few of them
    read_as: str | None = None


@dataclass(slots=True)
class Letter:
    """A letter to one address."""

    message_id: str
    address: dict[str, str]
    file_url: str
    date: int
    send_at: int
    price: Decimal
    custom_string: str
    options: dict[str, int]  # template_used, colour, duplex, priority_post
    return_address_id: int


@dataclass(slots=True)
class Rule:
    """What happens to inbound messages that match."""

    rule_id: int
    dedicated_number: str
    rule_name: str
    message_search_type: int
    message_search_term: str
    action: str
    action_address: str
    body: str | None
    enabled: int
    webhook_type: str | None


@dataclass(slots=True)
class RuleRun:
    """One run of a rule on an inbound message."""

    rule_id: int
    action: str
    message_id: str
    outcome: str


@dataclass(slots=True)
class InboundCopy:
    """A copy of an inbound message that a POLL rule put into the inbound list."""

    message: Message
    original: Message | None
    read: bool = False


Standing = Literal["good", "no credit", "not activated", "banned"]


@dataclass(slots=True)
class Account:
    """A customer of ClickSend, who owns everything else."""

    username: str
    api_key: str
    user_id: int
    country: str
    balance: Decimal
    opt_out_list: ContactList
    standing: Standing = "good"
    countries_off: set[str] = field(default_factory=set)
    return_addresses: dict[int, dict[str, Any]] = field(default_factory=dict)
    messages: OrderedDict[str, Message] = field(default_factory=OrderedDict)
    campaigns: OrderedDict[int, Campaign] = field(default_factory=OrderedDict)
    lists: dict[int, ContactList] = field(default_factory=dict)
    letters: OrderedDict[str, Letter] = field(default_factory=OrderedDict)
    rules: OrderedDict[int, Rule] = field(default_factory=OrderedDict)
    inbox: deque[InboundCopy] = field(default_factory=lambda: deque(maxlen=10_000))
    records: defaultdict[str, OrderedDict[int, dict[str, Any]]] = field(  # of plain resources, by path and id
        default_factory=lambda: defaultdict(OrderedDict)
    )
    imports: deque[Import] = field(default_factory=lambda: deque(maxlen=1_000))
    rule_runs: deque[RuleRun] = field(default_factory=lambda: deque(maxlen=1_000))
    balances: deque[tuple[int, Decimal]] = field(default_factory=lambda: deque(maxlen=10_000))  # (since, balance)

    def note_balance(self, now: int) -> None:
        """Record the balance if it has changed."""
        if not self.balances or self.balances[-1][1] != self.balance:
            self.balances.append((now, self.balance))

    def __post_init__(self) -> None:
        self.lists[self.opt_out_list.list_id] = self.opt_out_list

    @property
    def own_lists(self) -> list[ContactList]:
        """The lists the customer has made: all but the opt-out list, which every account has."""
        return [contact_list for contact_list in self.lists.values() if contact_list is not self.opt_out_list]

    @property
    def subaccount_id(self) -> int:
        """The id of the account's only subaccount."""
        return self.user_id + 1000

    @property
    def shown_api_key(self) -> str:
        """The key that GET /v3/account shows in clear text: stable for an account, obviously not a real one."""
        return f"00000000-0000-4000-8000-{self.user_id:012d}"


def keep(store: OrderedDict[Key, Value], key: Key, value: Value, newest: int) -> None:
    """Add a value to a store that keeps only the `newest` ones."""
    store[key] = value
    while len(store) > newest:
        store.popitem(last=False)
