"""The ledger: every send, recorded durably before its request departs, so that none is repeated or unrecorded.

The database decides whether a call is a duplicate and whether the day's budget has room. Its decision holds across
threads, processes, restarts and replicas. SQLite serves one machine, PostgreSQL many, with the same code.
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
_MILLIONTHS = Decimal(1_000_000)  # amounts are stored as whole millionths of the account's currency

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
# Locks the caller's row until the transaction ends, so that decisions about one caller are made one after another.
_LOCK_CALLER = """
    INSERT INTO callers (caller, touched) VALUES (:caller, :touched)
    ON CONFLICT (caller) DO UPDATE SET touched = excluded.touched
"""
_SAME = """
    SELECT * FROM sends WHERE caller = :caller AND fingerprint = :fingerprint AND at > :since AND state <> 'refused'
    ORDER BY at DESC LIMIT 1
"""
_ABANDONED = """
    SELECT * FROM sends WHERE caller = :caller AND state = 'started' AND at < :before ORDER BY at LIMIT 100
"""
# Sums of whole minutes, plus the sends in the rest of the first minute; one statement, for one snapshot.
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
_CHUNK = 50  # values of an IN list
_PLACEHOLDERS = ", ".join(f":v{n}" for n in range(_CHUNK))
_OF_MESSAGES = f"SELECT send FROM sent_messages WHERE message_id IN ({_PLACEHOLDERS})"
_BY_ID = f"SELECT * FROM sends WHERE id IN ({_PLACEHOLDERS})"
_OLD = "FROM sends WHERE at < :before AND state NOT IN ('started', 'unknown')"
_COUNT_OLD = f"SELECT COUNT(*) AS count {_OLD}"
_USE = "INSERT INTO used_approvals (token, at) VALUES (:token, :at) ON CONFLICT (token) DO NOTHING"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One send in the ledger; its fields are the columns of the table `sends`.

    `at`: Unix seconds. `account`, `caller`: digests. `caller_name`: the operator's name for the caller, "" for the
    account's owner. `cost`: account currency, reserved while the outcome is unknown, None if no price was asked for.
    `marks`: salted digests that identify its messages in ClickSend's records. `request`: JSON, only if the operator
    keeps texts.
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
        """Whole seconds since it was recorded; never negative, even if the clock was set back."""
        return max(0, int(time.time() - self.at))


COLUMNS = tuple(column.name for column in fields(Entry))
_START = f"INSERT INTO sends ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"


@dataclass(eq=False)
class Duplicate(Exception):
    """The same call was recorded within the duplicate window."""

    entry: Entry


@dataclass(eq=False)
class Abandoned(Exception):
    """Sends of the caller that no process finished; they must be reconciled first."""

    entries: Sequence[Entry]


@dataclass(eq=False)
class OverBudget(Exception):
    """The call would exceed the day's budget. Amounts are in the account's currency."""

    spent: Decimal
    cost: Decimal
    budget: Decimal


def new_id() -> str:
    """The id of a new entry; it also salts the entry's marks."""
    return str(uuid.uuid4())


