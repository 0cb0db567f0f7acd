"""The ledger: what was sent, written durably before it leaves, so that nothing is sent twice or unrecorded.

It is decided here, by the database, whether a call is a repeat and whether the day's budget has room, so that it
holds across threads, processes, restarts and replicas. SQLite for one machine, PostgreSQL for many: the same code.
"""

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from server.config.ledger import is_server_url
from server.ledger import derived
from server.ledger.backend import Connection
from server.ledger.database import Database
from server.ledger.migrations import Schema

State = Literal["started", "accepted", "partly", "refused", "unknown"]
DAY = 86_400  # seconds

_COMMIT_SIBLINGS = 5  # sends in flight; with more, a write waits for others to join its group
_MILLIONTHS = Decimal(1_000_000)  # money is kept as whole millionths of the account's currency

_FIRST = (
    """CREATE TABLE IF NOT EXISTS callers (
        caller VARCHAR(64) NOT NULL PRIMARY KEY,
        touched FLOAT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS sends (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        at FLOAT NOT NULL,
        account VARCHAR(64) NOT NULL,
        caller VARCHAR(64) NOT NULL,
        caller_name TEXT NOT NULL,
        action VARCHAR(64) NOT NULL,
        fingerprint VARCHAR(64) NOT NULL,
        recipients INTEGER NOT NULL,
        state VARCHAR(8) NOT NULL,
        cost BIGINT,
        message_ids TEXT NOT NULL,
        marks TEXT NOT NULL,
        request TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS sends_open ON sends (caller, at) WHERE state = 'started'",
    """CREATE TABLE IF NOT EXISTS used_approvals (
        token VARCHAR(64) NOT NULL PRIMARY KEY,
        at FLOAT NOT NULL
    )""",
)
# A write that holds up every other one to the same caller's row until its transaction ends.
_LOCK = """
    INSERT INTO callers (caller, touched) VALUES (:caller, :touched)
    ON CONFLICT (caller) DO UPDATE SET touched = excluded.touched
"""
_SAME = """
    SELECT * FROM sends WHERE caller = :caller AND fingerprint = :fingerprint AND at > :since AND state <> 'refused'
    ORDER BY at DESC LIMIT 1
"""
_ABANDONED = """
    SELECT * FROM sends WHERE caller = :caller AND state = 'started' AND at < :ended ORDER BY at LIMIT 100
"""
# Whole minutes from their sums, and what is left of the first one from its sends; in one statement, so of one moment.
_SPENT = """
    SELECT COALESCE((SELECT SUM(cost) FROM spending WHERE caller = :caller AND minute > :minute), 0)
        + COALESCE((SELECT SUM(cost) FROM sends WHERE caller = :caller AND at > :since AND at < :until
            AND state <> 'refused' AND cost > 0), 0) AS spent
"""
_FINISH = """
    UPDATE sends SET state = :state, message_ids = :message_ids, cost = COALESCE(:cost, cost),
        recipients = COALESCE(:recipients, recipients)
    WHERE id = :id
"""
_UNDECIDED = """
    SELECT * FROM sends WHERE account = :account AND id <> :besides AND at BETWEEN :since AND :until
        AND state IN ('started', 'unknown')
"""
_AT_ONCE = 50  # values in a statement
_LISTED = ", ".join(f":v{n}" for n in range(_AT_ONCE))
_OF_MESSAGES = f"SELECT send FROM sent_messages WHERE message_id IN ({_LISTED})"
_BY_ID = f"SELECT * FROM sends WHERE id IN ({_LISTED})"
_OLD = "FROM sends WHERE at < :before AND state NOT IN ('started', 'unknown')"
_COUNT_OLD = f"SELECT COUNT(*) AS count {_OLD}"
_USE = "INSERT INTO used_approvals (token, at) VALUES (:token, :at) ON CONFLICT (token) DO NOTHING"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One send in the ledger; its fields are the columns of the table `sends`.

    `account` and `caller` are hashes; `caller_name` is what the operator calls the caller, "" for the account's owner.
    `at`: Unix seconds; `cost`: account currency, reserved while the outcome is open, None if nobody has asked for it;
    `marks`: salted digests by which its messages are recognised in ClickSend's records; `request`: its JSON text, only
    if the operator keeps texts.
    """

    id: str = ""
    at: float = 0.0
    account: str
    caller: str
    caller_name: str = ""
    action: str
    state: State = "started"
    recipients: int
    cost: Decimal | None = None
    message_ids: tuple[str, ...] = ()
    fingerprint: str
    marks: tuple[str, ...] = ()
    request: str | None = None

    @property
    def age(self) -> int:
        """Whole seconds since it was written; never negative, even if the clock was set back."""
        return max(0, int(time.time() - self.at))


COLUMNS = tuple(column.name for column in fields(Entry))
_START = f"INSERT INTO sends ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"


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
    """A ledger at a PostgreSQL URL or a file's path; every method may raise LedgerUnavailable."""

    def __init__(self, location: str) -> None:
        migrations = (_FIRST, derived.tables(shared=is_server_url(location)))
        self._database = Database(location, Schema("ledger", migrations))
        self._open: set[str] = set()  # sends that are under way

    async def start(self, entry: Entry, *, window: float, budget: Decimal | None, lasts: float) -> Entry:
        """Write an entry as started, and reserve its cost; the entry as it was written, with its time.

        Raises Abandoned if a send of the caller has been open for more than the `lasts` seconds that one can take,
        Duplicate if the same call was made within `window` seconds and was not refused, and OverBudget if the
        costs of the last 24 hours and its own exceed `budget`.
        """

        def work(connection: Connection) -> Entry:
            now = time.time()
            if not self._database.serializes_writes:
                connection.execute(_LOCK, {"caller": entry.caller, "touched": now})
            started = replace(entry, at=now, state="started", message_ids=())
            return _start(connection, started, window, budget, lasts)

        written = await self._database.write(work, delay=self._has_siblings())
        self._open.add(written.id)
        return written

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
        values = {
            "id": entry_id,
            "state": state,
            "message_ids": _to_json(message_ids),
            "cost": _millionths(cost),
            "recipients": recipients,
        }
        delay = self._has_siblings()
        self._open.discard(entry_id)
        await self._database.write(lambda connection: connection.execute(_FINISH, values), durable=False, delay=delay)

    async def same(self, entry: Entry, *, window: float) -> Entry | None:
        """The newest entry of the same call within the window that was not refused."""
        since = time.time() - window
        return await self._database.run(lambda connection: _same(connection, entry, since=since))

    async def others(self, account: str, besides: str, ids: Collection[str], since: float, until: float) -> list[Entry]:
        """An account's other sends that have one of these message ids, or were written then and are undecided."""
        values = {"account": account, "besides": besides, "since": since, "until": until}

        def work(connection: Connection) -> list[Entry]:
            found = _entries(connection, _UNDECIDED, values)
            senders: set[str] = set()
            for some in _portions(ids):
                senders |= {row["send"] for row in connection.execute(_OF_MESSAGES, some).fetchall()}
            for some in _portions(senders - {one.id for one in found}):
                found += _entries(connection, _BY_ID, some)
            return [one for one in found if one.account == account and one.id != besides]

        return await self._database.run(work)

    async def check_budget(self, entry: Entry, budget: Decimal) -> None:
        """Raise OverBudget if the costs of the last 24 hours and the entry's own exceed `budget`; reserves nothing."""
        spent = await self._database.run(lambda connection: _spent(connection, entry, time.time()))
        _compare(spent, entry, budget)

    async def check(self) -> None:
        """Raise LedgerUnavailable unless it can be read."""
        await self._database.run(lambda connection: connection.execute("SELECT 1"))

    def verify(self) -> None:
        """Raise LedgerUnavailable, with what the operator has to know, unless it can be used; not async.

        LedgerMisconfigured, if it will not be before somebody changes something.
        """
        self._database.verify()

    async def use(self, token: str) -> bool:
        """Use an approval; False if it was used before."""
        values = {"token": token, "at": time.time()}
        return await self._database.write(lambda connection: connection.execute(_USE, values).rowcount) == 1

    def entries(self, *, since: float = 0.0, state: str | None = None, action: str | None = None) -> list[Entry]:
        """Entries, newest first, from a time in Unix seconds on; for people, hence not async."""
        values = {name: value for name, value in (("state", state), ("action", action)) if value}
        wanted = "".join(f" AND {name} = :{name}" for name in values)
        chosen = f"SELECT * FROM sends WHERE at >= :since{wanted} ORDER BY at DESC"
        return self._database.run_sync(lambda connection: _entries(connection, chosen, {"since": since, **values}))

    def count_old(self, before: float) -> int:
        """How many entries `prune` would delete."""
        values = {"before": _prunable(before)}
        return int(
            self._database.run_sync(lambda connection: connection.execute(_COUNT_OLD, values).fetchone()["count"])
        )

    def prune(self, before: float) -> int:
        """Delete entries and used approvals older than a time in Unix seconds; how many entries.

        What is of the last 24 hours stays, and so does each send whose outcome is open.
        """
        values = {"before": _prunable(before)}

        def work(connection: Connection) -> int:
            connection.execute("DELETE FROM used_approvals WHERE at < :before", values)
            count = connection.execute(f"DELETE {_OLD}", values).rowcount
            connection.execute("DELETE FROM spending WHERE cost = 0")
            return count

        return self._database.run_sync(work)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def _has_siblings(self) -> bool:
        return len(self._open) > _COMMIT_SIBLINGS


def default_location() -> str:
    """The path of the ledger in the user's state directory."""
    import platformdirs

    return str(Path(platformdirs.user_state_dir("clicksend-mcp")) / "ledger.sqlite3")


def _start(connection: Connection, entry: Entry, window: float, budget: Decimal | None, lasts: float) -> Entry:
    ended = {"caller": entry.caller, "ended": entry.at - lasts}
    if abandoned := _entries(connection, _ABANDONED, ended):
        raise Abandoned(abandoned)
    if window and (same := _same(connection, entry, since=entry.at - window)):
        raise Duplicate(same)
    if budget is not None:
        _compare(_spent(connection, entry, entry.at), entry, budget)
    connection.execute(_START, _to_row(entry))
    return entry


def _same(connection: Connection, entry: Entry, *, since: float) -> Entry | None:
    """The newest send of the same call since a time that was not refused."""
    values = {"caller": entry.caller, "fingerprint": entry.fingerprint, "since": since}
    return next(iter(_entries(connection, _SAME, values)), None)


def _spent(connection: Connection, entry: Entry, now: float) -> Decimal:
    """What the caller's sends of the last 24 hours cost."""
    since = now - DAY
    minute = int(since) // derived.MINUTE
    values = {"caller": entry.caller, "minute": minute, "since": since, "until": float((minute + 1) * derived.MINUTE)}
    row = connection.execute(_SPENT, values).fetchone()
    return Decimal(int(row["spent"])) / _MILLIONTHS


def _compare(spent: Decimal, entry: Entry, budget: Decimal) -> None:
    cost = entry.cost or Decimal(0)
    if spent + cost > budget:
        raise OverBudget(spent, cost, budget)


def _entries(connection: Connection, chosen: str, values: Mapping[str, Any]) -> list[Entry]:
    return [_from_row(row) for row in connection.execute(chosen, values).fetchall()]


def _to_row(entry: Entry) -> dict[str, Any]:
    """An entry's values by column, as they are stored."""
    values = {name: getattr(entry, name) for name in COLUMNS}
    return values | {
        "cost": _millionths(entry.cost),
        "message_ids": _to_json(entry.message_ids),
        "marks": _to_json(entry.marks),
    }


def _from_row(row: Mapping[str, Any]) -> Entry:
    values = {name: row[name] for name in COLUMNS}
    values |= {name: tuple(json.loads(row[name])) for name in ("message_ids", "marks")}
    if row["cost"] is not None:
        values["cost"] = Decimal(row["cost"]) / _MILLIONTHS
    return Entry(**values)


def _to_json(texts: Sequence[str]) -> str:
    return json.dumps(list(texts))


def _portions(values: Collection[str]) -> Iterator[dict[str, str]]:
    """Values for statements that take so many at once; the last ones stand there several times."""
    left = list(values)
    for first in range(0, len(left), _AT_ONCE):
        some = left[first : first + _AT_ONCE]
        some += some[-1:] * (_AT_ONCE - len(some))
        yield {f"v{n}": one for n, one in enumerate(some)}


def _prunable(before: float) -> float:
    return min(before, time.time() - DAY)


def _millionths(amount: Decimal | None) -> int | None:
    return None if amount is None else int((amount * _MILLIONTHS).to_integral_value(rounding="ROUND_CEILING"))
