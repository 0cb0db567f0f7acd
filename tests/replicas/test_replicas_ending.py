"""Replicas that end while callers are at work: killed, nothing is sent twice or lost untold; asked, no call fails."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fleet import ACCOUNTS, PATIENCE, Fleet, Replica, fleet, until
from fleet_calls import ERAS, Answer, Caller
from support.guarding import BO, MMS, Place

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

CALLERS = 12
BROKEN = (0, 502)  # the connection broke, or nginx says that the replica's did
PAUSE = 0.1  # seconds between a caller's calls, so that replicas that start have a share of the machine
ABANDONED = 100  # seconds after which a send whose process is gone is looked up


@dataclass
class Work:
    """What callers do all the time until it is over: each sends text after text."""

    running: Fleet
    again: bool  # whether a call that breaks off is made again, with the same arguments
    done: bool = False
    told: dict[str, Answer] = field(default_factory=dict)  # by text, the last answer about it
    broken: list[Answer] = field(default_factory=list)

    async def caller(self, number: int) -> None:
        """One of them."""
        async with Caller(self.running.url, ACCOUNTS[number % 3], ERAS[number % 2]) as caller:
            for count in itertools.count():
                if self.done:
                    return
                await self.send(caller, f"{caller.username} {number}-{count}")
                await asyncio.sleep(PAUSE)

    async def send(self, caller: Caller, body: str, url: str | None = None) -> None:
        """Send one text, until there is an answer if broken calls are made again."""
        answer = await send(caller, body, url)
        while answer.status in BROKEN:
            self.broken.append(answer)
            if not self.again:
                return
            answer = await send(caller, body)
        self.told[body] = answer

    async def more(self) -> None:
        """Wait until everybody has had time for some calls more."""
        enough = len(self.told) + 3 * CALLERS
        await until(lambda: len(self.told) >= enough, "more calls")


async def send(caller: Caller, body: str, url: str | None = None) -> Answer:
    """Send one text; what is to be held goes as a picture, so that the order to hold it meets nothing else."""
    if not body.startswith("held"):
        return await caller.send(body, url=url)
    message = {"to": BO, "subject": "Held", "body": body}
    return await caller.call("CREATE_MMS_SEND", {**MMS, "messages": [message]}, url=url)


@asynccontextmanager
async def at_work(running: Fleet, *, again: bool) -> AsyncIterator[Work]:
    """Callers at work; on the way out they finish the calls they have begun."""
    work = Work(running, again)
    async with asyncio.TaskGroup() as callers:
        for number in range(CALLERS):
            callers.create_task(work.caller(number))
        await work.more()
        yield work
        work.done = True


async def held(running: Fleet, replica: Replica, work: Work, body: str) -> "asyncio.Task[None]":
    """A call at one replica whose message has been sent, and whose answer ClickSend keeps back for a while."""
    order = {"kind": "delay", "when": "after", "seconds": 4, "method": "POST", "path": "/v3/mms/send"}
    running.control("POST", "faults", order)

    async def call() -> None:
        async with Caller(running.url, "acme") as caller:
            await work.send(caller, body, url=replica.url)

    task = asyncio.create_task(call())
    await until(lambda: body in running.bodies(), "a send")
    return task


async def test_a_killed_replica_leaves_nothing_sent_twice_and_nothing_lost_untold(
    postgres: Place, tmp_path: Path
) -> None:
    async with fleet(tmp_path, postgres, 3) as three:
        victim = three.replicas[0]
        async with at_work(three, again=True) as work:
            cut = await held(three, victim, work, "held and cut off")
            await victim.end(signal.SIGKILL)
            await cut
            await work.more()
            await victim.start()
            await work.more()
        assert work.broken
        assert "is under way" in work.told["held and cut off"].error
        bodies = three.bodies()
        assert {body: count for body, count in bodies.items() if count != 1} == {}
        open_ones = {body for body, answer in work.told.items() if "is under way" in answer.error}
        for body in work.told.keys() - open_ones:
            assert _accepted(work.told[body]), (body, work.told[body].error)
            assert bodies[body] == 1
        assert bodies.keys() <= work.told.keys()

        # Some minutes later the abandoned ones are found in ClickSend's records, or told as unknown.
        postgres.age(ABANDONED)
        for body in sorted(open_ones):
            async with Caller(three.url, "acme" if body.startswith("held") else body.split()[0]) as caller:
                answer = await send(caller, body)
            assert _accepted(answer) or "its outcome is unknown" in answer.error, answer
            assert not _accepted(answer) or bodies[body] == 1
            work.told[body] = answer
        assert _accepted(work.told["held and cut off"])
        assert three.bodies() == bodies


async def test_replicas_are_restarted_in_turn_and_no_call_fails(postgres: Place, tmp_path: Path) -> None:
    async with fleet(tmp_path, postgres, 2) as two:
        async with at_work(two, again=False) as work:
            for replica in two.replicas:
                slow = await held(two, replica, work, f"held by {replica.port}")
                assert await replica.end(signal.SIGTERM) == 0
                await slow
                before = len(replica.served())
                await replica.start()
                await until(lambda one=replica, old=before: len(one.served()) > old + CALLERS, "further calls")
        assert work.broken == []
        assert {answer.error for answer in work.told.values() if not answer.envelope.get("successful")} == set()
        assert two.bodies() == dict.fromkeys(work.told, 1)
        await until(lambda: len(two.tried()) >= len(work.told) - 2, "the log of nginx")
        assert {status for _, status in two.tried().values()} == {"200"}
        # While one was away, calls found their way to the other.
        assert any(len(tried) > 1 for tried, _ in two.tried().values())


def _accepted(answer: Answer) -> bool:
    """Whether a caller has been told that the message was accepted, now or before."""
    return bool(answer.envelope.get("successful")) or "The same call was accepted" in answer.error


async def test_who_has_connected_when_a_replica_is_asked_to_end_is_still_answered(
    postgres: Place, tmp_path: Path
) -> None:
    async with fleet(tmp_path, postgres, 1) as alone, AsyncExitStack() as stack:
        (replica,) = alone.replicas
        assert replica.process is not None
        callers = [await stack.enter_async_context(Caller(replica.url)) for _ in range(8)]
        # It stands still, so that they are connected, and have sent their calls, before it takes any of them in.
        replica.process.send_signal(signal.SIGSTOP)
        calls = [asyncio.create_task(caller.send(f"waits {number}")) for number, caller in enumerate(callers)]
        await until(lambda: _waiting_at(replica.port) >= len(callers), "connections")
        replica.process.send_signal(signal.SIGTERM)
        replica.process.send_signal(signal.SIGCONT)
        answers = await asyncio.gather(*calls)
        async with asyncio.timeout(PATIENCE):
            assert await replica.process.wait() == 0
        assert [(one.status, one.error) for one in answers if not one.envelope.get("successful")] == []
        assert alone.bodies() == {f"waits {number}": 1 for number in range(len(callers))}


def _waiting_at(port: int) -> int:
    """How many connections wait to be accepted at a port, as Linux tells it."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if state == "0A" and local == f"0100007F:{port:04X}":
            return int(queues.partition(":")[2], 16)
    return 0
