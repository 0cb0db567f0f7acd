"""Group commit: SQLite takes one write at a time, so concurrent sends share transactions."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import Duplicate, Entry, Ledger, OverBudget, new_id

pytestmark = pytest.mark.anyio

MANY = 15
MAX_GROUP = 16  # writes in a transaction


def entry(fingerprint: str = "", cost: str | None = None) -> Entry:
    number = new_id()
    return Entry(
        account="account",
        caller="caller",
        action="CLICKSEND_CREATE_SMS_SEND",
        fingerprint=fingerprint or number,
        recipients=1,
        cost=None if cost is None else Decimal(cost),
        id=number,
    )


async def start(ledger: Ledger, send: Entry, budget: str | None = None) -> Entry:
    return await ledger.start(send, window=600, budget=None if budget is None else Decimal(budget), lasts=60)


async def try_to_start(ledger: Ledger, outcomes: list[Entry | LedgerUnavailable]) -> None:
    """Start another send, and keep its outcome."""
    try:
        outcomes.append(await start(ledger, entry()))
    except LedgerUnavailable as fault:
        outcomes.append(fault)


@pytest.fixture
async def ledger(tmp_path: Path, watched: list[str]) -> Any:
    ledger = Ledger(str(tmp_path / "ledger.sqlite3"))
    await ledger.check()
    watched.clear()
    yield ledger
    ledger.close()


class Watched(sqlite3.Connection):
    """A connection that records what it executes, and whose disk can fail."""

    executed: ClassVar[list[str]] = []
    broken: ClassVar[bool] = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.set_trace_callback(self.executed.append)

    def commit(self) -> None:
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")
        super().commit()


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements executed on all connections opened from now on."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    monkeypatch.setattr(Watched, "executed", [])
    return Watched.executed


@contextmanager
def held(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process in an unfinished write."""
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


async def test_waiting_writes_share_a_transaction(ledger: Ledger, tmp_path: Path, watched: list[str]) -> None:
    ended: list[Entry] = []

    async def send() -> None:
        ended.append(await start(ledger, entry()))

    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            for _ in range(MANY):
                tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
    commits = watched.count("COMMIT")
    assert len(ended) == len(ledger.entries()) == MANY
    assert commits == 2  # the first one, and all others


async def test_a_leader_waits_for_followers_where_many_sends_are_in_flight(ledger: Ledger, watched: list[str]) -> None:
    ended: list[Entry] = []

    async def send() -> None:
        ended.append(await start(ledger, entry()))

    async def end(send: Entry) -> None:
        await ledger.finish(send.id, "accepted")

    for has_siblings in (False, True):
        watched.clear()
        async with anyio.create_task_group() as tasks:
            for _ in range(MANY):
                tasks.start_soon(send)
        assert watched.count("COMMIT") == (1 if has_siblings else 2)
    watched.clear()
    async with anyio.create_task_group() as tasks:
        for send_to_end in ended:
            tasks.start_soon(end, send_to_end)
    assert watched.count("COMMIT") < MANY  # the last few have no siblings
    assert {read.state for read in ledger.entries()} == {"accepted"}
    assert len(ledger.entries()) == 2 * MANY


async def test_a_group_is_limited(ledger: Ledger, tmp_path: Path, watched: list[str]) -> None:
    """All callers would fall into lockstep otherwise."""
    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            for _ in range(1 + 2 * MAX_GROUP):
                tasks.start_soon(start, ledger, entry())
            await anyio.wait_all_tasks_blocked()
    assert watched.count("COMMIT") == 3
    assert len(ledger.entries()) == 1 + 2 * MAX_GROUP


async def test_a_leader_whose_task_is_destroyed_leaves_no_follower_waiting(ledger: Ledger, tmp_path: Path) -> None:
    outcomes: list[Entry | LedgerUnavailable] = []

    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(try_to_start, ledger, outcomes)  # waits in its thread
            await anyio.wait_all_tasks_blocked()
            leader = asyncio.create_task(try_to_start(ledger, outcomes))  # leads the next group
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(try_to_start, ledger, outcomes)
            await anyio.wait_all_tasks_blocked()
            leader.cancel()  # past every shield
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(try_to_start, ledger, outcomes)
            await anyio.wait_all_tasks_blocked()
    assert sum(isinstance(outcome, Entry) for outcome in outcomes) == len(ledger.entries()) == 2
    assert len(outcomes) == 3


