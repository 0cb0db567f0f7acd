"""The transport below the client: each account has its own connections, and no request is resent on them."""

from http.cookies import SimpleCookie

import pytest
from support.scripted import BASIC, SECRET, USERNAME, Conversation, answer, envelope, good, says, scripted

from server.clicksend.client import ClickSend
from server.clicksend.errors import OutcomeUnknown
from server.clicksend.flight import Flight
from server.config.settings import Credentials
from tools.route import Method, Request

pytestmark = pytest.mark.anyio

ANA = Credentials(USERNAME, SECRET)
BO = Credentials("bo", "another-secret")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_request_whose_connection_breaks_is_not_resent(method: Method) -> None:
    """HTTP libraries resend idempotent methods by themselves; a PUT here can send a campaign."""

    async def script(conversation: Conversation) -> None:
        if len(conversation.upstream.requests) == 1:
            await conversation.say(good({}))
        else:
            conversation.drop()

    async with scripted(script) as upstream:
        clicksend = ClickSend(upstream.settings())
        await clicksend.send(Request("GET", "/v3/lists"), ANA, Flight())
        with pytest.raises(OutcomeUnknown):
            await clicksend.send(Request(method, "/v3/sms-campaigns/1"), ANA, Flight())
        await clicksend.aclose()
    assert upstream.connections == (1 if method == "GET" else 2)  # only a read reuses one
    assert [request.line.split()[0] for request in upstream.requests] == ["GET", method]


async def test_accounts_share_neither_connections_nor_cookies() -> None:
    """A late response of one account was shown to another."""
    cookie = SimpleCookie({"session": "of-ana"}).output()
    async with scripted(says(answer(200, envelope({}), cookie))) as upstream:
        clicksend = ClickSend(upstream.settings())
        for credentials in (ANA, BO, ANA):
            await clicksend.send(Request("GET", "/v3/lists"), credentials, Flight())
        await clicksend.aclose()
    assert upstream.connections == 2
    first, second, third = upstream.requests
    assert first.headers["authorization"] == third.headers["authorization"] == f"Basic {BASIC}"
    assert second.headers["authorization"] != first.headers["authorization"]
    assert not any("cookie" in request.headers for request in upstream.requests)
