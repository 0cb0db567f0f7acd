"""The journey of one valid call: admitted, sent, judged, recorded, and put into an envelope."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from schemas.envelope import Envelope
from server.calls import error_text
from server.calls.completed import Completed
from server.calls.judge import accepts_something, open_ids, with_records
from server.calls.render import render
from server.clicksend.errors import NotSent, OutcomeUnknown, Rejected
from server.clicksend.session import Session
from server.config.settings import Settings
from server.guard.admission import FREE, Admission
from server.guard.call import Call
from server.guard.decisions import Approved, Denied, Question
from server.guard.error_text import in_the_records, next_steps
from server.runtime.progress import report
from tools.action import Effect
from tools.answer import Answer
from tools.outcome import Verdict

if TYPE_CHECKING:
    from server.ledger.ledger import Ledger, State


class Journey:
    """Takes valid calls to ClickSend. `ledger` returns that of all callers, which only a guarded call needs."""

    def __init__(self, settings: Settings, session: Session, ledger: "Callable[[], Ledger]") -> None:
        self._settings = settings
        self._session = session
        self._ledger = ledger

    async def run(self, call: Call, approved: Approved | None) -> Completed | Question:
        """Run a call to its end, or ask for a person's approval first. Raises nothing but cancellation."""
        return await (self._send(call) if _is_free(call) else self._guarded(call, approved))

    async def _guarded(self, call: Call, approved: Approved | None) -> Completed | Question:
        """Run a call behind the guard: admitted first, recorded before it departs and after it has ended."""
        from server.guard.guard import Guard

        read = partial(self._session.read, call.credentials)
        guard = Guard(call.caller, self._settings, self._ledger(), read)
        try:
            admission = await guard.admit(call, approved)
        except Denied as denied:
            effect = error_text.NOTHING_MORE if denied.repeats else error_text.no_effect(call.action)
            return await self._failed(call, f"{denied.reason}.{effect}", denied.answer)
        return admission if isinstance(admission, Question) else await self._send(call, admission)

    async def _send(self, call: Call, admission: Admission | None = None) -> Completed:
        """Send a call, judge its answer, settle it in the ledger, and put it into an envelope."""
        action, admission = call.action, admission or FREE
        report(f"{action.title}: waiting for ClickSend's answer")
        try:
            delivered = await self._session.send(
                call.request, call.credentials, call.flight, idempotent=action.idempotent
            )
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
            # Only a call whose request has not departed is stopped; one that departed nonetheless must not look undone.
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
        """A call whose outcome is certain."""
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
        """A call whose outcome is open, wholly or in part (with a `verdict`); it is reconciled with the records."""
        found = await admission.find(open_ids(verdict, answer))
        if found is not None:
            settled = found.settle(verdict, answer)
            if settled.certain:
                complemented = with_records(call.action, answer, found, settled, reason)
                return await self._known(call, admission, settled, complemented, found.ids)
            verdict = settled if verdict is not None else None
        message = (
            error_text.unknown(call.action, reason)
            if verdict is None
            else error_text.not_all_accepted(call.action, verdict)
        )
        if admission.is_recorded:
            ids = found.ids if found else ()
            await admission.settle("unknown", answer, verdict, ids)
            records = in_the_records(call.action, ids, found.missing if found else None)
            message = f"{message} {records} {next_steps(call.action)}"
        return await self._failed(call, message, answer, _cost(call, answer))

    async def _failed(
        self, call: Call, message: str, answer: Answer | None = None, cost: Decimal | None = None
    ) -> Completed:
        return Completed(Envelope.failure(message, await self._data(call, answer)), call, cost)

    async def _data(self, call: Call, answer: Answer | None) -> str:
        parameters = answer, call.action, call.arguments, self._settings.max_result_tokens
        if answer is not None and answer.is_large:
            return await anyio.to_thread.run_sync(render, *parameters)
        return render(*parameters)


def _cost(call: Call, answer: Answer | None) -> Decimal | None:
    """What a send has cost according to ClickSend's answer, in account currency."""
    return answer.price if answer is not None and call.action.effect is Effect.SEND else None


def _is_free(call: Call) -> bool:
    """Whether a call needs no guard: it neither sends nor does anything that the operator's limits apply to."""
    action, limits = call.action, call.caller.limits
    guarded = action.effect is Effect.SEND or (action.audience is not None and limits.restricts_sends)
    return not guarded and not (action.effect is Effect.DELETE and limits.approval.deletes)