async def test_of_many_concurrent_identical_calls_one_is_recorded(ledger: Ledger) -> None:
    outcomes: list[str] = []

    async def send() -> None:
        try:
            await start(ledger, entry("the same"))
            outcomes.append("written")
        except Duplicate as duplicate:
            outcomes.append(duplicate.entry.state)

    async with anyio.create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(send)
    assert sorted(outcomes) == ["started"] * (MANY - 1) + ["written"]
    assert len(ledger.entries()) == 1


async def test_concurrent_sends_do_not_exceed_the_budget(ledger: Ledger) -> None:
    refused: list[OverBudget] = []

    async def send() -> None:
        try:
            await start(ledger, entry(cost="1"), budget="7.5")
        except OverBudget as over:
            refused.append(over)

    async with anyio.create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(send)
    assert len(ledger.entries()) == 7
    assert len(refused) == MANY - 7


async def test_a_failing_disk_fails_every_write_of_the_group(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[LedgerUnavailable] = []

    async def send() -> None:
        try:
            await start(ledger, entry())
        except LedgerUnavailable as fault:
            failed.append(fault)

    monkeypatch.setattr(Watched, "broken", True)
    async with anyio.create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(send)
    monkeypatch.setattr(Watched, "broken", False)
    assert len(failed) == MANY
    assert ledger.entries() == []
    await start(ledger, entry())
    assert len(ledger.entries()) == 1


async def test_a_leader_without_a_thread_fails_its_whole_group(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader is refused a thread after its followers have joined."""
    in_thread, refused, outcomes = anyio.to_thread.run_sync, anyio.Event(), []

    async def refusing(*arguments: Any, **options: Any) -> Any:
        if not refused.is_set():
            await anyio.wait_all_tasks_blocked()
            refused.set()
            raise RuntimeError("can't start new thread")
        return await in_thread(*arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", refusing)
    async with anyio.create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(try_to_start, ledger, outcomes)
    written = {outcome.id for outcome in outcomes if isinstance(outcome, Entry)}
    assert written == {read.id for read in ledger.entries()}
    assert len(outcomes) == MANY
    assert all(isinstance(outcome, Entry | LedgerUnavailable) for outcome in outcomes)
    assert len(written) < MANY
    await start(ledger, entry())


async def test_a_connection_waits_for_locks_again_after_a_write_that_did_not(ledger: Ledger, tmp_path: Path) -> None:
    """The end of a send is written without waiting for locks; the next use of its connection waits."""
    started = await start(ledger, entry())
    await ledger.finish(started.id, "accepted")
    pruned: list[int] = []

    async def prune() -> None:
        pruned.append(await anyio.to_thread.run_sync(ledger.prune, 0.0))

    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(prune)
            await anyio.sleep(0.2)
            assert pruned == []
    assert pruned == [0]


async def test_a_ledger_that_another_process_creates_is_waited_for(tmp_path: Path) -> None:
    """On a slow disk that takes a while, and SQLite fails at once instead of waiting until the WAL exists."""
    ledger = Ledger(str(tmp_path / "ledger.sqlite3"))
    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(start, ledger, entry())
            await anyio.sleep(1)
    assert len(ledger.entries()) == 1
    ledger.close()


async def test_a_cancelled_caller_is_still_recorded(ledger: Ledger, tmp_path: Path) -> None:
    async def send() -> None:
        await start(ledger, entry())

    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            for _ in range(3):
                tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert len(ledger.entries()) == 3


async def test_the_end_of_a_send_waits_for_another_process_without_blocking_readers(
    ledger: Ledger, tmp_path: Path
) -> None:
    first, second = await start(ledger, entry()), await start(ledger, entry())
    await ledger.finish(first.id, "accepted")
    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(ledger.finish, second.id, "accepted")
            await anyio.wait_all_tasks_blocked()
            assert [read.state for read in ledger.entries()] == ["started", "accepted"]
    assert {read.state for read in ledger.entries()} == {"accepted"}


async def test_a_commit_waits_for_the_disk_before_a_send_and_not_after_it(ledger: Ledger, watched: list[str]) -> None:
    started = await start(ledger, entry())
    await ledger.finish(started.id, "accepted", message_ids=["ID-1"])
    assert await ledger.use("an approval")
    modes = [line for line, following in pairwise(watched) if following == "BEGIN IMMEDIATE"]
    assert modes == [f"PRAGMA synchronous={mode}" for mode in ("FULL", "NORMAL", "FULL")]
