"""Sends at the same moment: SQLite takes one write at a time, so those that wait go in together."""

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
AT_MOST = 16  # together


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


async def start(ledger: Ledger, one: Entry, budget: str | None = None) -> Entry:
    return await ledger.start(one, window=600, budget=None if budget is None else Decimal(budget), lasts=60)


async def try_to_start(ledger: Ledger, told: list[Entry | LedgerUnavailable]) -> None:
    """Start another send, and keep what its caller is told."""
    try:
        told.append(await start(ledger, entry()))
    except LedgerUnavailable as fault:
        told.append(fault)


@pytest.fixture
async def ledger(tmp_path: Path, watched: list[str]) -> Any:
    ledger = Ledger(str(tmp_path / "ledger.sqlite3"))
    await ledger.check()
    watched.clear()
    yield ledger
    ledger.close()


class Watched(sqlite3.Connection):
    """A connection of which it is known what it executed; its disk can fail."""

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
    """What is executed on all connections that are opened from now on."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    monkeypatch.setattr(Watched, "executed", [])
    return Watched.executed


@contextmanager
def held(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process that writes and does not come to an end."""
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


async def test_those_that_wait_are_written_together(ledger: Ledger, tmp_path: Path, watched: list[str]) -> None:
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
    assert commits == 2  # the one that was first, and all the others


async def test_where_many_are_under_way_the_first_waits_for_the_others(ledger: Ledger, watched: list[str]) -> None:
    ended: list[Entry] = []

    async def send() -> None:
        ended.append(await start(ledger, entry()))

    async def end(one: Entry) -> None:
        await ledger.finish(one.id, "accepted")

    for crowd in (False, True):
        watched.clear()
        async with anyio.create_task_group() as tasks:
            for _ in range(MANY):
                tasks.start_soon(send)
        assert watched.count("COMMIT") == (1 if crowd else 2)
    watched.clear()
    async with anyio.create_task_group() as tasks:
        for one in ended:
            tasks.start_soon(end, one)
    assert watched.count("COMMIT") < MANY  # the last few are not crowded any more
    assert {one.state for one in ledger.entries()} == {"accepted"}
    assert len(ledger.entries()) == 2 * MANY


async def test_not_all_go_together(ledger: Ledger, tmp_path: Path, watched: list[str]) -> None:
    """Others would wait for the last of very many."""
    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            for _ in range(1 + 2 * AT_MOST):
                tasks.start_soon(start, ledger, entry())
            await anyio.wait_all_tasks_blocked()
    assert watched.count("COMMIT") == 3
    assert len(ledger.entries()) == 1 + 2 * AT_MOST


async def test_who_is_torn_away_leaves_nobody_waiting(ledger: Ledger, tmp_path: Path) -> None:
    told: list[Entry | LedgerUnavailable] = []

    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(try_to_start, ledger, told)  # waits in its thread
            await anyio.wait_all_tasks_blocked()
            torn = asyncio.create_task(try_to_start(ledger, told))  # goes next, and takes along who comes after it
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(try_to_start, ledger, told)
            await anyio.wait_all_tasks_blocked()
            torn.cancel()  # past every shield
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(try_to_start, ledger, told)
            await anyio.wait_all_tasks_blocked()
    assert sum(isinstance(one, Entry) for one in told) == len(ledger.entries()) == 2
    assert len(told) == 3


async def test_of_the_same_call_many_times_at_once_one_is_written(ledger: Ledger) -> None:
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


async def test_those_together_do_not_exceed_the_budget(ledger: Ledger) -> None:
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


async def test_where_the_disk_fails_nobody_who_went_along_believes_to_be_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
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


async def test_where_no_thread_can_be_had_nobody_believes_to_be_written(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is refused a thread when others have come to wait for the same turn."""
    in_thread, refused, told = anyio.to_thread.run_sync, anyio.Event(), []

    async def refusing(*arguments: Any, **options: Any) -> Any:
        if not refused.is_set():
            await anyio.wait_all_tasks_blocked()
            refused.set()
            raise RuntimeError("can't start new thread")
        return await in_thread(*arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", refusing)
    async with anyio.create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(try_to_start, ledger, told)
    written = {one.id for one in told if isinstance(one, Entry)}
    assert written == {one.id for one in ledger.entries()}
    assert len(told) == MANY
    assert all(isinstance(one, Entry | LedgerUnavailable) for one in told)
    assert len(written) < MANY
    await start(ledger, entry())


async def test_the_end_of_a_send_leaves_a_connection_as_patient_as_before(ledger: Ledger, tmp_path: Path) -> None:
    """A connection that wrote the end of a send, which waits for nobody, waits again for what comes next."""
    one = await start(ledger, entry())
    await ledger.finish(one.id, "accepted")
    pruned: list[int] = []

    async def prune() -> None:
        pruned.append(await anyio.to_thread.run_sync(ledger.prune, 0.0))

    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(prune)
            await anyio.sleep(0.2)
            assert pruned == []
    assert pruned == [0]


async def test_a_ledger_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """On a slow disk that takes a while; until it is done, SQLite turns others away rather than have them wait."""
    ledger = Ledger(str(tmp_path / "ledger.sqlite3"))
    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(start, ledger, entry())
            await anyio.sleep(1)
    assert len(ledger.entries()) == 1
    ledger.close()


async def test_who_is_cancelled_while_waiting_is_written_all_the_same(ledger: Ledger, tmp_path: Path) -> None:
    async def send() -> None:
        await start(ledger, entry())

    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            for _ in range(3):
                tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert len(ledger.entries()) == 3


async def test_the_end_of_a_send_waits_for_another_process_without_holding_others_up(
    ledger: Ledger, tmp_path: Path
) -> None:
    one, two = await start(ledger, entry()), await start(ledger, entry())
    await ledger.finish(one.id, "accepted")
    async with anyio.create_task_group() as tasks:
        with held(tmp_path):
            tasks.start_soon(ledger.finish, two.id, "accepted")
            await anyio.wait_all_tasks_blocked()
            assert [known.state for known in ledger.entries()] == ["started", "accepted"]
    assert {known.state for known in ledger.entries()} == {"accepted"}


async def test_the_disk_is_waited_for_before_a_send_and_not_after_it(ledger: Ledger, watched: list[str]) -> None:
    one = await start(ledger, entry())
    await ledger.finish(one.id, "accepted", message_ids=["ID-1"])
    assert await ledger.use("an approval")
    modes = [line for line, following in pairwise(watched) if following == "BEGIN IMMEDIATE"]
    assert modes == [f"PRAGMA synchronous={mode}" for mode in ("FULL", "NORMAL", "FULL")]
