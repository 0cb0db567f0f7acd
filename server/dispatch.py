"""One call's journey: validate, send, judge, and an envelope at the end whatever happens."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import anyio
from anyio.abc import TaskGroup
from pydantic import ValidationError

from schemas.base import Arguments
from schemas.envelope import Envelope
from schemas.refusal import explain
from server import wording
from server.cleaning import without_unseen
from server.errors import Declined, NeverReached, NoUsableAnswer
from server.guard.questions import Approved, Question
from server.result import render
from server.settings import Credentials, Settings
from tools.action import Action, Effect, Request

if TYPE_CHECKING:
    from server.client import ClickSend
    from server.guard.gate import Guard, Permit
    from server.guard.ledger import State
    from server.retries import Attempted

log = logging.getLogger("clicksend_mcp")


@dataclass(frozen=True)
class _Call:
    """A validated call on its way."""

    action: Action
    arguments: Arguments
    credentials: Credentials
    passage: "_Passage"


@dataclass
class _Passage:
    """How far a call has come: once its request is leaving, ClickSend may act on it."""

    left: bool = False
    abandoned: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def abandon(self) -> None:
        """Stop the call as soon as that leaves nothing half done."""
        self.abandoned = True
        if not self.left:
            self.scope.cancel()

    def pause(self) -> None:
        """Between two attempts a call may be stopped again: the first had no effect, or may be repeated."""
        self.left = False
        if self.abandoned:
            self.scope.cancel()


class Dispatcher:
    """Runs actions on the account of the settings; an async context manager.

    At its end it waits for the calls that may change something, and closes its connections.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: ClickSend | None = None
        self._guard: Guard | None = None
        self._tasks: TaskGroup

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        # Whoever stops the server waits for requests that have left; each has its own deadline.
        self._tasks.cancel_scope.shield = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.__aexit__(None, None, None)
        if self._client is not None:
            await self._client.aclose()
        if self._guard is not None:
            self._guard.close()

    async def call(
        self, action: Action, arguments: Mapping[str, Any], approved: Approved | None = None
    ) -> Envelope | Question:
        """Run one action with arguments as the host sent them, or ask for a person's approval first.

        Never raises but for a cancellation. `approved`: the answer to an earlier question.

        A cancelled read ends at once. What may change something runs in a task of its own, which a cancellation
        stops only as long as its request has not left: it must not be cut in half.
        """
        if action.read_only:
            return await self._reported(action, arguments, None, _Passage())
        passage = _Passage()
        done = anyio.Event()
        outcomes: list[Envelope | Question] = []

        async def to_the_end() -> None:
            with passage.scope:
                outcomes.append(await self._reported(action, arguments, approved, passage))
            done.set()

        self._tasks.start_soon(to_the_end)
        try:
            await done.wait()
        except BaseException:
            passage.abandon()
            raise
        return outcomes[0]

    async def _reported(
        self, action: Action, arguments: Mapping[str, Any], approved: Approved | None, passage: _Passage
    ) -> Envelope | Question:
        """The envelope of a call, also of one that fails in a way nobody has foreseen, and a line in the log."""
        started = time.monotonic()
        try:
            envelope = await self._call(action, arguments, approved, passage)
        except Exception as fault:
            # The text of an unforeseen exception may hold anything, so its kind has to do.
            log.error("%s: %s inside this server", action.slug, type(fault).__name__)
            envelope = Envelope.failure(wording.broken(action, left=passage.left))
        if isinstance(envelope, Envelope):
            outcome = "successful" if envelope.successful else "not successful"
        else:
            outcome = "awaits approval"
        log.info(
            "%s %s in %.0f ms",
            action.slug,
            outcome,
            (time.monotonic() - started) * 1000,
        )
        return envelope

    async def _call(
        self, action: Action, arguments: Mapping[str, Any], approved: Approved | None, passage: _Passage
    ) -> Envelope | Question:
        credentials = self._settings.credentials
        if self._settings.problem or credentials is None:
            return Envelope.failure(f"{self._settings.problem}.{wording.nothing_happened(action)}")
        try:
            valid = action.input.model_validate(arguments)
        except ValidationError as refused:
            return Envelope.failure(without_unseen(wording.wrong_input(action, explain(refused, action.input))))
        call = _Call(action, valid, credentials, passage)
        envelope = await (self._ask(call, None) if self._is_free(action) else self._guarded(call, approved))
        if isinstance(envelope, Envelope) and envelope.error is not None:
            return Envelope.failure(without_unseen(envelope.error), envelope.data)
        return envelope

    def _is_free(self, action: Action) -> bool:
        """Whether a call needs no guard: it neither sends nor does what the operator's limits are about."""
        policy = self._settings.policy
        guarded = action.effect is Effect.SEND or (action.reach is not None and policy.limited)
        return not guarded and not (action.effect is Effect.DELETE and policy.approval.deletes)

    async def _guarded(self, call: "_Call", approved: Approved | None) -> Envelope | Question:
        """Run a call behind the guard: admitted first, recorded before it leaves and after it has ended."""
        from server.guard.gate import Stopped

        guard = self._guard_of(call.credentials)
        try:
            permit = await guard.admit(call.action, call.arguments, approved)
        except Stopped as stop:
            reason = f"{stop.reason}.{wording.nothing_happened(call.action)}"
            return Envelope.failure(reason, self._data(call, stop.answer))
        return permit if isinstance(permit, Question) else await self._ask(call, permit)

    async def _ask(self, call: "_Call", permit: "Permit | None") -> Envelope:
        """Send a call, judge what came of it, write that down, and put it in an envelope."""
        action = call.action
        try:
            attempted = await self._send(call)
        except NeverReached as fault:
            await self._settle(permit, "refused")
            return Envelope.failure(wording.never_reached(action, fault))
        except Declined as fault:
            if action.effect is Effect.SEND and _accepts_something(action, call.arguments, fault.answer):
                return await self._unknown(
                    call, permit, f"the answer says no ({fault.reason}) and accepts messages all the same", fault.answer
                )
            await self._settle(permit, "refused")
            return Envelope.failure(wording.declined(action, fault), self._data(call, fault.answer))
        except NoUsableAnswer as fault:
            return await self._unknown(call, permit, wording.tried(fault), fault.answer)
        except anyio.get_cancelled_exc_class():
            # Only a call whose request has not left is cancelled.
            with anyio.CancelScope(shield=True):
                await self._settle(permit, "refused")
            raise
        if not attempted.answer and action.may_answer_nothing:
            return Envelope.success("")
        answer = attempted.with_note()
        verdict = action.outcome(call.arguments, answer)
        if verdict is None:
            return await self._unknown(call, permit, "the answer has an unknown shape", answer)
        if verdict.missing:
            await self._settle(permit, "unknown", answer)
        else:
            state: State = "accepted" if verdict.complete else "partly" if verdict.accepted else "refused"
            await self._settle(permit, state, answer)
        if not verdict.complete:
            return Envelope.failure(wording.not_all_accepted(action, verdict), self._data(call, answer))
        return Envelope.success(self._data(call, answer))

    async def _unknown(
        self, call: "_Call", permit: "Permit | None", reason: str, answer: Mapping[str, Any] | None
    ) -> Envelope:
        """A call whose outcome is unknown, after ClickSend's records have been searched for it."""
        told = wording.unknown(call.action, reason)
        if permit is None or self._guard is None:
            return Envelope.failure(told, self._data(call, answer))
        found = await self._guard.find(permit)
        rows = {"data": {"messages": list(found.rows)}} if found is not None else None
        if found is not None and not found.missing:
            await self._guard.settle(permit, "accepted", ids=found.ids)
            note = f"{reason}; ClickSend's records show that all of it was accepted"
            return Envelope.success(self._data(call, {**(rows or {}), "_found": note}))
        await self._guard.settle(permit, "unknown", ids=found.ids if found else ())
        if found is not None and found.rows:
            told += (
                f" {len(found.rows)} are in ClickSend's records ({', '.join(found.ids[:20])}), {found.missing} not yet."
            )
        elif found is not None:
            told += " ClickSend's records do not show it so far: nothing there is certainly from this call."
        return Envelope.failure(told, self._data(call, answer))

    async def _settle(self, permit: "Permit | None", state: "State", answer: Mapping[str, Any] | None = None) -> None:
        if permit is not None and self._guard is not None:
            await self._guard.settle(permit, state, answer)

    def _data(self, call: "_Call", answer: Mapping[str, Any] | None) -> str:
        return render(answer, call.action, call.arguments, self._settings.max_result_tokens)

    async def _send(self, call: "_Call") -> "Attempted":
        return await self._request(call.action, call.action.request(call.arguments), call.credentials, call.passage)

    async def _request(
        self, action: Action, request: Request, credentials: Credentials, passage: _Passage
    ) -> "Attempted":
        """Send a request until it is answered, as often as the table of retries allows and the total deadline lasts."""
        from server.retries import persistently

        client = self._account(credentials)
        deadline = anyio.current_time() + self._settings.total_timeout

        def leaving() -> None:
            passage.left = True

        async def send() -> Mapping[str, Any]:
            passage.left = False  # what came before this attempt did not take effect, or could be repeated
            return await client.send(request, seconds=deadline - anyio.current_time(), leaving=leaving)

        return await persistently(
            send,
            action,
            client.pace,
            attempts=self._settings.attempts,
            deadline=deadline,
            pausing=passage.pause,
        )

    def _account(self, credentials: Credentials) -> "ClickSend":
        """The client of the account, made at the first call: hosts wait for the start, not for httpx."""
        if self._client is None:
            from server.client import ClickSend

            self._client = ClickSend(self._settings, credentials)
        return self._client

    def _guard_of(self, credentials: Credentials) -> "Guard":
        """The guard of the account, with its ledger, made when the first call needs it."""
        if self._guard is None:
            from server.guard.gate import Guard
            from server.guard.ledger import Ledger, default_place

            async def read(action: Action, request: Request) -> Mapping[str, Any]:
                return (await self._request(action, request, credentials, _Passage())).answer

            policy = self._settings.policy
            self._guard = Guard(
                policy,
                f"{self._settings.base_url}\0{credentials.username}",
                Ledger(policy.ledger or default_place()),
                read,
                self._settings.total_timeout,
                self._settings.lookups,
            )
        return self._guard


def _accepts_something(action: Action, arguments: Arguments, answer: Mapping[str, Any] | None) -> bool:
    verdict = action.outcome(arguments, answer or {})
    return verdict is not None and verdict.accepted > 0
