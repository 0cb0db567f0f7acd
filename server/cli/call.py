"""The command `call`: one action for people and scripts, exactly as the server would run it."""

import errno
import json
import os
import sys
import time
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import anyio
import anyio.to_thread

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.calls.error_text import no_effect
from server.config.settings import Settings
from server.guard.decisions import Approved, NotApproved, Question
from server.runtime.logs import configure
from server.runtime.progress import with_progress
from server.runtime.signals import stop_signal
from server.runtime.streams import Unwritten, complain, reason
from tools.action import Action, Effect

_USUAL_COLUMNS = 80  # of a terminal that does not say how many it has
_BAR = 30  # columns
_UNPRINTED = 3  # exit status: the call was made, and its result could not be written
_TICK = 0.5  # seconds, for the clock beside a wait


class WrongUse(Exception):
    """Something on the command line cannot be used; the text says why."""


def arguments_from(text: str) -> Mapping[str, Any]:
    """The arguments of a call from a JSON text, or from stdin for `-`. Raises WrongUse."""
    try:
        raw = sys.stdin.buffer.read() if text == "-" else text.removeprefix("\ufeff").encode()
    except UnicodeEncodeError:
        raise WrongUse("the arguments are not JSON: they are not UTF-8 text") from None
    except OSError as fault:
        raise WrongUse(f"the arguments cannot be read from stdin: {reason(fault)}") from None
    try:
        arguments = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise WrongUse(f"the arguments are not JSON: {_json_problem(raw, fault)}") from None
    if not isinstance(arguments, dict):
        raise WrongUse("the arguments must be a JSON object, such as '{\"list_id\": 17}'")
    return arguments


def _json_problem(raw: bytes, fault: Exception) -> str:
    """What is wrong with a JSON text, and where."""
    if not raw.strip():
        return "there is nothing"
    if isinstance(fault, json.JSONDecodeError):
        quoted = (
            "; JSON has double quotes, which a shell keeps if all of it is in single ones" if b'"' not in raw else ""
        )
        return f"{fault.msg} at line {fault.lineno}, column {fault.colno}{quoted}"
    if isinstance(fault, UnicodeDecodeError):
        return f"byte {fault.start + 1} is not UTF-8 text"
    return "it is nested too deeply" if isinstance(fault, RecursionError) else "a number has too many digits"


def run(
    action: Action,
    arguments: Mapping[str, Any],
    opened_settings: AbstractAsyncContextManager[Settings],
    *,
    data_alone: bool = False,
) -> NoReturn:
    """Call an action, print its envelope or its data alone, and end the process.

    The exit status is 0 if the call was successful, 1 if not, 3 if its result could not be written to stdout, and
    128 + N for signal N. Raises WrongUse for an action that the operator does not offer.
    """
    result = anyio.run(_run, action, arguments, opened_settings)
    if isinstance(result, Envelope):
        status = _status_after_printing(result, action, data_alone)
    else:
        status = 128 + result.signal
        complain(_interrupted(action, result))
    # A thread may still be reading from the terminal, and would keep the process alive.
    os._exit(status)


def _status_after_printing(envelope: Envelope, action: Action, data_alone: bool) -> int:
    try:
        _print(envelope, data_alone)
    except (Unwritten, KeyboardInterrupt) as fault:
        # A reader that has closed the pipe, such as head, has what it wanted.
        if not (isinstance(fault, Unwritten) and fault.errno == errno.EPIPE):
            why = reason(fault) if isinstance(fault, Unwritten) else "interrupted"
            complain(_outcome_unprinted(envelope, action, why))
            return _UNPRINTED
    return 0 if envelope.successful else 1


def _print(envelope: Envelope, data_alone: bool) -> None:
    """Write to stdout: one line for programs, or indented JSON without control characters for a terminal."""
    if data_alone and envelope.error:
        complain(" ".join(_printable(envelope.error).split("\n")))
    text = envelope.data if data_alone else envelope.model_dump_json(exclude_none=True)
    if not text:
        return
    if sys.stdout.isatty():
        text = _readable(text, data_alone)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def _readable(text: str, data_alone: bool) -> str:
    """JSON over several lines, with the JSON text in `data` as JSON."""
    shown = json.loads(text)
    if not data_alone and shown["data"]:
        with suppress(ValueError, RecursionError):
            shown["data"] = json.loads(shown["data"])
    lines = json.dumps(shown, indent=2, ensure_ascii=False)
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in lines
    )


def _outcome_unprinted(envelope: Envelope, action: Action, why: str) -> str:
    """What came of a call whose result could not be printed, lest it is taken for a failure and repeated."""
    lost = f"the result could not be written ({why})"
    if not envelope.successful:
        return f"{lost}; the call was not successful: {' '.join(_printable(envelope.error or '').split())}"
    if action.effect is Effect.SEND:
        return f"{lost}, but it WAS sent: do not call again; `clicksend-mcp ledger` shows it"
    return lost if action.read_only else f"{lost}, but the call was successful: do not call again"


