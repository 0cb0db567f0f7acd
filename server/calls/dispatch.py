"""One call's journey: validate, send, judge, and an envelope at the end whatever happens."""

import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
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
from server.calls.judge import accepts_something, open_ids, with_records
from server.calls.render import render
from server.clicksend.errors import NotSent, OutcomeUnknown, Rejected
from server.clicksend.flight import Flight
from server.config.callers import Caller, default_caller
from server.config.settings import Credentials, Settings
from server.guard.admission import FREE, Admission
from server.guard.call import Call
from server.guard.decisions import Approved, Question
from server.guard.error_text import in_the_records, next_steps
from server.runtime.progress import has_listener, report
from tools.action import Action, Effect
from tools.answer import Answer
from tools.outcome import Verdict
from tools.route import Request

if TYPE_CHECKING:
    from server.clicksend.client import ClickSend
    from server.clicksend.retries import Delivered, Throttle
    from server.guard.guard import Guard
    from server.ledger.ledger import Ledger, State

_REMEMBERED = 10_000  # accounts
_OWN_LISTS = Request("GET", "/v3/lists", template="/v3/lists")  # any account may read these

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


@dataclass
class _AccountState:
    """What is remembered of an account between calls: nothing secret."""

    throttle: "Throttle"


class Dispatcher:
    """Runs actions for all callers, each on its own account; an async context manager.

    At its end it waits for the calls that may change something, and closes its connections.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._only_caller = default_caller(settings)
        self._client: ClickSend | None = None
        self._ledger: Ledger | None = None
        self._states: OrderedDict[bytes, _AccountState] = OrderedDict()
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
        if self._ledger is not None:
            self._ledger.close()

    async def check(self) -> None:
        """Raise LedgerUnavailable unless the ledger can be read."""
        await self._the_ledger().check()

    async def prove(self, credentials: Credentials) -> None:
        """Let ClickSend check credentials; raises ClickSendError unless it knows them. Nothing of them is kept."""
        from server.clicksend.retries import Throttle

        try:
            await self._request(_OWN_LISTS, credentials, Flight(), idempotent=True, throttle=Throttle())
        except Rejected as fault:
            # A subaccount without lists is known all the same. A firewall's 403 says nothing of the credentials.
            if fault.status != 403 or fault.answer is None or fault.answer.body.get("http_code") != 403:
                raise

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

            read = partial(self._read, outcome.call.credentials)
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
        told, cost = "awaits-approval", None
        if isinstance(outcome, Completed):
            told, cost = "successful" if outcome.envelope.successful else "failed", outcome.cost
        fields = {
            "request": asked.request_id,
            "action": action.slug,
            "outcome": told,
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
        return await (self._ask(call) if _is_free(call) else self._guarded(call, asked.approved))

    async def _guarded(self, call: Call, approved: Approved | None) -> Completed | Question:
        """Run a call behind the guard: admitted first, recorded before it leaves and after it has ended."""
        from server.guard.decisions import Denied

        guard = self._guard_of(call)
        try:
            admission = await guard.admit(call, approved)
        except Denied as stop:
            happened = error_text.NOTHING_MORE if stop.repeats else error_text.no_effect(call.action)
            return await self._failed(call, f"{stop.reason}.{happened}", stop.answer)
        return admission if isinstance(admission, Question) else await self._ask(call, admission)

    async def _ask(self, call: Call, admission: Admission | None = None) -> Completed:
        """Send a call, judge what came of it, write that down, and put it in an envelope."""
        action, admission = call.action, admission or FREE
        report(f"{action.title}: waiting for ClickSend's answer")
        try:
            delivered = await self._request(call.request, call.credentials, call.flight, idempotent=action.idempotent)
        except NotSent as fault:
            await admission.settle("refused")
            return await self._failed(call, error_text.never_reached(action, fault))
        except Rejected as fault:
            if action.effect is Effect.SEND and accepts_something(action, call.arguments, fault.answer):
                reason = f"the answer says no ({fault.reason}) and accepts messages all the same"
                return await self._unknown(call, admission, reason, fault.answer)
            await admission.settle("refused")
            return await self._failed(call, error_text.declined(action, fault), fault.answer)
        except OutcomeUnknown as fault:
            return await self._unknown(call, admission, error_text.reason_with_attempts(fault), fault.answer)
        except anyio.get_cancelled_exc_class():
            # Only a call whose request has not left is stopped; what did leave for all that must not look undone.
            with anyio.CancelScope(shield=True):
                await admission.settle("unknown" if call.flight.departed else "refused")
            raise
        if not delivered.answer.body and action.may_answer_nothing:
            return Completed(Envelope.success(""), call)
        answer = delivered.with_note()
        verdict = action.outcome(call.arguments, answer)
        if action.effect is Effect.SEND:
            report("ClickSend has answered; writing down what became of it")
        if verdict is None:
            return await self._unknown(call, admission, "the answer has an unknown shape", answer)
        if not verdict.certain and action.effect is not Effect.READ:
            return await self._unknown(call, admission, "", answer, verdict)
        return await self._known(call, admission, verdict, answer)

    async def _known(
        self, call: Call, admission: Admission, verdict: Verdict, answer: Answer | None, ids: Sequence[str] = ()
    ) -> Completed:
        """A call of which everything is known."""
        state: State = "accepted" if verdict.complete else "partly" if verdict.accepted else "refused"
        await admission.settle(state, answer, verdict, ids)
        if verdict.complete:
            return Completed(Envelope.success(await self._data(call, answer)), call, _cost(call, answer))
        return await self._failed(call, error_text.not_all_accepted(call.action, verdict), answer, _cost(call, answer))

    async def _unknown(
        self,
        call: Call,
        admission: Admission,
        reason: str,
        answer: Answer | None,
        verdict: Verdict | None = None,
    ) -> Completed:
        """A call whose outcome is open, wholly or by the `verdict` on its answer; ClickSend's records are searched."""
        found = await admission.find(open_ids(verdict, answer))
        if found is not None:
            now = found.settle(verdict, answer)
            if now.certain:
                shown_answer = with_records(call.action, answer, found, now, reason)
                return await self._known(call, admission, now, shown_answer, found.ids)
            verdict = now if verdict is not None else None
        told = (
            error_text.unknown(call.action, reason)
            if verdict is None
            else error_text.not_all_accepted(call.action, verdict)
        )
        if admission.is_recorded:
            ids = found.ids if found else ()
            await admission.settle("unknown", answer, verdict, ids)
            shown = in_the_records(call.action, ids, found.missing if found else None)
            told = f"{told} {shown} {next_steps(call.action)}"
        return await self._failed(call, told, answer, _cost(call, answer))

    async def _failed(
        self, call: Call, told: str, answer: Answer | None = None, cost: Decimal | None = None
    ) -> Completed:
        return Completed(Envelope.failure(told, await self._data(call, answer)), call, cost)

    async def _data(self, call: Call, answer: Answer | None) -> str:
        shown = answer, call.action, call.arguments, self._settings.max_result_tokens
        if answer is not None and answer.is_large:
            return await anyio.to_thread.run_sync(render, *shown)
        return render(*shown)

    async def _request(
        self,
        request: Request,
        credentials: Credentials,
        flight: Flight,
        *,
        idempotent: bool,
        throttle: "Throttle | None" = None,
    ) -> "Delivered":
        """Send a request until it is answered, as often as the table of retries allows and the total deadline lasts."""
        from server.clicksend.retries import send_with_retries

        client = self._the_client()
        deadline = anyio.current_time() + self._settings.total_timeout

        async def send() -> Answer:
            return await client.send(request, credentials, flight, deadline - anyio.current_time())

        return await send_with_retries(
            send,
            throttle or self._account(credentials).throttle,
            idempotent=idempotent,
            attempts=self._settings.attempts,
            deadline=deadline,
            pausing=flight.pause,
        )

    def _the_client(self) -> "ClickSend":
        """The client, made at the first call: hosts wait for the start, not for httpx."""
        if self._client is None:
            from server.clicksend.client import ClickSend

            self._client = ClickSend(self._settings)
        return self._client

    def _the_ledger(self) -> "Ledger":
        """The ledger of all callers, made when the first call needs it."""
        if self._ledger is None:
            from server.ledger.ledger import Ledger, default_location

            self._ledger = Ledger(self._settings.ledger.location or default_location())
        return self._ledger

    def _account(self, credentials: Credentials) -> _AccountState:
        """What is remembered of an account; of somebody with another secret nothing is known."""
        key = hashlib.sha256(f"{credentials.username}\0{credentials.secret}".encode()).digest()
        if key not in self._states:
            from server.clicksend.retries import Throttle

            self._states[key] = _AccountState(Throttle())
            if len(self._states) > _REMEMBERED:
                self._states.popitem(last=False)
        self._states.move_to_end(key)
        return self._states[key]

    async def _read(self, credentials: Credentials, request: Request) -> Answer:
        return (await self._request(request, credentials, Flight(), idempotent=True)).answer

    def _guard_of(self, call: Call) -> "Guard":
        from server.guard.guard import Guard

        return Guard(call.caller, self._settings, self._the_ledger(), partial(self._read, call.credentials))


def _cost(call: Call, answer: Answer | None) -> Decimal | None:
    """What ClickSend says that a send has cost."""
    return answer.price if answer is not None and call.action.effect is Effect.SEND else None


def _is_free(call: Call) -> bool:
    """Whether a call needs no guard: it neither sends nor does what the operator's limits are about."""
    action, limits = call.action, call.caller.limits
    guarded = action.effect is Effect.SEND or (action.audience is not None and limits.restricts_sends)
    return not guarded and not (action.effect is Effect.DELETE and limits.approval.deletes)
