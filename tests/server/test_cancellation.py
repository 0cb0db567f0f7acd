"""Cancelled calls: a read ends at once; what may change something never leaves, or is finished and its answer read."""

import asyncio
import json
from dataclasses import dataclass

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from support.inputs import GOOD
from support.scripted import (
    PATIENCE,
    Conversation,
    Upstream,
    good,
    keeps_silent,
    refusal,
    says,
    says_when_released,
    scripted,
)

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.limits import Limits
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

READ = "CLICKSEND_GET_ACCOUNT"
SEND = "CLICKSEND_CREATE_SMS_SEND"
ACCEPTED = good({"messages": [{"to": "+61491570006", "status": "SUCCESS"}]})
POOL = 100  # connections at once


@dataclass(frozen=True)
class Case:
    """An action that may change something, and what ClickSend answers."""

    slug: str
    answer: bytes


CASES = (
    Case(SEND, ACCEPTED),
    Case("CLICKSEND_CREATE_LISTS", good({"list_id": 1})),
    Case("CLICKSEND_UPDATE_LISTS_CONTACTS", good({"contact_id": 1})),
    Case("CLICKSEND_DELETE_LISTS", good(None)),
    Case("CLICKSEND_SMS_CANCEL_ALL_PUT", good({"count": 1})),
)


async def test_a_cancelled_read_is_cut_at_once() -> None:
    async with scripted(says_when_released(good({}))) as upstream, Dispatcher(upstream.settings()) as dispatcher:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(dispatcher.call, catalog()[READ], {})
            await upstream.wait(upstream.arrived)
            tasks.cancel_scope.cancel()
        await upstream.wait(upstream.hung_up)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
async def test_what_may_change_something_is_finished_after_its_request_has_left(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="clicksend_mcp")
    async with scripted(says_when_released(case.answer)) as upstream:
        async with Dispatcher(upstream.settings()) as dispatcher:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(dispatcher.call, catalog()[case.slug], GOOD[case.slug])
                await upstream.wait(upstream.arrived)
                tasks.cancel_scope.cancel()
            # The caller is gone, and the call is not.
            await wait_all_tasks_blocked()
            assert not upstream.hung_up.is_set()
            upstream.released.set()
        await upstream.wait(upstream.read_whole)
    assert not upstream.hung_up.is_set()
    (logged,) = [record for record in caplog.records if record.message == "call"]
    assert (logged.fields["action"], logged.fields["outcome"]) == (case.slug, "successful")  # type: ignore[attr-defined]


async def test_a_cancellation_of_asyncio_itself_does_not_cut_it_either() -> None:
    async with scripted(says_when_released(ACCEPTED)) as upstream:
        async with Dispatcher(upstream.settings()) as dispatcher:
            calling = asyncio.create_task(dispatcher.call(catalog()[SEND], GOOD[SEND]))
            await upstream.wait(upstream.arrived)
            for _ in range(3):
                calling.cancel()
                await wait_all_tasks_blocked()
            assert calling.cancelled()
            assert not upstream.hung_up.is_set()
            upstream.released.set()
        await upstream.wait(upstream.read_whole)
    assert not upstream.hung_up.is_set()


async def test_the_end_of_the_dispatcher_waits_for_it_even_if_that_is_cancelled_too() -> None:
    ended: list[str] = []
    async with scripted(says_when_released(ACCEPTED)) as upstream:

        async def serve() -> None:
            try:
                async with Dispatcher(upstream.settings()) as dispatcher, anyio.create_task_group() as tasks:
                    tasks.start_soon(dispatcher.call, catalog()[SEND], GOOD[SEND])
            finally:
                ended.append("end")

        async with anyio.create_task_group() as host:
            host.start_soon(serve)
            await upstream.wait(upstream.arrived)
            host.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await wait_all_tasks_blocked()
                assert ended == []
                upstream.released.set()
        await upstream.wait(upstream.read_whole)
    assert ended == ["end"]
    assert not upstream.hung_up.is_set()


async def test_a_call_that_nobody_waits_for_still_ends_at_its_deadline() -> None:
    async with scripted(keeps_silent) as upstream:
        with anyio.fail_after(5):
            async with Dispatcher(upstream.settings(total_timeout=0.3)) as dispatcher:
                calling = asyncio.create_task(dispatcher.call(catalog()[SEND], GOOD[SEND]))
                await upstream.wait(upstream.arrived)
                calling.cancel()
        await upstream.wait(upstream.hung_up)
    assert calling.cancelled()


async def full(upstream: Upstream) -> None:
    """Wait until every connection of the pool has a request."""
    with anyio.fail_after(PATIENCE):
        while len(upstream.requests) < POOL:  # noqa: ASYNC110 - bounded above
            await anyio.sleep(0.01)