class Ledger:
    """A ledger at a PostgreSQL URL or a file's path; every method may raise LedgerUnavailable."""

    def __init__(self, location: str) -> None:
        migrations = (_FIRST, derived.migration(postgres=is_server_url(location)))
        self._database = Database(location, Schema("ledger", migrations))
        self._in_flight: set[str] = set()  # ids of sends

    async def start(self, entry: Entry, *, window: float, budget: Decimal | None, lasts: float) -> Entry:
        """Record a send as started and reserve its cost; returns the entry as recorded, with its time.

        Raises Abandoned if a send of the caller has been open for more than `lasts` seconds, the longest one can take.
        Raises Duplicate if the same call was recorded within `window` seconds and not refused. Raises OverBudget if
        the costs of the last 24 hours plus its own exceed `budget`.
        """

        def work(connection: Connection) -> Entry:
            now = time.time()
            if not self._database.serializes_writes:
                connection.execute(_LOCK_CALLER, {"caller": entry.caller, "touched": now})
            started = replace(entry, at=now, state="started", message_ids=())
            return _start(connection, started, window, budget, lasts)

        recorded = await self._database.write(work, delay=self._has_siblings())
        self._in_flight.add(recorded.id)
        return recorded

    async def finish(
        self,
        entry_id: str,
        state: State,
        *,
        message_ids: Sequence[str] = (),
        cost: Decimal | None = None,
        recipients: int | None = None,
    ) -> None:
        """Record how a send ended. A cost of None keeps the reserved cost, and recipients likewise.

        Not durable: if the power fails now, the send remains started and will be reconciled.
        """
        values = {
            "id": entry_id,
            "state": state,
            "message_ids": _to_json(message_ids),
            "cost": _millionths(cost),
            "recipients": recipients,
        }
        delay = self._has_siblings()
        self._in_flight.discard(entry_id)
        await self._database.write(lambda connection: connection.execute(_FINISH, values), durable=False, delay=delay)

    async def same(self, entry: Entry, *, window: float) -> Entry | None:
        """The newest entry of the same call within `window` seconds that was not refused."""
        since = time.time() - window
        return await self._database.run(lambda connection: _same(connection, entry, since=since))

    async def others(self, account: str, besides: str, ids: Collection[str], since: float, until: float) -> list[Entry]:
        """An account's other sends, without `besides`, that may have caused the same records at ClickSend.

        Those that have one of the message `ids`, and undecided ones recorded between `since` and `until`.
        """
        values = {"account": account, "besides": besides, "since": since, "until": until}

        def work(connection: Connection) -> list[Entry]:
            entries = _entries(connection, _UNDECIDED, values)
            sends: set[str] = set()
            for chunk in _chunks(ids):
                sends |= {row["send"] for row in connection.execute(_OF_MESSAGES, chunk).fetchall()}
            for chunk in _chunks(sends - {entry.id for entry in entries}):
                entries += _entries(connection, _BY_ID, chunk)
            return [entry for entry in entries if entry.account == account and entry.id != besides]

        return await self._database.run(work)

    async def check_budget(self, entry: Entry, budget: Decimal) -> None:
        """Raise OverBudget if the costs of the last 24 hours plus the entry's exceed `budget`; reserves nothing."""
        spent = await self._database.run(lambda connection: _spent(connection, entry, time.time()))
        _check_budget(spent, entry, budget)

    async def check(self) -> None:
        """Raise LedgerUnavailable unless the ledger can be read."""
        await self._database.run(lambda connection: connection.execute("SELECT 1"))

    def verify(self) -> None:
        """Raise LedgerUnavailable, with the reason for the operator, unless the ledger can be used; not async.

        LedgerMisconfigured if it stays unusable until a person changes something.
        """
        self._database.verify()

    async def use(self, token: str) -> bool:
        """Use up an approval; False if it was used before."""
        values = {"token": token, "at": time.time()}
        return await self._database.write(lambda connection: connection.execute(_USE, values).rowcount) == 1

    def entries(self, *, since: float = 0.0, state: str | None = None, action: str | None = None) -> list[Entry]:
        """Entries recorded since a time in Unix seconds, newest first; for the command line, hence not async."""
        values = {name: value for name, value in (("state", state), ("action", action)) if value}
        filters = "".join(f" AND {name} = :{name}" for name in values)
        query = f"SELECT * FROM sends WHERE at >= :since{filters} ORDER BY at DESC"
        return self._database.run_sync(lambda connection: _entries(connection, query, {"since": since, **values}))

    def count_old(self, before: float) -> int:
        """How many entries `prune` would delete."""
        values = {"before": _prunable(before)}
        return int(
            self._database.run_sync(lambda connection: connection.execute(_COUNT_OLD, values).fetchone()["count"])
        )

    def prune(self, before: float) -> int:
        """Delete entries and used approvals older than a time in Unix seconds; returns the number of entries.

        Keeps the last 24 hours, which the budget needs, and every send whose outcome is unknown.
        """
        values = {"before": _prunable(before)}

        def work(connection: Connection) -> int:
            connection.execute("DELETE FROM used_approvals WHERE at < :before", values)
            count = connection.execute(f"DELETE {_OLD}", values).rowcount
            connection.execute("DELETE FROM spending WHERE cost = 0")
            return count

        return self._database.run_sync(work)

    def close(self) -> None:
        """Close its idle connections."""
        self._database.close()

    def _has_siblings(self) -> bool:
        return len(self._in_flight) > _COMMIT_SIBLINGS


def default_location() -> str:
    """The path of the ledger in the user's state directory."""
    import platformdirs

    return str(Path(platformdirs.user_state_dir("clicksend-mcp")) / "ledger.sqlite3")


def _start(connection: Connection, entry: Entry, window: float, budget: Decimal | None, lasts: float) -> Entry:
    expired = {"caller": entry.caller, "before": entry.at - lasts}
    if abandoned := _entries(connection, _ABANDONED, expired):
        raise Abandoned(abandoned)
    if window and (same := _same(connection, entry, since=entry.at - window)):
        raise Duplicate(same)
    if budget is not None:
        _check_budget(_spent(connection, entry, entry.at), entry, budget)
    connection.execute(_START, _to_row(entry))
    return entry


def _same(connection: Connection, entry: Entry, *, since: float) -> Entry | None:
    """The newest send of the same call since a time, unless it was refused."""
    values = {"caller": entry.caller, "fingerprint": entry.fingerprint, "since": since}
    return next(iter(_entries(connection, _SAME, values)), None)


def _spent(connection: Connection, entry: Entry, now: float) -> Decimal:
    """The cost of the caller's sends in the last 24 hours."""
    since = now - DAY
    minute = int(since) // derived.MINUTE
    values = {"caller": entry.caller, "minute": minute, "since": since, "until": float((minute + 1) * derived.MINUTE)}
    row = connection.execute(_SPENT, values).fetchone()
    return Decimal(int(row["spent"])) / _MILLIONTHS


def _check_budget(spent: Decimal, entry: Entry, budget: Decimal) -> None:
    cost = entry.cost or Decimal(0)
    if spent + cost > budget:
        raise OverBudget(spent, cost, budget)


def _entries(connection: Connection, query: str, values: Mapping[str, Any]) -> list[Entry]:
    return [_from_row(row) for row in connection.execute(query, values).fetchall()]


def _to_row(entry: Entry) -> dict[str, Any]:
    """An entry as stored: its values by column."""
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


def _chunks(values: Collection[str]) -> Iterator[dict[str, str]]:
    """Parameters for an IN list of fixed length; the last chunk is padded with its last value."""
    remaining = list(values)
    for first in range(0, len(remaining), _CHUNK):
        chunk = remaining[first : first + _CHUNK]
        chunk += chunk[-1:] * (_CHUNK - len(chunk))
        yield {f"v{n}": value for n, value in enumerate(chunk)}


def _prunable(before: float) -> float:
    return min(before, time.time() - DAY)


def _millionths(amount: Decimal | None) -> int | None:
    return None if amount is None else int((amount * _MILLIONTHS).to_integral_value(rounding="ROUND_CEILING"))
