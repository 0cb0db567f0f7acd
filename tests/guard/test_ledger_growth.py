"""A long ledger: a send reads as few rows, and the day's budget is as exact, as in a short one."""

import json
import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from support.guarding import Place, sqlite_place

from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import DAY, Abandoned, Duplicate, Entry, Ledger, OverBudget, new_id

pytestmark = pytest.mark.anyio

# As the first version created them.
FIRST_TABLES = (
    "CREATE TABLE callers (caller VARCHAR(64) NOT NULL PRIMARY KEY, touched FLOAT NOT NULL)",
    """CREATE TABLE sends (
        id VARCHAR(36) NOT NULL PRIMARY KEY, at FLOAT NOT NULL, account VARCHAR(64) NOT NULL,
        caller VARCHAR(64) NOT NULL, caller_name TEXT NOT NULL, action VARCHAR(64) NOT NULL,
        fingerprint VARCHAR(64) NOT NULL, recipients INTEGER NOT NULL, state VARCHAR(8) NOT NULL, cost BIGINT,
        message_ids TEXT NOT NULL, marks TEXT NOT NULL, request TEXT
    )""",
    "CREATE INDEX sends_of_account ON sends (account, at)",
    "CREATE INDEX sends_of_caller ON sends (caller, at)",
    "CREATE INDEX sends_of_fingerprint ON sends (caller, fingerprint, at)",
    "CREATE INDEX sends_open ON sends (caller, at) WHERE state = 'started'",
    "CREATE TABLE used_approvals (token VARCHAR(64) NOT NULL PRIMARY KEY, at FLOAT NOT NULL)",
)
INSERT = """
    INSERT INTO sends (id, at, account, caller, caller_name, action, fingerprint, recipients, state, cost, message_ids,
        marks, request)
    VALUES (:id, :at, 'account', :caller, '', 'CLICKSEND_CREATE_SMS_SEND', :fingerprint, 1, :state, :cost,
        :message_ids, '[]', NULL)
"""


def a_row(at: float, cost: int | None = 1, state: str = "accepted", **more: Any) -> dict[str, Any]:
    """A row of the table of sends."""
    number = new_id()
    base = {"id": number, "at": at, "caller": "caller", "fingerprint": number, "state": state, "cost": cost}
    return {**base, "message_ids": json.dumps([f"M-{number}"]), **more}


def fill(place: Place, rows: list[dict[str, Any]]) -> None:
    """Write many rows."""
    if "://" in place.text:
        names = {name: f"%({name})s" for name in rows[0]}
        statement = INSERT
        for name, value in names.items():
            statement = statement.replace(f":{name}", value)
        with psycopg.connect(place.text) as link, link.cursor() as cursor:
            cursor.executemany(statement, rows)
    else:
        with closing(sqlite3.connect(place.text)) as file, file:
            file.executemany(INSERT, rows)


def entry(cost: str | None = "1", fingerprint: str = "") -> Entry:
    number = new_id()
    base = {"account": "account", "caller": "caller", "action": "CLICKSEND_CREATE_SMS_SEND", "recipients": 1}
    paid = None if cost is None else Decimal(cost)
    return Entry(**base, fingerprint=fingerprint or number, cost=paid, id=number)


async def start(ledger: Ledger, send: Entry, budget: str | None = "1000000") -> Entry:
    return await ledger.start(send, window=600, budget=None if budget is None else Decimal(budget), lasts=90)


async def spent(ledger: Ledger) -> int:
    """The day's spending by the ledger, in millionths."""
    with pytest.raises(OverBudget) as over:
        await ledger.check_budget(entry("0.000001"), Decimal(-1))
    return int(over.value.spent * 1_000_000)


def summed(place: Place, since: float) -> int:
    """The spending since then by the rows, in millionths."""
    counted = [row for row in place.rows() if row["caller"] == "caller" and row["at"] > since]
    return sum(max(0, row["cost"] or 0) for row in counted if row["state"] != "refused")