async def holds(conversation: Conversation) -> None:
    """Answer every request, but none before the test releases them."""
    await conversation.upstream.released.wait()
    await conversation.say(ACCEPTED)


@pytest.mark.parametrize("natively", [False, True], ids=["anyio", "asyncio"])
async def test_a_send_that_waits_for_a_connection_never_leaves_once_it_is_cancelled(natively: bool) -> None:
    async with scripted(holds) as upstream, Dispatcher(upstream.settings()) as dispatcher:
        async with anyio.create_task_group() as tasks:
            for _ in range(POOL):
                tasks.start_soon(dispatcher.call, catalog()[READ], {})
            await full(upstream)
            with anyio.CancelScope() as scope:
                calling = asyncio.create_task(dispatcher.call(catalog()[SEND], GOOD[SEND]))
                await wait_all_tasks_blocked()
                if natively:
                    calling.cancel()
                else:
                    scope.cancel()
                    await calling
            await asyncio.wait({calling}, timeout=PATIENCE)
            assert calling.cancelled()
            upstream.released.set()  # now there would be connections for it
        with anyio.fail_after(PATIENCE):
            again = await dispatcher.call(catalog()["CLICKSEND_GET_LISTS"], {})
        assert again.successful
    assert [request.line for request in upstream.requests if not request.line.startswith("GET")] == []
    assert len(upstream.requests) == POOL + 1


async def test_a_call_that_is_cancelled_before_it_begins_never_leaves() -> None:
    async with scripted(says(ACCEPTED)) as upstream, Dispatcher(upstream.settings()) as dispatcher:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await dispatcher.call(catalog()[SEND], GOOD[SEND])
        assert scope.cancelled_caught
    assert upstream.connections == 0


async def test_whatever_the_moment_it_never_leaves_or_is_brought_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """Also between the end of a wait and the moment when who waited for it goes on."""
    caplog.set_level("INFO", logger="clicksend_mcp")
    left = 0
    for turns in range(80):
        caplog.clear()
        async with scripted(says(good({"list_id": 1}))) as upstream:
            async with Dispatcher(upstream.settings()) as dispatcher:
                calling = asyncio.create_task(
                    dispatcher.call(catalog()["CLICKSEND_CREATE_LISTS"], {"list_name": "Guests"})
                )
                for _ in range(turns):
                    await asyncio.sleep(0)
                calling.cancel()
            await wait_all_tasks_blocked()
            ended = sum(record.message == "call" for record in caplog.records)
            assert len(upstream.requests) == ended, f"after {turns} turns of the loop"
            left += ended
    assert 0 < left < 80


async def test_a_send_that_is_refused_is_not_repeated_once_it_is_cancelled() -> None:
    async with (
        scripted(says_when_released(refusal(429, "TOO_MANY"))) as upstream,
        Dispatcher(upstream.settings(attempts=2)) as dispatcher,
    ):
        calling = asyncio.create_task(dispatcher.call(catalog()[SEND], GOOD[SEND]))
        await upstream.wait(upstream.arrived)
        calling.cancel()
        await wait_all_tasks_blocked()
        assert not upstream.hung_up.is_set()
        upstream.released.set()
    assert calling.cancelled()
    assert len(upstream.requests) == 1


async def test_a_send_that_waits_to_be_repeated_is_not_once_it_is_cancelled() -> None:
    async with (
        scripted(says(refusal(429, "TOO_MANY"))) as upstream,
        Dispatcher(upstream.settings(attempts=10)) as dispatcher,
    ):
        calling = asyncio.create_task(dispatcher.call(catalog()[SEND], GOOD[SEND]))
        await upstream.wait(upstream.arrived)
        await wait_all_tasks_blocked()
        calling.cancel()
    assert calling.cancelled()
    assert len(upstream.requests) == 1


async def test_calls_at_once_do_not_disturb_each_other() -> None:
    apart = Limits(duplicate_window=0)  # the same call twice, which would be stopped otherwise
    async with (
        scripted(says_when_released(ACCEPTED)) as upstream,
        Dispatcher(upstream.settings(limits=apart)) as dispatcher,
    ):
        first, second = (asyncio.create_task(dispatcher.call(catalog()[SEND], GOOD[SEND])) for _ in range(2))
        with anyio.fail_after(PATIENCE):
            while len(upstream.requests) < 2:  # noqa: ASYNC110 - bounded above
                await anyio.sleep(0.01)
        first.cancel()
        await wait_all_tasks_blocked()
        upstream.released.set()
        envelope: Envelope = await second
    assert envelope.successful
    assert json.loads(envelope.data)["response_code"] == "SUCCESS"
    assert first.cancelled()
    assert not upstream.hung_up.is_set()
