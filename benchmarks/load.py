"""The load: which calls are made, and the loop that makes them, one at a time or concurrently."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from os import getpid
from typing import Any

SEND = "CLICKSEND_CREATE_SMS_SEND"
READ = "CLICKSEND_GET_SMS_HISTORY"
RAMP = 0.5  # seconds
Arguments = dict[str, Any]
Calls = Iterator[tuple[str, Arguments]]
Call = Callable[[str, Arguments], Awaitable[None]]

_numbers = count(1)


@dataclass(frozen=True)
class Work:
    """What to do: `kind` is read, send, mixed, batch or wrong; either `calls` in total, or as many as `seconds` allow.

    The server itself refuses a wrong call, which never reaches the upstream.
    """

    kind: str
    in_flight: int = 1
    calls: int = 0
    seconds: float = 0.0


@dataclass
class Measured:
    """The result: the seconds each call took, how many were answered in how many seconds, how many were made."""

    latencies: list[float] = field(default_factory=list)
    answered: int = 0
    seconds: float = 0.0
    made: int = 0


def message(number: int) -> Arguments:
    """A unique SMS: our server would not send a duplicate."""
    return {
        "to": f"+614{number % 10_000_000:08d}",
        "body": f"Hi Ana, your parcel {number} is ready at the front desk until 6 pm.",
        "custom_string": f"bench-{getpid()}-{number}",
    }


def calls_of(kind: str) -> Calls:
    """Tools and arguments, endlessly."""
    for turn in count():
        if kind == "wrong":
            yield READ, {"limit": 15, "oder_by": "date"}
        elif kind == "read" or (kind == "mixed" and turn % 2):
            yield READ, {"limit": 15}
        else:
            yield SEND, {"messages": [message(next(_numbers)) for _ in range(1000 if kind == "batch" else 1)]}


async def run(call: Call, calls: Calls, work: Work) -> Measured:
    """Keep `in_flight` calls running.

    With `seconds`, answers in the first half second do not count, nor answers after the end. The end is postponed until
    `in_flight` answers have come.
    """
    measured = Measured()
    begin = time.perf_counter()
    first, last = (0.0, 0.0) if work.calls else (begin + RAMP, begin + RAMP + work.seconds)
    over = False

    async def worker() -> None:
        nonlocal over
        while measured.made < work.calls if work.calls else not over:
            measured.made += 1
            slug, arguments = next(calls)
            start = time.perf_counter()
            await call(slug, arguments)
            end = time.perf_counter()
            if end >= first and not over:
                measured.latencies.append(end - start)
                measured.answered += 1
                measured.seconds = end - (first or begin)
                over = not work.calls and end >= last and measured.answered >= work.in_flight

    async with asyncio.TaskGroup() as tasks:
        for _ in range(work.in_flight):
            tasks.create_task(worker())
    return measured
