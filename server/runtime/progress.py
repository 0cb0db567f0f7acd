"""Progress: what a call is at, for a caller who has asked to hear it. The call tells, and never waits to be heard."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import anyio

_PAUSE = 0.25  # seconds after each report; what is told meanwhile gives way to what is told last

log = logging.getLogger("clicksend_mcp")

Outcome = TypeVar("Outcome")
Send = Callable[[float, float | None, str], Awaitable[None]]  # how far, of how much if that is known, and a message


@dataclass(frozen=True)
class _Report:
    done: int
    total: int | None
    message: str


class Progress:
    """What one call has told last. Its numbers only grow, as MCP wants them, whatever stages the call goes through."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._newest = _Report(-1, None, "")
        self._news = anyio.Event()

    def note(self, message: str, done: int | None, total: int | None) -> None:
        """Take note of a stage, or of how far it has come where it can be counted."""
        last = self._newest
        done = done if done is not None and done > last.done else last.done + 1
        total = last.total if total is None else total
        self._newest = _Report(done, total if total is not None and done <= total else None, message)
        self._news.set()

    async def pass_on(self, send: Send) -> None:
        """Pass on what is told, until cancelled."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            try:
                await send(self._newest.done, self._newest.total, self._newest.message)
            except Exception as fault:  # whatever becomes of progress, the call goes on
                log.warning("progress could not be passed on: %s", type(fault).__name__)
                return
            await anyio.sleep(_PAUSE)


_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


def has_listener() -> bool:
    """Whether anybody has asked to hear what the present call tells."""
    return _listener.get() is not None


def elapsed() -> float:
    """Seconds since somebody began to wait for the present call; 0 if nobody listens."""
    progress = _listener.get()
    return 0.0 if progress is None else time.monotonic() - progress.began


def report(message: str, done: int | None = None, total: int | None = None) -> None:
    """Tell whoever waits for the present call what it is at: a short sentence for people, without anything private.

    `done` of `total`, where it can be counted.
    """
    progress = _listener.get()
    if progress is not None:
        progress.note(message, done, total)


async def with_progress(call: Awaitable[Outcome], send: Send) -> Outcome:
    """Wait for a call, and pass on meanwhile what it tells; nothing of that comes after its end, nor holds it up."""
    progress = Progress()
    fault: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(progress.pass_on, send)
        before = _listener.set(progress)
        try:
            outcome = await call
        except Exception as raised:  # kept out of the task group, which would wrap it
            fault = raised
        finally:
            _listener.reset(before)
        tasks.cancel_scope.cancel()
    if fault is not None:
        raise fault
    return outcome
