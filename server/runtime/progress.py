"""Progress: reports of a call to a caller who asked for them. Reporting never delays the call."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import anyio

_MIN_INTERVAL = 0.25  # seconds between reports; intermediate ones are dropped

log = logging.getLogger("clicksend_mcp")

Outcome = TypeVar("Outcome")
Send = Callable[[float, float | None, str], Awaitable[None]]  # progress, total if known, message


@dataclass(frozen=True)
class _Report:
    done: int
    total: int | None
    message: str


class Progress:
    """The newest report of one call. Its numbers only grow, as MCP requires, through all stages of the call."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._latest = _Report(-1, None, "")
        self._changed = anyio.Event()

    def note(self, message: str, done: int | None, total: int | None) -> None:
        """Record a stage of the call, or its progress within one: `done` of `total`."""
        previous = self._latest
        done = done if done is not None and done > previous.done else previous.done + 1
        total = previous.total if total is None else total
        self._latest = _Report(done, total if total is not None and done <= total else None, message)
        self._changed.set()

    async def forward(self, send: Send) -> None:
        """Send reports until cancelled, or until sending fails."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            try:
                await send(self._latest.done, self._latest.total, self._latest.message)
            except Exception as fault:  # the call goes on without progress
                log.warning("progress could not be passed on: %s", type(fault).__name__)
                return
            await anyio.sleep(_MIN_INTERVAL)


_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


def has_listener() -> bool:
    """Whether the caller of the current call asked for progress."""
    return _listener.get() is not None


def elapsed() -> float:
    """Seconds since the current call began; 0 without a listener."""
    progress = _listener.get()
    return 0.0 if progress is None else time.monotonic() - progress.started


def report(message: str, done: int | None = None, total: int | None = None) -> None:
    """Report a stage of the current call: a short sentence for people, without anything private.

    `done` of `total`, if it can be counted. Does nothing without a listener.
    """
    progress = _listener.get()
    if progress is not None:
        progress.note(message, done, total)


async def with_progress(call: Awaitable[Outcome], send: Send) -> Outcome:
    """Await a call and send its progress meanwhile; no report follows its end or delays it."""
    progress = Progress()
    fault: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.forward, send)
        token = _listener.set(progress)
        try:
            outcome = await call
        except Exception as raised:  # the task group would wrap it
            fault = raised
        finally:
            _listener.reset(token)
        tasks.cancel_scope.cancel()
    if fault is not None:
        raise fault
    return outcome