@dataclass(frozen=True)
class Interrupted:
    """A signal that came before the envelope, and whether the call certainly had not departed by then."""

    signal: int
    before_departure: bool


def _interrupted(action: Action, interrupted: Interrupted) -> str:
    if action.effect is not Effect.SEND:
        return "interrupted"
    if interrupted.before_departure:
        return "interrupted before the question was answered: nothing was sent"
    return "interrupted; `clicksend-mcp ledger` shows whether it was sent"


async def _run(
    action: Action, arguments: Mapping[str, Any], opened_settings: AbstractAsyncContextManager[Settings]
) -> Envelope | Interrupted:
    """The envelope, or the signal that came before it. A paid request that has departed is waited for in both cases."""
    envelope: Envelope | None = None
    stopped_by = 0
    prompt = _Prompt()
    async with opened_settings as settings:
        configure(settings.log_level, settings.log_format)
        if action.slug not in settings.surface.slugs:
            raise WrongUse(f"{action.slug} is switched off by the settings of this server")
        # The dispatcher exits last, and finishes what has departed.
        async with Dispatcher(settings) as dispatcher, anyio.create_task_group() as tasks:

            async def stop_on_signal() -> None:
                nonlocal stopped_by
                stopped_by = await stop_signal()
                tasks.cancel_scope.cancel()

            tasks.start_soon(stop_on_signal)
            envelope = await _called(dispatcher, action, arguments, settings.limits.approval_seconds, prompt)
            tasks.cancel_scope.cancel()
    return envelope or Interrupted(stopped_by, prompt.is_open)


@dataclass
class _Prompt:
    """Whether a person is being asked, before anything has departed."""

    is_open: bool = False


async def _called(
    dispatcher: Dispatcher, action: Action, arguments: Mapping[str, Any], seconds: float, prompt: _Prompt
) -> Envelope:
    """The envelope of a call, after a person at the terminal has been asked if that is required."""
    outcome = await _with_status_line(dispatcher.call(action, arguments))
    if isinstance(outcome, Question):
        prompt.is_open = True
        decision = await _ask(outcome, seconds)
        prompt.is_open = False
        if isinstance(decision, NotApproved):
            return Envelope.failure(f"{decision.reason}.{no_effect(action)}")
        outcome = await _with_status_line(dispatcher.call(action, arguments, decision))
    if isinstance(outcome, Question):
        changed = "What was approved has changed meanwhile, for example its price; call again to be asked again"
        return Envelope.failure(f"{changed}.{no_effect(action)}")
    return outcome


async def _ask(question: Question, seconds: float) -> Approved | NotApproved:
    """Ask the person at the terminal; anything but a plain yes is a no. `seconds`: how long to wait for the answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return NotApproved(
            f"{question.text}\nThis needs a person's approval, and there is no terminal on which to ask for it"
        )
    print(f"{_printable(question.text)} [y/N] ", end="", file=sys.stderr, flush=True)
    with anyio.move_on_after(seconds):
        answer = await anyio.to_thread.run_sync(sys.stdin.buffer.readline, abandon_on_cancel=True)
        if answer.strip().lower() in (b"y", b"yes"):
            return Approved(question.token)
        return NotApproved("The person who was asked did not approve it")
    print(file=sys.stderr)
    return NotApproved("The person who was asked did not answer in time")


def _printable(text: str) -> str:
    """A text of several lines without control characters, which could command the terminal."""
    return "\n".join("".join(filter(str.isprintable, line)) for line in text.split("\n"))


async def _with_status_line(call: Awaitable[Envelope | Question]) -> Envelope | Question:
    """Wait for a call, with its progress on the terminal if there is one."""
    if not sys.stderr.isatty():
        return await call
    line = _StatusLine()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.tick)
            outcome = await with_progress(call, line.show)
            tasks.cancel_scope.cancel()
    finally:
        line.clear()
    return outcome


def _columns() -> int:
    with suppress(OSError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


class _StatusLine:
    """The last line of the terminal: what a call is doing, since when, and how far it is where that can be counted."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._text = ""
        self._width = 0  # of what the terminal shows now

    async def show(self, done: float, total: float | None, message: str) -> None:
        """Show the newest report."""
        self._text = (_bar(done / total) if total else "") + _printable(message)
        self._refresh()

    async def tick(self) -> None:
        """Keep the clock running until cancelled."""
        while True:
            await anyio.sleep(_TICK)
            self._refresh()

    def clear(self) -> None:
        """Take it off the terminal."""
        self._write("")  # blanks over the line
        self._write("")  # back to its beginning

    def _refresh(self) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        if self._text:
            self._write(f"{self._text} [{minutes:02}:{seconds:02}]"[: _columns() - 1])

    def _write(self, line: str) -> None:
        """Write over what the terminal shows, blanks over what is longer."""
        print(f"\r{line.ljust(self._width)}", end="", file=sys.stderr, flush=True)
        self._width = len(line)


def _bar(share: float) -> str:
    block = "█" if "utf" in sys.stderr.encoding.lower() else "#"
    return f"{share:4.0%}|{block * int(share * _BAR):{_BAR}}| "