def by_minute(place: Place) -> dict[tuple[str, int], int]:
    """The spending of each caller in each minute, by the rows."""
    spending: Counter[tuple[str, int]] = Counter()
    for row in place.rows():
        if row["state"] != "refused" and (row["cost"] or 0) > 0:
            spending[row["caller"], int(row["at"]) // 60] += row["cost"]
    return {key: cost for key, cost in spending.items() if cost}


def kept_by_minute(place: Place) -> dict[tuple[str, int], int]:
    """The same by the derived table."""
    return {(row["caller"], row["minute"]): row["cost"] for row in place.run("SELECT * FROM spending") if row["cost"]}


# --- exact -------------------------------------------------------------------------------------------


async def test_the_derived_sums_equal_those_of_the_rows_after_any_change(any_ledger: Place) -> None:
    """Starts, ends at another price, refusals, deletions, and clock changes."""
    chance = random.Random(12)
    ledger = Ledger(any_ledger.text)
    await ledger.check()
    ids: list[str] = []
    for _ in range(120):
        match chance.choice(["start", "start", "end", "end", "age", "delete"]):
            case "start":
                send = entry(chance.choice([None, "0", "0.0792", "3.5"]))
                ids.append((await ledger.start(send, window=0, budget=None, lasts=10**9)).id)
            case "end" if ids:
                state = chance.choice(["accepted", "partly", "refused", "unknown"])
                cost = chance.choice([None, Decimal(0), Decimal("0.11"), Decimal(-2)])
                await ledger.finish(chance.choice(ids), state, cost=cost)  # type: ignore[arg-type]
            case "age":
                any_ledger.age(chance.choice([-40_000, 7, 59.5, 3_600, 50_000]))
            case "delete" if ids and chance.random() < 0.3:
                any_ledger.run("DELETE FROM sends WHERE id = :id", id=ids.pop(chance.randrange(len(ids))))
        assert kept_by_minute(any_ledger) == by_minute(any_ledger)
    assert len(any_ledger.rows()) > 20
    assert await spent(ledger) == summed(any_ledger, time.time() - DAY)
    ledger.close()


@pytest.mark.parametrize("seconds", [0.25, 30.0, 59.75])
async def test_the_day_is_24_hours_to_the_second(
    seconds: float, any_ledger: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first, partial minute, only later sends count."""
    now = 1_900_000_000 // 60 * 60 + seconds
    since = now - DAY
    ledger = Ledger(any_ledger.text)
    await ledger.check()
    moments = [since + shift for shift in (-60, -1, -0.125, 0, 0.125, 1, 59, 60, 61)] + [now, now + 1]
    fill(any_ledger, [a_row(at, 10**n) for n, at in enumerate(moments)])
    monkeypatch.setattr(time, "time", lambda: now)
    assert await spent(ledger) == summed(any_ledger, since) == 11_111_110_000
    ledger.close()


async def test_a_ledger_of_the_first_version_opens_and_its_day_counts(any_ledger: Place) -> None:
    """The migration creates the derived tables and fills them."""
    now = time.time()
    if "://" not in any_ledger.text:
        Path(any_ledger.text).parent.mkdir()
    for statement in FIRST_TABLES:
        any_ledger.run(statement)
    rows = [a_row(now - 50 * n, 1_000 + n) for n in range(2_000)]
    rows += [a_row(now - 5, 77_000, "refused"), a_row(now - 5, -5_000_000), a_row(now - 5, None, "unknown")]
    rows += [a_row(now - 5, 500, "started"), a_row(now - 5, 9, caller="another"), a_row(now - 5, 0, message_ids="[]")]
    fill(any_ledger, rows)
    old, new = Ledger(any_ledger.text), Ledger(any_ledger.text)
    assert abs(await spent(old) - summed(any_ledger, now - DAY)) <= 3_000  # a send leaves the day while this runs
    assert kept_by_minute(any_ledger) == by_minute(any_ledger)
    kept = {(row["message_id"], row["send"]) for row in any_ledger.run("SELECT * FROM sent_messages")}
    assert kept == {(message_id, row["id"]) for row in rows for message_id in json.loads(row["message_ids"])}
    with pytest.raises(OverBudget):
        await start(new, entry(), budget="0.001")
    old.close()
    new.close()


async def test_a_server_of_the_first_version_beside_this_one_is_counted_too(any_ledger: Place) -> None:
    """During a rolling update, earlier replicas write rows and know nothing of the sums."""
    ledger = Ledger(any_ledger.text)
    await ledger.check()
    now = time.time()
    row = a_row(now, 700_000, "started", message_ids="[]")
    any_ledger.run(INSERT, **row)
    with pytest.raises(OverBudget):
        await start(ledger, entry("0.5"), budget="1")
    any_ledger.run(
        "UPDATE sends SET state = 'accepted', cost = COALESCE(:cost, cost), message_ids = '[\"M-1\"]' WHERE id = :id",
        cost=100_000,
        id=row["id"],
    )
    await start(ledger, entry("0.5"), budget="1")
    (claim,) = await ledger.others("account", besides="", ids={"M-1"}, since=0, until=0)
    assert claim.id == row["id"]
    ledger.close()


# --- competing sends ---------------------------------------------------------------------------------


async def test_competing_sends_are_undecided_ones_of_that_time_and_those_with_the_ids(any_ledger: Place) -> None:
    """Not every send of the day; one with the id counts however old it is."""
    ledger = Ledger(any_ledger.text)
    await ledger.check()
    now = time.time()
    rows = {
        "accepted now": a_row(now),
        "accepted with the id": a_row(now - 20 * DAY, message_ids='["M-0", "M-1"]'),
        "partly with the id": a_row(now, state="partly", message_ids='["M-2"]'),
        "unknown then": a_row(now - 100, state="unknown", message_ids="[]"),
        "started then": a_row(now - 100, state="started", message_ids="[]"),
        "unknown earlier": a_row(now - 1_000, state="unknown", message_ids="[]"),
        "started later": a_row(now + 1_000, state="started", message_ids="[]"),
    }
    fill(any_ledger, list(rows.values()))
    ids = {"M-1", "M-2", *(f"X-{n}" for n in range(120))}
    competing = await ledger.others("account", besides="", ids=ids, since=now - 300, until=now + 1)
    names = {row["id"]: name for name, row in rows.items()}
    assert sorted(names[send.id] for send in competing) == [
        *("accepted with the id", "partly with the id", "started then", "unknown then")
    ]
    assert await ledger.others("another", besides="", ids=ids, since=0, until=now) == []
    besides = rows["started then"]["id"]
    remaining = await ledger.others("account", besides=besides, ids=(), since=0, until=now)
    assert besides not in {send.id for send in remaining}
    await ledger.finish(rows["accepted with the id"]["id"], "accepted", message_ids=["M-9"])
    assert await ledger.others("account", besides="", ids=["M-1"], since=0, until=0) == []
    ledger.close()


# --- rows read ---------------------------------------------------------------------------------------


class Counted(sqlite3.Connection):
    """A connection that counts the virtual machine steps of SQLite."""

    steps: ClassVar[int] = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.set_progress_handler(self._step, 1)

    @classmethod
    def _step(cls) -> int:
        cls.steps += 1
        return 0


async def a_send(ledger: Ledger, now: float) -> None:
    """Every query that a send may make."""
    send = entry(fingerprint="the same")
    await ledger.same(send, window=31_536_000)
    await ledger.check_budget(send, Decimal(1_000_000))
    await ledger.use(new_id())
    started = await ledger.start(send, window=31_536_000, budget=Decimal(1_000_000), lasts=90)
    await ledger.others("account", besides=started.id, ids=["M-1"], since=now - 300, until=now + 1)
    await ledger.finish(started.id, "refused", cost=Decimal(0))


def a_day(now: float, sends: int) -> list[dict[str, Any]]:
    """Sends over 23 hours, as many refusals of the call that is queried, and some much older sends."""
    every = (DAY - 3_600) / sends
    rows = [a_row(now - n * every) for n in range(sends)]
    rows += [a_row(now - n * every, 0, "refused", fingerprint="the same", message_ids="[]") for n in range(sends)]
    return rows + [a_row(now - DAY - 300 * n, state=("unknown", "accepted")[n % 2]) for n in range(1, sends // 2)]


async def test_sqlite_takes_no_more_steps_for_a_send_in_a_long_ledger(
    ledger: Place, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Budget, duplicates, abandoned sends, approvals, competing sends: the same for 2,000 and 40,000 sends."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Counted))
    now, taken = time.time(), []
    with sqlite_place(tmp_path / "long" / "ledger.sqlite3") as long:
        for place, sends in ((ledger, 2_000), (long, 40_000)):
            opened = Ledger(place.text)
            await opened.check()
            fill(place, a_day(now, sends))
            Counted.steps = 0
            await a_send(opened, now)
            taken.append(Counted.steps)
            opened.close()
    short_one, long_one = taken
    assert short_one > 1_000
    assert long_one < 1.1 * short_one + 1_000  # of a minute at the day's beginning there are 29 instead of 1


async def test_postgresql_reads_no_more_rows_for_a_send_in_a_long_ledger(
    postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By PostgreSQL's count of the rows that each node of a plan returned or removed."""
    ledger = Ledger(postgres.text)
    await ledger.check()
    now = time.time()
    fill(postgres, a_day(now, 20_000))
    for table in ("sends", "spending", "sent_messages"):
        postgres.run(f"ANALYZE {table}")
    queries: list[tuple[str, Any]] = []
    execute = psycopg.Cursor.execute

    def recording(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if "message_id IN" in str(query) or ("sends" in str(query) and str(query).lstrip().startswith("SELECT")):
            queries.append((query, params))
        return execute(self, query, params, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", recording)
    await a_send(ledger, now)
    monkeypatch.undo()
    ledger.close()
    assert len(queries) >= 6
    with psycopg.connect(postgres.text) as link:
        for query, params in queries:
            (plan,) = link.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params).fetchone() or ()
            assert _rows_read(plan[0]["Plan"]) < 4_000, query  # 1,440 sums, at most twice


def _rows_read(node: dict[str, Any]) -> float:
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
    own: float = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return own + sum(map(_rows_read, node.get("Plans", ())))


async def test_abandoned_sends_are_reported_a_hundred_at_a_time(any_ledger: Place) -> None:
    """Very many are reconciled in batches, the oldest first."""
    ledger = Ledger(any_ledger.text)
    await ledger.check()
    now = time.time()
    fill(any_ledger, [a_row(now - 1_000 + n, state="started") for n in range(150)])
    batches = []
    for _ in range(2):
        with pytest.raises(Abandoned) as abandoned:
            await start(ledger, entry())
        batches.append(len(abandoned.value.entries))
        for send in abandoned.value.entries:
            await ledger.finish(send.id, "unknown")
    assert batches == [100, 50]
    await start(ledger, entry())
    ledger.close()


async def test_a_duplicate_is_reported_with_the_newest_entry(any_ledger: Place) -> None:
    """Of all entries of the same call, except refused ones."""
    ledger = Ledger(any_ledger.text)
    await ledger.check()
    now = time.time()
    states = ["accepted", "unknown", "refused", "refused"]
    fill(any_ledger, [a_row(now - 40 + n, state=state, fingerprint="the same") for n, state in enumerate(states)])
    with pytest.raises(Duplicate) as repeat:
        await start(ledger, entry(fingerprint="the same"))
    assert repeat.value.entry.state == "unknown"
    ledger.close()


async def test_the_derived_tables_are_created_in_one_transaction(postgres: Place) -> None:
    """A view is in the way, so nothing is sent until it is dropped."""
    for statement in FIRST_TABLES:
        postgres.run(statement)
    postgres.run("CREATE VIEW spending AS SELECT 1 AS caller")
    ledger = Ledger(postgres.text)
    with pytest.raises(LedgerUnavailable):
        await start(ledger, entry())
    assert postgres.rows() == []
    postgres.run("DROP VIEW spending")
    await start(ledger, entry())
    assert kept_by_minute(postgres) == by_minute(postgres) != {}
    ledger.close()
