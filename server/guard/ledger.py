"""The ledger: what was sent, written durably before it leaves, so that nothing is sent twice or unrecorded.

It is decided here, by the database, whether a call is a repeat and whether the day's budget has room, so that it
holds across threads, processes, restarts and replicas. SQLite for one machine, PostgreSQL for many: the same code.
"""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from server.guard.database import Database, as_unavailable, upsert

State = Literal["started", "accepted", "partly", "refused", "unknown"]
DAY = 86_400  # seconds

_MILLIONTHS = Decimal(1_000_000)  # money is kept as whole millionths of the account's currency

_metadata = sa.MetaData()
_callers = sa.Table(
    "callers",
    _metadata,
    sa.Column("caller", sa.String(64), primary_key=True),
    sa.Column("touched", sa.Float, nullable=False),
)
_sends = sa.Table(
    "sends",
    _metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("caller", sa.String(64), nullable=False),
    sa.Column("caller_name", sa.Text, nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("recipients", sa.Integer, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("cost", sa.BigInteger),
    sa.Column("message_ids", sa.Text, nullable=False, default="[]"),
    sa.Column("marks", sa.Text, nullable=False, default="[]"),
    sa.Column("request", sa.Text),
    sa.Index("sends_of_account", "account", "at"),
    sa.Index("sends_of_caller", "caller", "at"),
    sa.Index("sends_of_fingerprint", "caller", "fingerprint", "at"),
)
_used = sa.Table(
    "used_approvals",
    _metadata,
    sa.Column("token", sa.String(64), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class Entry:
    """One send in the ledger.

    `account` and `caller` are hashes; `caller_name` is what the operator calls the caller, "" for the account's owner.
    `at`: Unix seconds; `cost`: account currency, reserved while the outcome is open, None if nobody has asked for it;
    `marks`: salted digests by which its messages are recognised in ClickSend's records; `request`: its JSON text, only
    if the operator keeps texts.
    """

    account: str
    caller: str
    action: str
    fingerprint: str
    recipients: int
    cost: Decimal | None = None
    marks: tuple[str, ...] = ()
    request: str | None = None
    caller_name: str = ""
    id: str = ""
    at: float = 0.0
    state: State = "started"
    message_ids: tuple[str, ...] = ()

    @property
    def age(self) -> int:
        """Whole seconds since it was written; never negative, even if the clock was set back."""
        return max(0, int(time.time() - self.at))


@dataclass(eq=False)
class Duplicate(Exception):
    """The same call stands in the ledger already, within the window."""

    entry: Entry


@dataclass(eq=False)
class Abandoned(Exception):
    """Sends of the caller whose processes never wrote an end; they are to be looked up first."""

    entries: Sequence[Entry]


@dataclass(eq=False)
class OverBudget(Exception):
    """The call would cost more than is left of the day's budget. Amounts in account currency."""

    spent: Decimal
    cost: Decimal
    budget: Decimal


def new_id() -> str:
    """The id of a new entry; it also salts the entry's marks."""
    return str(uuid.uuid4())


class Ledger:
    """A ledger at a SQLAlchemy URL or a file's path; every method may raise LedgerUnavailable."""

    def __init__(self, place: str) -> None:
        self._database = Database(place, _metadata)

    async def start(self, entry: Entry, *, window: float, budget: Decimal | None, lasts: float) -> Entry:
        """Write an entry as started, and reserve its cost; the entry as it was written, with its time.

        Raises Abandoned if a send of the caller has been open for more than the `lasts` seconds that one can take,
        Duplicate if the same call was made within `window` seconds and was not refused, and OverBudget if the
        costs of the last 24 hours and its own exceed `budget`.
        """
        return await self._database.write(lambda link: _start(link, entry, window, budget, lasts))

    async def finish(
        self,
        entry_id: str,
        state: State,
        *,
        message_ids: Sequence[str] = (),
        cost: Decimal | None = None,
        recipients: int | None = None,
    ) -> None:
        """Write how a send ended; a cost of None leaves what was reserved, recipients likewise.

        Not durable: if the power fails now, the send stands as started, and is looked up.
        """
        values: dict[str, Any] = {"state": state, "message_ids": json.dumps(list(message_ids))}
        if cost is not None:
            values["cost"] = _millionths(cost)
        if recipients is not None:
            values["recipients"] = recipients
        change = _FINISH[tuple(values)]
        given = {"entry": entry_id, **{f"new_{name}": value for name, value in values.items()}}
        await self._database.write(lambda link: link.execute(change, given), durable=False)

    async def same(self, entry: Entry, *, window: float) -> Entry | None:
        """The newest entry of the same call within the window that was not refused."""
        since = time.time() - window
        same, _ = await self._database.fetch(lambda link: _before(link, entry, since=since, ended=0.0))
        return same

    async def others(self, account: str, *, besides: str) -> list[Entry]:
        """An account's other sends in the last day."""
        chosen = sa.select(_sends).where(
            _sends.c.account == account, _sends.c.id != besides, _sends.c.at > time.time() - DAY
        )
        return await self._database.fetch(lambda link: _entries(link, chosen))

    async def check_budget(self, entry: Entry, budget: Decimal) -> None:
        """Raise OverBudget if the costs of the last 24 hours and the entry's own exceed `budget`; reserves nothing."""
        await self._database.in_thread(
            lambda: self._database.read(lambda link: _check_budget(link, entry, budget, time.time()))
        )

    async def check(self) -> None:
        """Raise LedgerUnavailable unless it can be read."""
        await self._database.fetch(lambda link: link.execute(sa.select(1)))

    async def use(self, token: str) -> bool:
        """Use an approval; False if it was used before."""

        def once(link: sa.Connection) -> bool:
            insert = upsert(link.dialect.name, _used).values(token=token, at=time.time()).on_conflict_do_nothing()
            return link.execute(insert.returning(_used.c.token)).first() is not None

        return await self._database.write(once)

    def entries(self, *, since: float = 0.0, state: str | None = None, action: str | None = None) -> list[Entry]:
        """Entries, newest first, from a time in Unix seconds on; for people, hence not async."""
        chosen = sa.select(_sends).where(_sends.c.at >= since).order_by(_sends.c.at.desc())
        if state:
            chosen = chosen.where(_sends.c.state == state)
        if action:
            chosen = chosen.where(_sends.c.action == action)
        with as_unavailable():
            return self._database.read(lambda link: _entries(link, chosen))

    def prune(self, before: float) -> int:
        """Delete entries and used approvals older than a time in Unix seconds; how many entries."""
        with as_unavailable():
            self._database.execute(sa.delete(_used).where(_used.c.at < before))
            return self._database.execute(sa.delete(_sends).where(_sends.c.at < before))

    def close(self) -> None:
        """Close its connections."""
        self._database.close()


def default_place() -> str:
    """The path of the ledger in the user's state directory."""
    import platformdirs

    return str(Path(platformdirs.user_state_dir("clicksend-mcp")) / "ledger.sqlite3")


# Statements of every send, built once: building one takes longer than the database takes to execute it.
_INSERT = sa.insert(_sends)
_FINISH = {
    wanted: sa.update(_sends)
    .where(_sends.c.id == sa.bindparam("entry"))
    .values({name: sa.bindparam(f"new_{name}") for name in wanted})
    for extra in ((), ("cost",), ("recipients",), ("cost", "recipients"))
    for wanted in [("state", "message_ids", *extra)]
}
_BEFORE = sa.select(_sends).where(
    _sends.c.caller == sa.bindparam("caller"),
    sa.or_(
        sa.and_(_sends.c.state == "started", _sends.c.at < sa.bindparam("ended")),
        sa.and_(
            _sends.c.fingerprint == sa.bindparam("fingerprint"),
            _sends.c.at > sa.bindparam("since"),
            _sends.c.state != "refused",
        ),
    ),
)


@cache
def _lock() -> Any:
    """A write that holds up every other one to the same caller's row until this transaction ends."""
    values = upsert("postgresql", _callers).values(caller=sa.bindparam("caller"), touched=sa.bindparam("touched"))
    return values.on_conflict_do_update(index_elements=["caller"], set_={"touched": sa.bindparam("touched")})


def _start(link: sa.Connection, entry: Entry, window: float, budget: Decimal | None, lasts: float) -> Entry:
    now = time.time()
    if link.dialect.name == "postgresql":  # SQLite lets only one write in anyway
        link.execute(_lock(), {"caller": entry.caller, "touched": now})
    same, abandoned = _before(link, entry, since=now - window, ended=now - lasts)
    if abandoned:
        raise Abandoned(abandoned)
    if window and same:
        raise Duplicate(same)
    if budget is not None:
        _check_budget(link, entry, budget, now)
    values = {name: getattr(entry, name) for name in ("id", "account", "caller", "caller_name", "action")}
    values |= {name: getattr(entry, name) for name in ("fingerprint", "recipients", "request")}
    values |= {"cost": None if entry.cost is None else _millionths(entry.cost)}
    values |= {"at": now, "state": "started", "message_ids": "[]", "marks": json.dumps(entry.marks)}
    link.execute(_INSERT, values)
    return replace(entry, at=now)


def _before(link: sa.Connection, entry: Entry, *, since: float, ended: float) -> tuple[Entry | None, list[Entry]]:
    """The newest send of the same call since a time, and the caller's sends that were left open before another."""
    moments = {"since": since, "ended": ended}
    found = _entries(link, _BEFORE, {"caller": entry.caller, "fingerprint": entry.fingerprint, **moments})
    abandoned = [one for one in found if one.state == "started" and one.at < ended]
    same = [one for one in found if one.fingerprint == entry.fingerprint and one.at > since]
    return max(same, key=lambda one: one.at, default=None), abandoned


def _check_budget(link: sa.Connection, entry: Entry, budget: Decimal, now: float) -> None:
    total = sa.select(sa.func.coalesce(sa.func.sum(_sends.c.cost), 0)).where(
        _sends.c.caller == entry.caller, _sends.c.at > now - DAY, _sends.c.state != "refused"
    )
    spent = Decimal(int(link.execute(total).scalar_one())) / _MILLIONTHS
    cost = entry.cost or Decimal(0)
    if spent + cost > budget:
        raise OverBudget(spent, cost, budget)


def _entries(link: sa.Connection, chosen: sa.Select[Any], values: Mapping[str, Any] | None = None) -> list[Entry]:
    return [
        Entry(
            id=row.id,
            at=row.at,
            account=row.account,
            caller=row.caller,
            caller_name=row.caller_name,
            action=row.action,
            fingerprint=row.fingerprint,
            recipients=row.recipients,
            state=row.state,
            cost=None if row.cost is None else Decimal(row.cost) / _MILLIONTHS,
            message_ids=tuple(json.loads(row.message_ids)),
            marks=tuple(json.loads(row.marks)),
            request=row.request,
        )
        for row in link.execute(chosen, values)
    ]


def _millionths(amount: Decimal) -> int:
    return int((amount * _MILLIONTHS).to_integral_value(rounding="ROUND_CEILING"))
