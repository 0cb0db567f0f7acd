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
from server.result import render
from server.settings import Credentials, Settings
from tools.action import Action, Effect

if TYPE_CHECKING:
    from server.client import ClickSend
    from server.retries import Attempted

log = logging.getLogger("clicksend_mcp")


@dataclass
class _Passage:
    """How far a call has come: once its request is leaving, ClickSend may act on it."""

    left: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Dispatcher:
    """Runs actions on the account of the settings; an async context manager.

    At its end it waits for the calls that may change something, and closes its connections.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: ClickSend | None = None
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

    async def call(self, action: Action, arguments: Mapping[str, Any]) -> Envelope:
        """Run one action with arguments as the host sent them. Never raises but for a cancellation.

        A cancelled read ends at once. What may change something runs in a task of its own, which a cancellation
        stops only as long as its request has not left: it must not be cut in half.
        """
        if action.read_only:
            return await self._reported(action, arguments, _Passage())
        passage = _Passage()
        done = anyio.Event()
        envelopes: list[Envelope] = []

        async def to_the_end() -> None:
            with passage.scope:
                envelopes.append(await self._reported(action, arguments, passage))
            done.set()

        self._tasks.start_soon(to_the_end)
        try:
            await done.wait()
        except BaseException:
            if not passage.left:
                passage.scope.cancel()
            raise
        return envelopes[0]

    async def _reported(self, action: Action, arguments: Mapping[str, Any], passage: _Passage) -> Envelope:
        """The envelope of a call, also of one that fails in a way nobody has foreseen, and a line in the log."""
        started = time.monotonic()
        try:
            envelope = await self._call(action, arguments, passage)
        except Exception as fault:
            # The text of an unforeseen exception may hold anything, so its kind has to do.
            log.error("%s: %s inside this server", action.slug, type(fault).__name__)
            envelope = Envelope.failure(wording.broken(action, left=passage.left))
        log.info(
            "%s %s in %.0f ms",
            action.slug,
            "successful" if envelope.successful else "not successful",
            (time.monotonic() - started) * 1000,
        )
        return envelope

    async def _call(self, action: Action, arguments: Mapping[str, Any], passage: _Passage) -> Envelope:
        credentials = self._settings.credentials
        if self._settings.problem or credentials is None:
            return Envelope.failure(f"{self._settings.problem}.{wording.nothing_happened(action)}")
        try:
            valid = action.input.model_validate(arguments)
        except ValidationError as refused:
            return Envelope.failure(without_unseen(wording.wrong_input(action, explain(refused, action.input))))
        envelope = await self._ask(action, valid, credentials, passage)
        return envelope if envelope.error is None else Envelope.failure(without_unseen(envelope.error), envelope.data)

    async def _ask(self, action: Action, arguments: Arguments, credentials: Credentials, passage: _Passage) -> Envelope:
        """Send a valid call and put what came of it in an envelope."""

        def data(answer: Mapping[str, Any] | None) -> str:
            return render(answer, action, arguments, self._settings.max_result_tokens)

        try:
            attempted = await self._send(action, arguments, credentials, passage)
        except NeverReached as fault:
            return Envelope.failure(wording.never_reached(action, fault))
        except Declined as fault:
            if action.effect is Effect.SEND and _accepts_something(action, arguments, fault.answer):
                reason = f"the answer says no ({fault.reason}) and accepts messages all the same"
                return Envelope.failure(wording.unknown(action, reason), data(fault.answer))
            return Envelope.failure(wording.declined(action, fault), data(fault.answer))
        except NoUsableAnswer as fault:
            return Envelope.failure(wording.unknown(action, wording.tried(fault)), data(fault.answer))
        if not attempted.answer and action.may_answer_nothing:
            return Envelope.success("")
        answer = attempted.with_note()
        verdict = action.outcome(arguments, answer)
        if verdict is None:
            return Envelope.failure(wording.unknown(action, "the answer has an unknown shape"), data(answer))
        if not verdict.complete:
            return Envelope.failure(wording.not_all_accepted(action, verdict), data(answer))
        return Envelope.success(data(answer))

    async def _send(
        self, action: Action, arguments: Arguments, credentials: Credentials, passage: _Passage
    ) -> "Attempted":
        """Send a call until it is answered, as often as the table of retries allows and the total deadline lasts."""
        from server.retries import persistently

        client = self._account(credentials)
        request = action.request(arguments)
        deadline = anyio.current_time() + self._settings.total_timeout

        def leaving() -> None:
            passage.left = True

        async def send() -> Mapping[str, Any]:
            passage.left = False  # what came before this attempt did not take effect, or could be repeated
            return await client.send(request, seconds=deadline - anyio.current_time(), leaving=leaving)

        return await persistently(send, action, client.pace, attempts=self._settings.attempts, deadline=deadline)

    def _account(self, credentials: Credentials) -> "ClickSend":
        """The client of the account, made at the first call: hosts wait for the start, not for httpx."""
        if self._client is None:
            from server.client import ClickSend

            self._client = ClickSend(self._settings, credentials)
        return self._client


def _accepts_something(action: Action, arguments: Arguments, answer: Mapping[str, Any] | None) -> bool:
    verdict = action.outcome(arguments, answer or {})
    return verdict is not None and verdict.accepted > 0
