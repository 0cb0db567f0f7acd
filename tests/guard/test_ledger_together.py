"""Sends at the same moment: SQLite takes one write at a time, so those that wait go in together."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa

from server.errors import LedgerUnavailable
from server.guard.ledger import Duplicate, Entry, Ledger, OverBudget, new_id

pytestmark = pytest.mark.anyio

MANY = 30


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


@pytest.fixture
async def ledger(tmp_path: Path) -> Any:
    ledger = Ledger(str(tmp_path / "ledger.sqlite3"))
    await ledger.check()
    yield ledger
    ledger.close()


@contextmanager
def watched(event: str) -> Iterator[list[Any]]:
    """What SQLAlchemy's engines tell while this lasts."""
    told: list[Any] = []

    def listener(*arguments: Any) -> None:
        told.append(arguments)

    sa.event.listen(sa.Engine, event, listener)
    try:
        yield told
    finally:
        sa.event.remove(sa.Engine, event, listener)


@contextmanager
def held(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process that writes and does not come to an end."""
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


async def test_those_that_wait_are_written_together(ledger: Ledger, tmp_path: Path) -> None:
    ended: list[Entry] = []

    async def send() -> None:
        ended.append(await start(ledger, entry()))

    with watched("commit") as commits:
        async with anyio.create_task_group() as tasks:
            with held(tmp_path):
                for _ in range(MANY):
                    tasks.start_soon(send)
                await anyio.wait_all_tasks_blocked()
    assert len(ended) == len(ledger.entries()) == MANY
    assert len(commits) == 2  # the one that was first, and all the others


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


async def test_where_the_disk_fails_nobody_who_went_along_believes_to_be_written(ledger: Ledger) -> None:
    def broken(*_: Any) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    failed: list[LedgerUnavailable] = []

    async def send() -> None:
        try:
            await start(ledger, entry())
        except LedgerUnavailable as fault:
            failed.append(fault)

    sa.event.listen(sa.Engine, "commit", broken)
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(MANY):
                tasks.start_soon(send)
    finally:
        sa.event.remove(sa.Engine, "commit", broken)
    assert len(failed) == MANY
    assert ledger.entries() == []
    await start(ledger, entry())
    assert len(ledger.entries()) == 1


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


async def test_the_disk_is_waited_for_before_a_send_and_not_after_it(tmp_path: Path) -> None:
    executed: list[str] = []

    def trace(connection: sqlite3.Connection, _: Any) -> None:
        connection.set_trace_callback(executed.append)

    ledger = Ledger(str(tmp_path / "ledger.sqlite3"))
    sa.event.listen(sa.Engine, "connect", trace)
    try:
        one = await start(ledger, entry())
        await ledger.finish(one.id, "accepted", message_ids=["ID-1"])
        assert await ledger.use("an approval")
    finally:
        sa.event.remove(sa.Engine, "connect", trace)
        ledger.close()
    modes = [line for line, following in pairwise(executed) if following == "BEGIN IMMEDIATE"]
    assert modes == [f"PRAGMA synchronous={mode}" for mode in ("FULL", "NORMAL", "FULL")]
