"""Retries: which calls are sent again, how long they wait, and what the result says of it."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import pytest
from support.inputs import GOOD
from support.scripted import (
    Conversation,
    Script,
    Upstream,
    answer,
    drops,
    envelope,
    good,
    keeps_silent,
    refusal,
    says,
    says_and_closes,
    says_in_turn,
    scripted,
)

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.clicksend.errors import ClickSendError, NotSent, OutcomeUnknown, Rejected
from server.clicksend.retries import Throttle, may_repeat, send_with_retries
from tools.action import Effect
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

READ = "CLICKSEND_GET_ACCOUNT"
CREATE = "CLICKSEND_CREATE_LISTS"
UPDATE = "CLICKSEND_UPDATE_LISTS_CONTACTS"
DELETE = "CLICKSEND_DELETE_LISTS"
CANCEL = "CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT"
SEND = "CLICKSEND_CREATE_SMS_SEND"
PUT_THAT_SENDS = "CLICKSEND_UPDATE_SMS_CAMPAIGNS"

IDEMPOTENT = (READ, UPDATE, DELETE, CANCEL)
OTHERS = (CREATE, SEND, PUT_THAT_SENDS)
LOST = OutcomeUnknown("the connection broke", transient=True)


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", catalog())
def test_the_table_covers_every_action(slug: str) -> None:
    action = catalog()[slug]
    repeated = partial(may_repeat, idempotent=action.idempotent)
    assert repeated(NotSent("no connection"))
    assert repeated(Rejected(429, "too many calls"))
    assert repeated(LOST) is action.idempotent
    for never in (OutcomeUnknown("not JSON"), Rejected(400, "bad"), Rejected(403, "no"), ClickSendError("a fault")):
        assert not repeated(never)


def test_a_send_is_never_retried_after_a_lost_answer() -> None:
    sends = [action for action in catalog().values() if action.effect is Effect.SEND]
    assert not [action.slug for action in sends if may_repeat(LOST, idempotent=action.idempotent)]


@dataclass(frozen=True)
class Failure:
    """A failure of each attempt, and how many of 2 requests arrive: if idempotent, and if not."""

    id: str
    script: Script
    idempotent: int
    others: int


FAILURES = (
    Failure("429", says(refusal(429, "TOO_MANY")), 2, 2),
    Failure("503 with a time", says(refusal(503, "BUSY", "Retry-After: 0")), 2, 1),
    Failure("503", says(refusal(503, "BUSY")), 2, 1),
    Failure("500", says(refusal(500, "INTERNAL_SERVER_ERROR")), 2, 1),
    Failure("500 inside 200", says(answer(200, envelope(None, 500))), 2, 1),
    Failure("dropped", drops, 2, 1),
    Failure("cut off", says_and_closes(good("x" * 100)[:-9]), 2, 1),
    Failure("HTML", says(answer(200, b"<html>", kind="text/html")), 1, 1),
    Failure("empty", says(answer(200)), 1, 1),
    Failure("a fault inside 200", says(answer(200, envelope(None, 200, "INTERNAL_ERROR"))), 1, 1),
    Failure("400", says(refusal(400, "BAD_REQUEST")), 1, 1),
    Failure("401", says(refusal(401, "UNAUTHORIZED")), 1, 1),
    Failure("404", says(refusal(404, "NOT_FOUND")), 1, 1),
    Failure("redirect", says(answer(302, None, "Location: https://elsewhere.example/")), 1, 1),
    Failure("no credit", says(answer(200, envelope(None, 200, "INSUFFICIENT_CREDIT"))), 1, 1),
)


async def test_requests_are_retried_as_the_table_says() -> None:
    async def check(failure: Failure, slug: str) -> None:
        async with scripted(failure.script) as upstream:
            result = await call(upstream, slug)
        expected = failure.idempotent if slug in IDEMPOTENT else failure.others
        assert len(upstream.requests) == expected, (failure.id, slug)
        assert len({(request.line, request.body) for request in upstream.requests}) == 1
        assert ("; 2 attempts" in (result.error or "")) is (expected == 2), result.error

    limiter = anyio.CapacityLimiter(8)  # more at once would make each other's connections late

    async def in_turn(failure: Failure, slug: str) -> None:
        async with limiter:
            await check(failure, slug)

    async with anyio.create_task_group() as tasks:  # at once, because each waits
        for failure in FAILURES:
            for slug in (*IDEMPOTENT, *OTHERS):
                tasks.start_soon(in_turn, failure, slug)


async def call(upstream: Upstream, slug: str, **settings: Any) -> Envelope:
    async with Dispatcher(upstream.settings(**{"attempts": 2, "total_timeout": 60.0, **settings})) as dispatcher:
        return await dispatcher.call(catalog()[slug], GOOD[slug])


# --- what the result says ----------------------------------------------------------------------------


def data(result: Envelope) -> Any:
    assert result.successful, result.error
    return json.loads(result.data)


async def test_a_success_at_the_first_attempt_says_nothing_of_attempts() -> None:
    async with scripted(says(good({}))) as upstream:
        assert data(await call(upstream, READ)) == envelope({})


TOLD = (
    (READ, refusal(429, "TOO_MANY"), "2"),
    (READ, refusal(500, "INTERNAL_SERVER_ERROR"), "2, an earlier one may have taken effect already"),
    (SEND, refusal(429, "TOO_MANY"), "2"),
    (SEND, refusal(429, "BUSY", "Retry-After: 0"), "2"),
    (DELETE, refusal(502, "BAD_GATEWAY"), "2, an earlier one may have taken effect already"),
)


async def test_a_success_at_a_later_attempt_says_so() -> None:
    async def check(slug: str, first: bytes, note: str) -> None:
        content = {"messages": [{"to": "+61491570006", "status": "SUCCESS"}]}
        async with scripted(says_in_turn([first, good(content)])) as upstream:
            assert data(await call(upstream, slug)) == envelope(content) | {"_attempts": note}
        assert len(upstream.requests) == 2

    async with anyio.create_task_group() as tasks:
        for case in TOLD:
            tasks.start_soon(check, *case)


async def test_an_unreachable_clicksend_is_retried_and_the_attempts_are_reported() -> None:
    async with scripted(drops) as upstream:
        settings = upstream.settings(attempts=2)
    async with Dispatcher(settings) as dispatcher:
        result = await dispatcher.call(catalog()[SEND], GOOD[SEND])
    address = settings.base_url.removeprefix("http://")
    assert result.error == (
        f"ClickSend could not be reached: {address} refuses connections; 2 attempts. "
        "Nothing was sent. Calling again later is safe."
    )


async def test_a_retry_that_finds_nothing_may_mean_that_the_first_attempt_took_effect() -> None:
    lost, gone = refusal(500, "INTERNAL_SERVER_ERROR"), refusal(404, "NOT_FOUND")
    async with scripted(says_in_turn([lost, gone])) as upstream:
        result = await call(upstream, DELETE)
    assert "OUTCOME UNKNOWN: an earlier attempt may have taken effect; CLICKSEND_GET_LISTS shows it." in str(result)
    assert "ClickSend refused with HTTP 404 (NOT_FOUND: No.; 2 attempts)." in str(result)
    assert "Nothing was changed" not in str(result)


async def test_a_retried_read_that_finds_nothing_means_just_that() -> None:
    async with scripted(says_in_turn([refusal(500, "X"), refusal(404, "NOT_FOUND")])) as upstream:
        result = await call(upstream, READ)
    assert "nothing with this id" in str(result)
    assert "OUTCOME UNKNOWN" not in str(result)


async def test_a_retry_that_is_refused_after_a_refusal_changed_nothing() -> None:
    async with scripted(says_in_turn([refusal(429, "TOO_MANY"), refusal(404, "NOT_FOUND")])) as upstream:
        result = await call(upstream, DELETE)
    assert "Nothing was changed." in str(result)
    assert "OUTCOME UNKNOWN" not in str(result)


async def test_a_deletion_that_is_answered_with_nothing_at_the_second_attempt_is_a_success() -> None:
    async with scripted(says_in_turn([refusal(500, "X"), b"HTTP/1.1 204 No Content\r\n\r\n"])) as upstream:
        assert await call(upstream, DELETE) == Envelope.success("")
    assert len(upstream.requests) == 2


async def test_a_send_that_is_lost_at_the_second_attempt_is_unknown() -> None:
    async with scripted(says_in_turn([refusal(429, "TOO_MANY"), refusal(500, "X")])) as upstream:
        result = await call(upstream, SEND, attempts=4)
    assert "OUTCOME UNKNOWN: HTTP 500, a fault on ClickSend's side; 2 attempts." in str(result)
    assert len(upstream.requests) == 2


async def test_the_setting_of_one_attempt_retries_nothing() -> None:
    async with scripted(says(refusal(429, "TOO_MANY"))) as upstream:
        result = await call(upstream, READ, attempts=1)
    assert len(upstream.requests) == 1
    assert "attempts" not in (result.error or "")


# --- how long is waited --------------------------------------------------------------------------


async def test_each_wait_is_longer_than_the_one_before() -> None:
    at: list[float] = []

    async def send() -> Any:
        at.append(anyio.current_time())
        raise NotSent("no connection")

    with pytest.raises(NotSent) as caught:
        deadline = anyio.current_time() + 60
        await send_with_retries(send, Throttle(), idempotent=False, attempts=3, deadline=deadline)
    first, second = at[1] - at[0], at[2] - at[1]
    assert caught.value.attempts == 3
    assert first >= 0.5
    assert second >= 1.0  # of the first at most 0.75 is meant to be


async def test_retry_after_is_respected() -> None:
    at: list[float] = []

    async def script(conversation: Conversation) -> None:
        at.append(anyio.current_time())
        first = refusal(429, "TOO_MANY", "Retry-After: 1")
        await conversation.say(good({}) if len(at) > 1 else first)

    async with scripted(script) as upstream:
        assert data(await call(upstream, READ))["_attempts"] == "2"
    assert at[1] - at[0] >= 0.99


async def test_a_retry_after_beyond_the_deadline_is_reported_and_not_waited_for() -> None:
    async with scripted(says(refusal(429, "TOO_MANY", "Retry-After: 39"))) as upstream:
        with anyio.fail_after(5):
            result = await call(upstream, SEND, attempts=10, total_timeout=10.0)
    assert len(upstream.requests) == 1
    assert "call again in 39 s. Nothing was sent." in (result.error or "")


async def test_all_attempts_share_one_deadline() -> None:
    started = anyio.current_time()
    async with scripted(keeps_silent) as upstream:
        result = await call(upstream, READ, attempts=10, read_timeout=0.1, total_timeout=1.2)
    assert anyio.current_time() - started < 5
    assert 2 <= len(upstream.requests) <= 3
    assert f"; {len(upstream.requests)} attempts" in (result.error or "")


# --- the throttle of an account ----------------------------------------------------------------------


async def test_consecutive_refusals_slow_every_later_call_of_the_account() -> None:
    throttle, refused = Throttle(), Rejected(429, "too many calls")
    waits = []
    for _ in range(2):
        throttle.record(refused)
        started = anyio.current_time()
        await throttle.wait(started + 60)
        waits.append(anyio.current_time() - started)
    assert waits[0] >= 0.49
    assert waits[1] >= 0.99


async def test_a_success_ends_the_throttling() -> None:
    throttle = Throttle()
    for _ in range(9):
        throttle.record(Rejected(429, "too many calls"))
    throttle.record(None)
    throttle.record(Rejected(429, "too many calls"))
    with anyio.fail_after(5):
        await throttle.wait(anyio.current_time() + 60)


async def test_a_failed_connection_does_not_throttle_an_account() -> None:
    throttle = Throttle()
    for _ in range(9):
        throttle.record(Rejected(429, "too many calls"))
        throttle.record(NotSent("no connection"))
    with pytest.raises(NotSent):  # 8 s at least
        await throttle.wait(anyio.current_time() + 5)


async def test_a_refused_call_makes_the_next_of_the_account_wait_but_no_other_account() -> None:
    at: list[float] = []

    async def script(conversation: Conversation) -> None:
        at.append(anyio.current_time())
        await conversation.say(good({}) if len(at) > 1 else refusal(429, "TOO_MANY"))

    async with scripted(script) as upstream:
        settings = upstream.settings()
        async with Dispatcher(settings) as slow, Dispatcher(settings) as other:
            assert not (await slow.call(catalog()[READ], {})).successful
            with anyio.fail_after(5):
                assert (await other.call(catalog()[READ], {})).successful
                assert (await slow.call(catalog()[READ], {})).successful
    assert at[2] - at[0] >= 0.49


async def test_a_turn_that_comes_after_the_deadline_is_not_waited_for() -> None:
    async with (
        scripted(says(refusal(429, "TOO_MANY"))) as upstream,
        Dispatcher(upstream.settings(total_timeout=0.3)) as dispatcher,
    ):
        await dispatcher.call(catalog()[SEND], GOOD[SEND])
        result = await dispatcher.call(catalog()[SEND], GOOD[SEND])
    assert len(upstream.requests) == 1
    assert (result.error or "").startswith("ClickSend could not be reached: ClickSend has refused too many calls")
    assert "Nothing was sent. Calling again later is safe." in (result.error or "")
