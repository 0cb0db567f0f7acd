"""The storage that counts requests in the ledger's database, against what the `limits` library expects of one."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter
from support.guarding import Place

from server.hosting.counters import SharedStorage
from server.ledger.errors import LedgerUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest) -> Place:
    """A database of each kind."""
    one: Place = request.getfixturevalue("ledger" if request.param == "sqlite" else "postgres")
    return one


@pytest.fixture
async def storage(place: Place) -> AsyncIterator[SharedStorage]:
    one = SharedStorage(place.text)
    yield one
    one.close()


async def test_it_counts_and_tells(storage: SharedStorage) -> None:
    assert await storage.get("ana") == 0
    assert [await storage.incr("ana", 60), await storage.incr("ana", 60, 5)] == [1, 6]
    assert await storage.incr("bo", 60) == 1
    assert [await storage.get("ana"), await storage.get("bo"), await storage.get("cy")] == [6, 1, 0]
    assert await storage.check()


async def test_a_window_ends_when_it_was_to_end_however_often_is_counted(storage: SharedStorage) -> None:
    before = time.time()
    await storage.incr("ana", 60)
    first = await storage.get_expiry("ana")
    await storage.incr("ana", 3600)
    assert before + 60 <= first <= time.time() + 60
    assert await storage.get_expiry("ana") == first
    assert await storage.get_expiry("nobody") <= time.time()


async def test_a_new_window_begins_where_one_has_ended(storage: SharedStorage, place: Place) -> None:
    await storage.incr("ana", 60, 9)
    place.run("UPDATE counters SET until = until - 61")
    assert await storage.get("ana") == 0
    assert await storage.get_expiry("ana") <= time.time()
    assert await storage.incr("ana", 60, 2) == 2
    assert await storage.get_expiry("ana") > time.time() + 50


async def test_counts_are_forgotten_one_or_all(storage: SharedStorage) -> None:
    for caller in ("ana", "bo", "cy"):
        await storage.incr(caller, 60)
    await storage.clear("ana")
    assert [await storage.get("ana"), await storage.get("bo")] == [0, 1]
    assert await storage.reset() == 2
    assert await storage.get("bo") == 0
    await storage.clear("nobody")


async def test_ended_windows_are_swept_by_whoever_counts_next(place: Place) -> None:
    first = SharedStorage(place.text)
    for number in range(20):
        await first.incr(f"caller {number}", 60)
    first.close()
    place.run("UPDATE counters SET until = until - 61")
    second = SharedStorage(place.text)
    await second.incr("ana", 60)
    second.close()
    assert len(place.run("SELECT * FROM counters")) == 1


async def test_counting_at_the_same_moment_loses_nothing(place: Place) -> None:
    storages = [SharedStorage(place.text) for _ in range(3)]
    counts = await asyncio.gather(*(storages[turn % 3].incr("ana", 60) for turn in range(60)))
    assert sorted(counts) == list(range(1, 61))
    assert await storages[0].get("ana") == 60
    for one in storages:
        one.close()


async def test_the_limiter_of_the_library_keeps_its_limit_with_it(storage: SharedStorage) -> None:
    limiter, limit = FixedWindowRateLimiter(storage), RateLimitItemPerMinute(3)
    assert [await limiter.hit(limit, "ana") for _ in range(5)] == [True] * 3 + [False] * 2
    stats = await limiter.get_window_stats(limit, "ana")
    assert stats.remaining == 0
    assert time.time() < stats.reset_time <= time.time() + 60
    assert await limiter.hit(limit, "bo")
    await limiter.clear(limit, "ana")
    assert await limiter.test(limit, "ana")


async def test_keys_of_any_length_and_text_are_counted(storage: SharedStorage) -> None:
    limiter, limit = FixedWindowRateLimiter(storage), RateLimitItemPerMinute(1)
    for key in ("", "x" * 150, 'token Ana\'s & "Bo"', "basic " + "f" * 64, "https://login.example.com " + "s" * 120):
        assert await limiter.hit(limit, key), key
        assert not await limiter.hit(limit, key), key


async def test_a_database_that_cannot_be_used_is_told_by_its_own_exception() -> None:
    storage = SharedStorage("postgresql://postgres@127.0.0.1:1/test")
    assert not await storage.check()
    with pytest.raises(storage.base_exceptions):
        await storage.incr("ana", 60)
    with pytest.raises(LedgerUnavailable):
        await storage.get("ana")
    storage.close()
