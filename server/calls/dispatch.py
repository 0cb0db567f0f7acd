"""The dispatcher, which all calls pass through. Each ends with an envelope and a line in the log, whatever happens."""

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
    """A call as it came in. `approved`: the answer to an earlier question; `request_id`: its name in the log."""

    action: Action
    arguments: Mapping[str, Any]
    approved: Approved | None
    caller: Caller
    request_id: str
    flight: Flight


class Dispatcher:
    """Runs actions for all callers, each on its own account; an async context manager.

    On exit it waits for the calls that may change something, and closes its connections.
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
        # A stop of the server waits for requests that have departed; each has its own deadline.
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
        """The same in detail, for the operator: raises LedgerMisconfigured if only a person can make it readable."""
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
        """As `run`, with only the envelope of what it returns."""
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

        Raises nothing but cancellation. `approved`: the answer to an earlier question. `caller`: the one with the
        account of the settings if left out. `request_id` names the call in the log.

        A cancelled read ends at once. A call that may change something is stopped only as long as its request has not
        departed: it must not be cut in half.
        """
        name = request_id or secrets.token_hex(8)
        incoming = _Incoming(action, arguments, approved, caller or self._only_caller, name, Flight())
        if action.read_only:
            return await self._logged(incoming)
        outcome = await self._in_own_task(incoming)
        if action.status_route is not None and has_listener() and isinstance(outcome, Completed):
            await self._follow_up(outcome)
        return outcome

    async def _in_own_task(self, incoming: _Incoming) -> Completed | Question:
        """The outcome of a call in a task of its own, which outlives a cancellation once its request has departed."""
        done = anyio.Event()
        outcomes: list[Completed | Question] = []

        async def run_to_end() -> None:
            with incoming.flight.scope:
                outcomes.append(await self._logged(incoming))
            done.set()

        self._tasks.start_soon(run_to_end)
        try:
            await done.wait()
        except BaseException:
            incoming.flight.abandon()
            raise
        (outcome,) = outcomes
        return outcome

    async def _follow_up(self, completed: Completed) -> None:
        """Report the progress of what ClickSend goes on doing after its answer."""
        if completed.call is None:
            return
        from server.calls.follow_up import poll_until_done

        read = partial(self.session.read, completed.call.credentials)
        await poll_until_done(completed.call, completed.envelope, read, self._settings.total_timeout)

    async def _logged(self, incoming: _Incoming) -> Completed | Question:
        """The outcome of a call, even if an unforeseen exception ends it; writes its line of the log."""
        started = time.monotonic()
        outcome = await self._redacted(incoming)
        result, cost = "awaits-approval", None
        if isinstance(outcome, Completed):
            result, cost = "successful" if outcome.envelope.successful else "failed", outcome.cost
        fields = {
            "request": incoming.request_id,
            "action": incoming.action.slug,
            "outcome": result,
            "ms": round((time.monotonic() - started) * 1000),
            "caller": incoming.caller.name,
            "cost": "" if cost is None else f"{cost:f}",
        }
        log.info("call", extra={"fields": {name: value for name, value in fields.items() if value != ""}})
        return outcome

    async def _redacted(self, incoming: _Incoming) -> Completed | Question:
        """The outcome without the account's secret; a failure for an exception that nobody has foreseen."""
        credentials = incoming.caller.credentials
        try:
            return redacted(await self._call(incoming), credentials)
        except Exception as fault:
            # The text of an unforeseen exception may hold anything, so only its type is logged.
            log.error("%s: %s inside this server", incoming.action.slug, type(fault).__name__)
            broken = error_text.broken(incoming.action, departed=incoming.flight.departed)
            return redacted(Completed(Envelope.failure(broken)), credentials)

    async def _call(self, incoming: _Incoming) -> Completed | Question:
        action, caller, credentials = incoming.action, incoming.caller, incoming.caller.credentials
        if denial := caller.denial(action):
            return Completed(Envelope.failure(f"{denial}.{error_text.no_effect(action)}"))
        if caller.config_error or credentials is None:
            return Completed(Envelope.failure(f"{caller.config_error}.{error_text.no_effect(action)}"))
        try:
            valid = action.input.model_validate(incoming.arguments, context=context_of(self._settings.base_url))
        except ValidationError as refused:
            return Completed(Envelope.failure(error_text.wrong_input(action, explain(refused, action.input))))
        call = Call(action, valid, action.request(valid), caller, credentials, incoming.flight)
        return await self._journey.run(call, incoming.approved)

    def _the_ledger(self) -> "Ledger":
        """The ledger of all callers, made at the first call that needs it."""
        if self._ledger is None:
            from server.ledger.ledger import Ledger, default_location

            self._ledger = Ledger(self._settings.ledger.location or default_location())
        return self._ledger
