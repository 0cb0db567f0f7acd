"""The dispatcher: where all calls pass. Each ends in an envelope and a line in the log, whatever happens."""

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from pydantic import ValidationError

from schemas.envelope import Envelope
from schemas.explain import explain
from schemas.web import context_of
from server.calls import error_text
from server.calls.completed import Completed, redacted
from server.calls.journey import Journey
from server.clicksend.flight import Flight
from server.clicksend.session import Session
from server.config.callers import Caller, default_caller
from server.config.settings import Settings
from server.guard.call import Call
from server.guard.decisions import Approved, Question
from server.runtime.progress import has_listener
from tools.action import Action

if TYPE_CHECKING:
    from server.ledger.ledger import Ledger


log = logging.getLogger("clicksend_mcp")


@dataclass(frozen=True)
class _Incoming:
    """A call as it came in, with the answer to an earlier question about it, and its name in the log."""

    action: Action
    arguments: Mapping[str, Any]
    approved: Approved | None
    caller: Caller
    request_id: str
    flight: Flight


class Dispatcher:
    """Runs actions for all callers, each on its own account; an async context manager.

    At its end it waits for the calls that may change something, and closes its connections.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._only_caller = default_caller(settings)
        self._ledger: Ledger | None = None
        self.session = Session(settings)
        self._journey = Journey(settings, self.session, self._the_ledger)
        self._tasks: TaskGroup

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        # Whoever stops the server waits for requests that have left; each has its own deadline.
        self._tasks.cancel_scope.shield = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.__aexit__(None, None, None)
        await self.session.aclose()
        if self._ledger is not None:
            self._ledger.close()

    async def check(self) -> None:
        """Raise LedgerUnavailable unless the ledger can be read."""
        await self._the_ledger().check()

    async def verify(self) -> None:
        """The same with what the operator has to know; LedgerMisconfigured if it will not be read by itself."""
        await anyio.to_thread.run_sync(self._the_ledger().verify)

    async def call(
        self,
        action: Action,
        arguments: Mapping[str, Any],
        approved: Approved | None = None,
        *,
        caller: Caller | None = None,
        request_id: str | None = None,
    ) -> Envelope | Question:
        """The envelope of `run`, for whoever needs no more."""
        outcome = await self.run(action, arguments, approved, caller=caller, request_id=request_id)
        return outcome if isinstance(outcome, Question) else outcome.envelope

    async def run(
        self,
        action: Action,
        arguments: Mapping[str, Any],
        approved: Approved | None = None,
        *,
        caller: Caller | None = None,
        request_id: str | None = None,
    ) -> Completed | Question:
        """Run one action with arguments as the host sent them, or ask for a person's approval first.

        Never raises but for a cancellation. `approved`: the answer to an earlier question. `caller`: if left out, the
        one with the account of the settings. `request_id` names the call in the log.

        A cancelled read ends at once. What may change something runs in a task of its own, which a cancellation
        stops only as long as its request has not left: it must not be cut in half.
        """
        flight = Flight()
        name = request_id or secrets.token_hex(8)
        asked = _Incoming(action, arguments, approved, caller or self._only_caller, name, flight)
        if action.read_only:
            return await self._reported(asked)
        done = anyio.Event()
        outcomes: list[Completed | Question] = []

        async def to_the_end() -> None:
            with flight.scope:
                outcomes.append(await self._reported(asked))
            done.set()

        self._tasks.start_soon(to_the_end)
        try:
            await done.wait()
        except BaseException:
            flight.abandon()
            raise
        (outcome,) = outcomes
        if (
            action.status_route is not None
            and has_listener()
            and isinstance(outcome, Completed)
            and outcome.call is not None
        ):
            from server.calls.follow_up import poll_until_done

            read = partial(self.session.read, outcome.call.credentials)
            await poll_until_done(outcome.call, outcome.envelope, read, self._settings.total_timeout)
        return outcome

    async def _reported(self, asked: _Incoming) -> Completed | Question:
        """What became of a call, also of one that fails in a way nobody has foreseen, and a line in the log."""
        action, credentials = asked.action, asked.caller.credentials
        started = time.monotonic()
        try:
            outcome = redacted(await self._call(asked), credentials)
        except Exception as fault:
            # The text of an unforeseen exception may hold anything, so its kind has to do.
            log.error("%s: %s inside this server", action.slug, type(fault).__name__)
            broken = Completed(Envelope.failure(error_text.broken(action, left=asked.flight.departed)))
            outcome = redacted(broken, credentials)
        result, cost = "awaits-approval", None
        if isinstance(outcome, Completed):
            result, cost = "successful" if outcome.envelope.successful else "failed", outcome.cost
        fields = {
            "request": asked.request_id,
            "action": action.slug,
            "outcome": result,
            "ms": round((time.monotonic() - started) * 1000),
            "caller": asked.caller.name,
            "cost": "" if cost is None else f"{cost:f}",
        }
        log.info("call", extra={"fields": {name: value for name, value in fields.items() if value != ""}})
        return outcome

    async def _call(self, asked: _Incoming) -> Completed | Question:
        action, caller, credentials = asked.action, asked.caller, asked.caller.credentials
        if denial := caller.denial(action):
            return Completed(Envelope.failure(f"{denial}.{error_text.no_effect(action)}"))
        if caller.config_error or credentials is None:
            return Completed(Envelope.failure(f"{caller.config_error}.{error_text.no_effect(action)}"))
        try:
            valid = action.input.model_validate(asked.arguments, context=context_of(self._settings.base_url))
        except ValidationError as refused:
            return Completed(Envelope.failure(error_text.wrong_input(action, explain(refused, action.input))))
        call = Call(action, valid, action.request(valid), caller, credentials, asked.flight)
        return await self._journey.run(call, asked.approved)

    def _the_ledger(self) -> "Ledger":
        """The ledger of all callers, made when the first call needs it."""
        if self._ledger is None:
            from server.ledger.ledger import Ledger, default_location

            self._ledger = Ledger(self._settings.ledger.location or default_location())
        return self._ledger
