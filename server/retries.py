"""Retries: one table says which calls may be sent again, from the action's effect and what is known of the failure.

failure                                    reads, idempotent writes    sends and other writes
no connection came about                   again                       again
refused with 429                           again                       again
5xx, or the connection broke               again                       never: ClickSend may have acted
an answer that came and makes no sense     never                       never
any other refusal                          never                       never
"""

import math
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from server.errors import ClickSendError, Declined, NeverReached, NoUsableAnswer
from server.large import added_to
from server.progress import tell
from tools.action import Action

if TYPE_CHECKING:
    from tenacity import RetryCallState

_FIRST_WAIT = 0.5  # seconds; doubled each time, plus jitter of up to half of it
_LONGEST_WAIT = 8.0
_TOOK_NOTHING_ON = 429


def may_repeat(action: Action, fault: BaseException) -> bool:
    """Whether a failed call may be sent again without a risk of doing twice what was asked once."""
    match fault:
        case NeverReached():
            return True
        case Declined():
            return fault.status == _TOOK_NOTHING_ON
        case NoUsableAnswer():
            return fault.passing and action.idempotent
        case _:
            return False


@dataclass(frozen=True)
class Attempted:
    """An answer, the attempt it came at, and whether the answer to an earlier attempt was lost."""

    answer: Mapping[str, Any]
    attempts: int
    lost_before: bool

    def with_note(self) -> Mapping[str, Any]:
        """The answer; after more than one attempt it says so."""
        if self.attempts == 1:
            return self.answer
        note = f"{self.attempts}" + (", an earlier one may have taken effect already" if self.lost_before else "")
        return added_to(self.answer, _attempts=note)


class Pace:
    """How fast an account may be asked: after each 429 in a row every later call to it waits longer."""

    def __init__(self) -> None:
        self._refusals = 0
        self._free_at = 0.0

    async def turn(self, deadline: float) -> None:
        """Wait until the account may be asked again; raises NeverReached if that is after the deadline."""
        if self._free_at > deadline:
            raise NeverReached("ClickSend has refused too many calls, and the time is too short to wait for a turn")
        wait = max(0.0, self._free_at - anyio.current_time())
        if wait:
            tell(f"Waiting {math.ceil(wait)} s for a turn: ClickSend has refused too many calls")
            await anyio.sleep(wait)

    def learn(self, fault: ClickSendError | None) -> None:
        """Take note of how a call ended; None is well."""
        if isinstance(fault, Declined) and fault.status == _TOOK_NOTHING_ON:
            self._refusals += 1
            self._free_at = anyio.current_time() + _backoff(self._refusals)
        elif not isinstance(fault, NeverReached):
            self._refusals = 0


async def persistently(
    send: Callable[[], Awaitable[Mapping[str, Any]]],
    action: Action,
    pace: Pace,
    *,
    attempts: int,
    deadline: float,
    pausing: Callable[[], None] = lambda: None,
) -> Attempted:
    """Send a call, and again where the table allows it, until it succeeds, or attempts or time run out.

    `deadline` is on the clock of the event loop; `pausing` is called before each wait for another attempt.

    Raises the last ClickSendError, which then tells its `attempts` and whether one `lost_before` it.
    """
    number = 0
    lost = False

    async def attempt() -> Mapping[str, Any]:
        nonlocal number, lost
        try:
            await pace.turn(deadline)
            number += 1
            answer = await send()
        except ClickSendError as fault:
            pace.learn(fault)
            fault.attempts, fault.lost_before = max(number, 1), lost
            lost = lost or isinstance(fault, NoUsableAnswer)
            raise
        pace.learn(None)
        return answer

    try:
        return Attempted(await attempt(), number, lost)  # nearly every call ends here
    except ClickSendError as fault:
        failed = [fault]

    # The first attempt that it sees is the one that has failed.
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, stop_before_delay

    async def again() -> Mapping[str, Any]:
        if failed:
            raise failed.pop()
        return await attempt()

    def before_sleep(state: "RetryCallState") -> None:
        pausing()
        tell(f"{_trouble(state)}: attempt {number + 1} of {attempts} in {math.ceil(state.upcoming_sleep)} s")

    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda fault: may_repeat(action, fault)),
        wait=_wait,
        stop=stop_after_attempt(attempts) | stop_before_delay(max(0.0, deadline - anyio.current_time())),
        before_sleep=before_sleep,
        sleep=anyio.sleep,
        reraise=True,
    )
    return Attempted(await retrying(again), number, lost)


def _trouble(state: "RetryCallState") -> str:
    """Why there has to be another attempt, for whoever waits."""
    match _fault(state):
        case Declined() as fault:
            return f"ClickSend takes no more calls for now (HTTP {fault.status})"
        case NeverReached():
            return "ClickSend could not be reached"
        case _:
            return "ClickSend gave no usable answer"


def _fault(state: "RetryCallState") -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wait(state: "RetryCallState") -> float:
    """Seconds until the next attempt: what ClickSend asks for, or a growing time."""
    fault = _fault(state)
    asked = fault.retry_after if isinstance(fault, Declined | NoUsableAnswer) else None
    return max(float(asked or 0), _backoff(state.attempt_number))


def _backoff(times: int) -> float:
    wait: float = min(_FIRST_WAIT * 2 ** (times - 1), _LONGEST_WAIT)
    return wait * random.uniform(1.0, 1.5)
