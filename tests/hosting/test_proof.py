"""The proof of credentials: what is none, and what counts as a guess."""

from typing import Any

import pytest
from support.callers_of import basic, lines, owner_of, raw, served
from support.guarding import asked, fault
from support.hosting import HELLO

from server.clicksend.errors import NotSent
from server.config.settings import Credentials
from server.hosting.authentication import HttpRefusal
from server.hosting.proof import Proofs
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio


async def greeted(url: str, headers: dict[str, str]) -> Any:
    """The answer to the older protocol's greeting."""
    return await raw(url, lines=lines(headers), message=HELLO[0])


@pytest.mark.parametrize("kind", ["garbage", "empty"])
async def test_a_firewalls_refusal_proves_nobody(kind: str, sandbox: RunningSandbox) -> None:
    """Once ClickSend's firewall turns the server's address away, all made-up credentials would be proven."""
    fault(sandbox, kind, status=403, path="/v3/lists", times=2)
    async with served("basic", sandbox, CLICKSEND_MCP_ATTEMPTS="1") as (_, url):
        answers = [await greeted(url, headers) for headers in (basic("nobody", "x"), owner_of(sandbox).headers)]
        assert [answer.status for answer in answers] == [503, 503]
        assert not any("mcp-session-id" in answer.headers for answer in answers)
        assert (await greeted(url, owner_of(sandbox).headers)).status == 200


@pytest.mark.parametrize("status", [404, 429, 500])
async def test_a_guess_counts_whatever_clicksend_says_to_it(status: int, sandbox: RunningSandbox) -> None:
    """Who has brought ClickSend to answer 429 could else guess on without end."""
    fault(sandbox, "status", status=status, path="/v3/lists", times=100)
    async with served("basic", sandbox, CLICKSEND_MCP_ATTEMPTS="1") as (_, url):
        statuses = [(await greeted(url, basic("ana", f"guess-{number}"))).status for number in range(30)]
    assert statuses == [503] * 10 + [429] * 20
    assert asked(sandbox, "/v3/lists") == 10


async def test_who_could_not_be_asked_about_was_no_guess() -> None:
    """An honest caller does not wait a minute because the network was away."""
    attempts = []

    async def nobody_there(credentials: Credentials) -> None:
        attempts.append(credentials)
        raise NotSent("ClickSend cannot be reached")

    proofs = Proofs(nobody_there, {})
    for _ in range(30):
        with pytest.raises(HttpRefusal) as turned:
            await proofs.check("digest", Credentials("ana", "key"), "127.0.0.1")
        assert turned.value.status == 503
    assert len(attempts) == 30
