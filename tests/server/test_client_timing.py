"""The ClickSend client and time: deadlines, the moment a request departs, and cancelled calls."""

import socket
from contextlib import ExitStack

import anyio
import pytest
from support.scripted import (
    PATIENCE,
    SECRET,
    USERNAME,
    OneAccount,
    Upstream,
    answer,
    drops,
    envelope,
    good,
    keeps_silent,
    says,
    says_when_released,
    scripted,
    trickles,
)

from server.clicksend.errors import ClickSendError, NotSent, OutcomeUnknown
from server.clicksend.flight import Flight
from server.config.settings import Credentials, Settings
from tools.route import Request

pytestmark = pytest.mark.anyio

READ = Request("GET", "/v3/account")
SEND = Request("POST", "/v3/sms/send", body={"messages": [{"to": "+61411111111", "body": "Hello"}]})
POOL = 100  # connections at once


async def fault_of(settings: Settings, seconds: float | None = None) -> tuple[ClickSendError, bool]:
    """The error of one call that must fail, and whether its request departed."""
    flight = Flight()
    clicksend = OneAccount(settings)
    try:
        with anyio.fail_after(5), pytest.raises(ClickSendError) as caught:
            await clicksend.send(SEND, flight, seconds)
        return caught.value, flight.departed
    finally:
        await clicksend.aclose()


def full_backlog(sockets: ExitStack) -> str:
    """The URL of a host that does not accept connections."""
    listener = sockets.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(4):  # fills the backlog, so that the next connection hangs
        waiting = sockets.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_host_that_does_not_accept_is_given_up_at_the_connect_timeout() -> None:
    with ExitStack() as sockets:
        settings = Settings(Credentials("ana", "secret"), base_url=full_backlog(sockets), connect_timeout=0.2)
        fault, departed = await fault_of(settings)
    assert isinstance(fault, NotSent)
    assert (fault.reason, departed) == (f"no connection to {settings.base_url.removeprefix('http://')} in time", False)


async def test_a_total_timeout_before_there_is_a_connection_means_not_sent() -> None:
    with ExitStack() as sockets:
        fault, departed = await fault_of(Settings(Credentials("ana", "secret"), base_url=full_backlog(sockets)), 0.2)
    assert isinstance(fault, NotSent)
    assert (fault.reason, departed) == ("no connection within 0.2 s", False)


async def test_a_total_timeout_after_the_request_departed_means_outcome_unknown() -> None:
    async with scripted(keeps_silent) as upstream:
        fault, departed = await fault_of(upstream.settings(), 0.2)
    assert isinstance(fault, OutcomeUnknown)
    assert (fault.reason, fault.transient, departed) == ("no complete answer within 0.2 s", False, True)


async def test_silence_ends_at_the_read_timeout() -> None:
    async with scripted(keeps_silent) as upstream:
        fault, departed = await fault_of(upstream.settings(read_timeout=0.2))
        await upstream.wait(upstream.hung_up)
    assert isinstance(fault, OutcomeUnknown)
    assert (fault.reason, departed) == ("the answer did not come in time", True)
    assert len(upstream.requests) == 1


async def test_a_trickle_of_bytes_ends_at_the_total_timeout() -> None:
    async with scripted(trickles(good("x" * 1000), pause=0.02)) as upstream:
        fault, _ = await fault_of(upstream.settings(read_timeout=5, total_timeout=0.3))
    assert isinstance(fault, OutcomeUnknown)
    assert fault.reason == "no complete answer within 0.3 s"


