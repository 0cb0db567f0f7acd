"""One call's journey: validate, send, judge, and an envelope at the end whatever happens."""

import json
import logging
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from schemas.base import Arguments
from schemas.envelope import Envelope
from schemas.refusal import explain
from server import wording
from server.errors import Declined, NeverReached, NoUsableAnswer
from server.result import compact, render, without_unseen
from server.settings import Credentials, Settings
from tools.action import Action

if TYPE_CHECKING:
    from server.client import ClickSend

_SHORTEST_SECRET = 8  # a shorter one would be found in ordinary words

log = logging.getLogger("clicksend_mcp")


class Dispatcher:
    """Runs actions on the account of the settings; an async context manager that closes its connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: ClickSend | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def call(self, action: Action, arguments: Mapping[str, Any]) -> Envelope:
        """Run one action with arguments as the host sent them. Never raises but for a cancellation."""
        started = time.monotonic()
        try:
            envelope = await self._call(action, arguments)
        except Exception as fault:
            # The text of an unforeseen exception may hold anything, so its kind has to do.
            log.error("%s: %s inside this server", action.slug, type(fault).__name__)
            envelope = Envelope.failure(wording.unknown(action, "a fault inside this server"))
        log.info(
            "%s %s in %.0f ms",
            action.slug,
            "successful" if envelope.successful else "not successful",
            (time.monotonic() - started) * 1000,
        )
        return envelope

    async def _call(self, action: Action, arguments: Mapping[str, Any]) -> Envelope:
        credentials = self._settings.credentials
        if self._settings.problem or credentials is None:
            return Envelope.failure(f"{self._settings.problem}.{wording.nothing_happened(action)}")
        try:
            valid = action.input.model_validate(arguments)
        except ValidationError as refused:
            return Envelope.failure(wording.wrong_input(action, explain(refused, action.input)))
        return _scrubbed(await self._ask(action, valid, credentials), credentials)

    async def _ask(self, action: Action, arguments: Arguments, credentials: Credentials) -> Envelope:
        """Send a valid call and put what came of it in an envelope."""

        def data(answer: Mapping[str, Any] | None) -> str:
            return render(answer, action, arguments, self._settings.max_result_tokens)

        try:
            answer = await self._account(credentials).send(action.request(arguments), finish=not action.read_only)
        except NeverReached as fault:
            return Envelope.failure(wording.never_reached(action, fault.reason))
        except Declined as fault:
            return Envelope.failure(wording.declined(action, fault), data(fault.answer))
        except NoUsableAnswer as fault:
            return Envelope.failure(wording.unknown(action, fault.reason), data(fault.answer))
        if not answer and action.may_answer_nothing:
            return Envelope.success("")
        verdict = action.outcome(arguments, answer)
        if verdict is None:
            return Envelope.failure(wording.unknown(action, "the answer has an unknown shape"), data(answer))
        if not verdict.complete:
            return Envelope.failure(wording.not_all_accepted(action, verdict), data(answer))
        return Envelope.success(data(answer))

    def _account(self, credentials: Credentials) -> "ClickSend":
        """The client of the account, made at the first call: hosts wait for the start, not for httpx."""
        if self._client is None:
            from server.client import ClickSend

            self._client = ClickSend(self._settings, credentials)
        return self._client


def _scrubbed(envelope: Envelope, credentials: Credentials) -> Envelope:
    """Take the account's own secret out of an envelope, should an answer ever repeat it."""
    secret = credentials.secret
    basic = b64encode(f"{credentials.username}:{secret}".encode()).decode()

    def scrub(text: str) -> str:
        for form in (secret, compact(secret)[1:-1], json.dumps(secret)[1:-1], basic):
            if len(form) >= _SHORTEST_SECRET:
                text = text.replace(form, "[removed]")
        return text

    error = None if envelope.error is None else scrub(without_unseen(envelope.error))
    return Envelope(data=scrub(envelope.data), error=error, successful=envelope.successful)
