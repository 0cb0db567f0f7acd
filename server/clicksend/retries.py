"""Retries: which failed requests may be sent again, in one table.

failure                                    idempotent    not idempotent
no connection was made                     retry         retry
refused with 429                           retry         retry
5xx, or the connection broke               retry         never: ClickSend may have acted
a complete but unusable answer             never         never
any other refusal                          never         never
"""

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from server.clicksend.errors import ClickSendError, NotSent, OutcomeUnknown, Rejected
from server.runtime.progress import report
from tools.answer import Answer

_FIRST_WAIT = 0.5  # seconds; doubled for each attempt, plus up to 50 % jitter
_MAX_WAIT = 8.0  # seconds, before jitter
_TOO_MANY_REQUESTS = 429  # rejected before processing


def may_repeat(fault: ClickSendError, *, idempotent: bool) -> bool:
    """Whether a failed request may be sent again without the risk of acting twice."""
    match fault:
        case NotSent():
            return True
        case Rejected():
            return fault.status == _TOO_MANY_REQUESTS
        case OutcomeUnknown():
            return fault.transient and idempotent
        case _:
            return False


@dataclass(frozen=True)
class Delivered:
    """An answer, the number of attempts it took, and whether an earlier one may have taken effect."""

    answer: Answer
    attempts: int
    earlier_attempt_unknown: bool

    def with_note(self) -> Answer:
        """The answer, with a note if it took more than one attempt."""
        if self.attempts == 1:
            return self.answer
        note = f"{self.attempts}" + (
            ", an earlier one may have taken effect already" if self.earlier_attempt_unknown else ""
        )
        return self.answer.with_notes(_attempts=note)


class Throttle:
    """Paces the requests of an account: each consecutive 429 lengthens the wait of the next ones."""

    def __init__(self) -> None:
        self._refusals = 0
        self._free_at = 0.0

    async def wait(self, deadline: float) -> None:
        """Wait for a turn; raises NotSent if that comes after the deadline, on the event loop's clock."""
        if self._free_at > deadline:
            raise NotSent("ClickSend has refused too many calls, and the time is too short to wait for a turn")
        wait = max(0.0, self._free_at - anyio.current_time())
        if wait:
            report(f"Waiting {math.ceil(wait)} s for a turn: ClickSend has refused too many calls")
            await anyio.sleep(wait)

    def record(self, fault: ClickSendError | None) -> None:
        """Record how a request ended: None is a success."""
        if isinstance(fault, Rejected) and fault.status == _TOO_MANY_REQUESTS:
            self._refusals += 1
            self._free_at = anyio.current_time() + _backoff(self._refusals)
        elif not isinstance(fault, NotSent):
            self._refusals = 0


async def send_with_retries(
    send: Callable[[], Awaitable[Answer]],
    throttle: Throttle,
    *,
    idempotent: bool,
    attempts: int,
    deadline: float,
    pausing: Callable[[], None] = lambda: None,
) -> Delivered:
    """Send a request, and again while the table allows it, until it succeeds or attempts or time run out.

    `deadline`: on the event loop's clock. `pausing`: called before each wait for another attempt.

    Raises the last ClickSendError, with its `attempts` and `earlier_attempt_unknown` set.
    """
    number, lost = 0, False
    while True:
        turn = False
        try:
            await throttle.wait(deadline)
            turn, number = True, number + 1
            answer = await send()
        except ClickSendError as fault:
            throttle.record(fault)
            fault.attempts, fault.earlier_attempt_unknown = max(number, 1), lost
            wait = _wait(fault, number)
            in_time = turn and number < attempts and anyio.current_time() + wait < deadline
            if not (in_time and may_repeat(fault, idempotent=idempotent)):
                raise
            lost = lost or isinstance(fault, OutcomeUnknown)
            pausing()
            report(f"{_retry_reason(fault)}: attempt {number + 1} of {attempts} in {math.ceil(wait)} s")
        else:
            throttle.record(None)
            return Delivered(answer, number, lost)
        await anyio.sleep(wait)


def _retry_reason(fault: ClickSendError) -> str:
    """Why another attempt is needed, for a progress report."""
    match fault:
        case Rejected():
            return f"ClickSend takes no more calls for now (HTTP {fault.status})"
        case NotSent():
            return "ClickSend could not be reached"
        case _:
            return "ClickSend gave no usable answer"


def _wait(fault: ClickSendError, number: int) -> float:
    """Seconds until the next attempt: a growing backoff, or more if Retry-After asks for it."""
    retry_after = fault.retry_after if isinstance(fault, Rejected | OutcomeUnknown) else None
    return max(float(retry_after or 0), _backoff(number))


def _backoff(times: int) -> float:
    wait: float = min(_FIRST_WAIT * 2 ** (times - 1), _MAX_WAIT)
    return wait * random.uniform(1.0, 1.5)
