"""Requests are counted by caller in windows of a minute, in this process or over all that share a database."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.guarding import Place

from server.hosting.counters import LocalCounter, RequestCounter, SharedCounter, Window
from server.ledger.errors import LedgerUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest) -> Place:
    """A database of each kind."""
    place: Place = request.getfixturevalue("ledger" if request.param == "sqlite" else "postgres")
    return place


@pytest.fixture
async def shared(place: Place) -> AsyncIterator[SharedCounter]:
    counter = SharedCounter(place.text)
    yield counter
    counter.close()


@pytest.fixture(params=["local", "sqlite", "postgres"])
async def counter(request: pytest.FixtureRequest) -> AsyncIterator[RequestCounter]:
    """A counter of each kind."""
    if request.param == "local":
        yield LocalCounter()
        return
    place: Place = request.getfixturevalue("ledger" if request.param == "sqlite" else "postgres")
    shared = SharedCounter(place.text)
    yield shared
    shared.close()


async def count(counter: RequestCounter, *principals: str) -> list[int]:
    """Count a request of each."""
    return [(await counter.count(principal)).count for principal in principals]


async def test_each_caller_is_counted_apart(counter: RequestCounter) -> None:
    assert await count(counter, "ana", "ana", "bo", "ana") == [1, 2, 1, 3]


async def test_a_window_ends_when_it_was_to_end_however_often_is_counted(counter: RequestCounter) -> None:
    ends = [(await counter.count("ana")).seconds for _ in range(5)]
    assert ends == sorted(ends, reverse=True)
    assert 0 < ends[-1] <= ends[0] <= 60


async def test_a_new_window_begins_where_one_has_ended(shared: SharedCounter, place: Place) -> None:
    assert await count(shared, "ana", "ana") == [1, 2]
    place.run("UPDATE counters SET until = until - 61")
    window = await shared.count("ana")
    assert window.count == 1
    assert window.seconds > 50


async def test_a_process_begins_a_new_window_too_and_keeps_none_that_has_ended() -> None:
    now = 1000.0
    counter = LocalCounter(lambda: now)
    assert await count(counter, "ana", "ana", "bo") == [1, 2, 1]
    now += 59
    assert await counter.count("ana") == Window(3, 1.0)
    now += 2
    assert await counter.count("ana") == Window(1, 60.0)
    assert set(counter._windows) == {"ana"}


async def test_ended_windows_are_swept_by_whoever_counts_next(place: Place) -> None:
    first = SharedCounter(place.text)
    await count(first, *(f"caller {number}" for number in range(20)))
    first.close()
    place.run("UPDATE counters SET until = until - 61")
    second = SharedCounter(place.text)
    await second.count("ana")
    second.close()
    assert len(place.run("SELECT * FROM counters")) == 1


async def test_counting_at_the_same_moment_loses_nothing(place: Place) -> None:
    replicas = [SharedCounter(place.text) for _ in range(3)]
    windows = await asyncio.gather(*(replicas[turn % 3].count("ana") for turn in range(60)))
    assert sorted(window.count for window in windows) == list(range(1, 61))
    for replica in replicas:
        replica.close()


async def test_principals_of_any_length_and_text_are_counted(counter: RequestCounter) -> None:
    for principal in ("", "x" * 150, 'token Ana\'s & "Bo"', "basic " + "f" * 64, "token " + "名" * 64):
        assert await count(counter, principal, principal) == [1, 2], principal


async def test_a_database_that_cannot_be_used_is_told_as_the_ledgers() -> None:
    counter = SharedCounter("postgresql://postgres@127.0.0.1:1/test")
    with pytest.raises(LedgerUnavailable):
        await counter.count("ana")
    counter.close()
