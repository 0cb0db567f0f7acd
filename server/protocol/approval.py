"""Approval: asks a person through the MCP client (elicitation), in both protocol eras.

Since 2026-07-28 the question is the result of the call, and the client calls again with the answer; before that, it is
a request to the client while the call waits. Anything but a plain yes to exactly this question is a no.
"""

import hashlib
import secrets
from typing import Any

import anyio
from mcp.server import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)

from server.guard.decisions import Approved, NotApproved, Question

FIRST_OF_NEW_ERA = "2026-07-28"

_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"approve": {"type": "boolean", "description": "Yes, do it"}},
    "required": ["approve"],
}
_NO = "The person who was asked did not approve it"


def decision_in(params: CallToolRequestParams) -> Approved | NotApproved | None:
    """The answer that a call of the newer era carries to a question asked before; None if it carries none."""
    if not params.request_state:
        return None
    if not _is_yes((params.input_responses or {}).get("approve")):
        return NotApproved(_NO)
    token, _, nonce = params.request_state.partition(":")
    return Approved(token, nonce=hashlib.sha256(nonce.encode()).hexdigest())


async def ask(
    context: ServerRequestContext[Any], question: Question, seconds: float
) -> InputRequiredResult | Approved | NotApproved:
    """Ask, and wait so many seconds for the answer; in the newer era, return the result that asks the client."""
    if not _can_ask(context):
        return NotApproved(f"{question.text}\nThis needs a person's approval, and this client cannot ask one")
    if context.protocol_version >= FIRST_OF_NEW_ERA:
        form = ElicitRequestFormParams(message=question.text, requested_schema=_FORM)
        state = f"{question.token}:{secrets.token_urlsafe(16)}"
        return InputRequiredResult(input_requests={"approve": ElicitRequest(params=form)}, request_state=state)
    with anyio.move_on_after(seconds):
        reply = await context.session.elicit_form(question.text, _FORM, related_request_id=context.request_id)
        return Approved(question.token) if _is_yes(reply) else NotApproved(_NO)
    return NotApproved("The person who was asked did not answer in time")


def seal_state(key: str | None, audience: str, seconds: float) -> RequestStateBoundary:
    """Middleware that seals the state a client carries from question to answer, so that it cannot be forged or moved.

    Without a key one is made for this process; replicas must share one. `seconds`: how long a seal is valid.
    """
    security = RequestStateSecurity(keys=[key], ttl=seconds) if key else RequestStateSecurity.ephemeral(ttl=seconds)
    return RequestStateBoundary(security, default_audience=audience)


def _can_ask(context: ServerRequestContext[Any]) -> bool:
    """Whether the client has declared that it shows forms, and this connection can carry the question to it."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    return context.protocol_version >= FIRST_OF_NEW_ERA or context.session.can_send_request


def _is_yes(reply: object) -> bool:
    """Whether the form was accepted with a yes; a refusal, a cancellation and an accepted no are all a no."""
    return isinstance(reply, ElicitResult) and reply.action == "accept" and (reply.content or {}).get("approve") is True