async def test_a_request_departs_when_there_is_a_connection_and_before_it_arrives() -> None:
    seen: list[tuple[int, int]] = []

    class Noting(Flight):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "departed" and value:
                seen.append((upstream.connections, len(upstream.requests)))
            super().__setattr__(name, value)

    async with scripted(says(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings())
        for _ in range(2):  # the second time on the connection that is there
            await clicksend.send(READ, Noting())
        await clicksend.aclose()
    # The other end accepts a first connection only after this end has it.
    assert seen in ([(0, 0), (1, 1)], [(1, 0), (1, 1)])


async def test_a_request_does_not_depart_on_a_refused_connection() -> None:
    async with scripted(drops) as upstream:
        settings = upstream.settings()
    fault, departed = await fault_of(settings)
    assert (type(fault), departed) == (NotSent, False)


async def test_a_dropped_request_has_departed() -> None:
    async with scripted(drops) as upstream:
        fault, departed = await fault_of(upstream.settings())
    assert (type(fault), departed) == (OutcomeUnknown, True)


# --- through a proxy -----------------------------------------------------------------------------


def through(proxy: Upstream, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that reach a remote ClickSend through a proxy from the environment."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    return Settings(Credentials(USERNAME, SECRET), base_url="https://clicksend.invalid", read_timeout=5)


async def test_a_request_does_not_depart_through_a_proxy_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(keeps_silent) as proxy:
        fault, departed = await fault_of(through(proxy, monkeypatch), 0.3)
    assert proxy.requests[0].line.startswith("CONNECT clicksend.invalid:443")
    assert (type(fault), fault.reason, departed) == (NotSent, "no connection within 0.3 s", False)


async def test_a_request_does_not_depart_through_a_proxy_that_drops_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted(drops) as proxy:
        fault, departed = await fault_of(through(proxy, monkeypatch))
    assert len(proxy.requests) == 1
    assert (type(fault), fault.reason, departed) == (NotSent, "the connection to clicksend.invalid:443 broke", False)


async def test_a_request_does_not_depart_through_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(says(answer(502))) as proxy:
        fault, departed = await fault_of(through(proxy, monkeypatch))
    assert (type(fault), departed) == (NotSent, False)
    assert "authorization" not in proxy.requests[0].headers


# --- a full pool ---------------------------------------------------------------------------------


async def full(upstream: Upstream) -> None:
    """Wait until every connection of the pool has a request."""
    with anyio.fail_after(PATIENCE):
        while len(upstream.requests) < POOL:  # noqa: ASYNC110 - bounded above
            await anyio.sleep(0.01)


async def test_a_full_pool_is_waited_for_up_to_the_connect_timeout() -> None:
    flight = Flight()
    async with scripted(says_when_released(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings(connect_timeout=1.0))
        async with anyio.create_task_group() as tasks:
            for _ in range(POOL):
                tasks.start_soon(clicksend.send, READ)
            await full(upstream)
            with pytest.raises(NotSent) as caught, anyio.fail_after(5):
                await clicksend.send(SEND, flight)
            upstream.released.set()
        await clicksend.aclose()
    assert caught.value.reason == "too many calls at once, none of the connections became free"
    assert (len(upstream.requests), flight.departed) == (POOL, False)


async def test_a_total_timeout_in_a_full_pool_means_not_sent() -> None:
    async with scripted(says_when_released(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings())
        async with anyio.create_task_group() as tasks:
            for _ in range(POOL):
                tasks.start_soon(clicksend.send, READ)
            await full(upstream)
            with pytest.raises(NotSent) as caught:
                await clicksend.send(SEND, seconds=0.2)
            upstream.released.set()
        await clicksend.aclose()
    assert caught.value.reason == "no connection within 0.2 s"
    assert len(upstream.requests) == POOL


# --- cancellations -------------------------------------------------------------------------------


async def test_a_cancelled_call_closes_its_connection_at_once() -> None:
    async with scripted(says_when_released(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clicksend.send, READ)
            await upstream.wait(upstream.arrived)
            tasks.cancel_scope.cancel()
        await upstream.wait(upstream.hung_up)
        await clicksend.aclose()


async def test_a_call_that_is_cancelled_before_it_starts_sends_nothing() -> None:
    async with scripted(says(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings())
        with anyio.CancelScope() as scope:
            scope.cancel()
            await clicksend.send(SEND)
        assert (await clicksend.send(READ)).body == envelope(
            {}
        )  # had the other one departed, it would have arrived before
        await clicksend.aclose()
    assert scope.cancelled_caught
    assert [request.line for request in upstream.requests] == ["GET /v3/account HTTP/1.1"]
