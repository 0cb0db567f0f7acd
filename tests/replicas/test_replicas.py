"""Several replicas behind nginx are one server: to clients of both eras, to the person who approves, to the limits."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fleet import NAME, Fleet, Replica, fleet, until
from fleet_calls import ERAS, Answer, Caller
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from support import offered
from support.guarding import SMS_TO_AU, Place

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
YES = {"approve": {"action": "accept", "content": {"approve": True}}}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_sdks_client_works_through_nginx(mode: Any, two: Fleet) -> None:
    head = {"Host": NAME}
    async with (
        httpx2.AsyncClient(auth=("acme", "key-of-acme"), headers=head, trust_env=False) as web,
        Client(streamable_http_client(two.url, http_client=web), mode=mode) as client,
    ):
        assert {tool.name for tool in (await client.list_tools()).tools} == set(offered.SLUGS)
        for number in range(4):
            arguments = {"messages": [{"to": "+61491570156", "body": f"text {number}"}]}
            result = await client.call_tool("CLICKSEND_CREATE_SMS_SEND", arguments)
            assert (result.structured_content or {})["successful"], result
    assert two.bodies() == {f"text {number}": 1 for number in range(4)}
    assert all(replica.served() for replica in two.replicas)


@pytest.mark.parametrize("era", ERAS)
async def test_each_replica_serves_its_share_and_names_the_request_as_nginx_does(era: str, two: Fleet) -> None:
    async with Caller(two.url, era=era) as caller:
        answers = [await caller.call("GET_LISTS", {}) for _ in range(10)]
    assert [answer.status for answer in answers] == [200] * 10
    one, other = (replica.served() for replica in two.replicas)
    assert one | other == {answer.id for answer in answers}
    assert (len(one), len(other)) == (5, 5)
    await until(lambda: len(two.tried()) == 10, "the log of nginx")
    ports = {replica.port: replica.served() for replica in two.replicas}
    assert all(call in ports[int(tried[0])] for call, (tried, _) in two.tried().items())


async def test_nginx_lets_in_what_is_asked_for_and_the_server_says_what_is_too_much(two: Fleet) -> None:
    health = two.url.replace("/mcp", "/healthz")
    async with Caller(two.url) as caller, httpx2.AsyncClient(trust_env=False) as web:
        large = await caller.send("x" * 4_300_000)
        stranger = await web.post(two.url, json={}, headers={"Host": NAME})
        elsewhere = await web.post(two.url, json=PING, headers={"Host": "evil.example"}, auth=("acme", "key-of-acme"))
        hidden = await web.get(health)
    assert large.status == 413
    assert "The request is larger than 4194304 bytes." in large.message["error"]
    assert (stranger.status_code, elsewhere.status_code, hidden.status_code) == (401, 421, 404)


async def test_what_nginx_logs_has_no_text_no_number_and_no_secret(two: Fleet) -> None:
    async with Caller(two.url) as caller:
        assert (await caller.send("MARK-of-a-text")).envelope["successful"]
        await until(two.tried, "the log of nginx")
    logs = [(two.folder / name).read_text() for name in ("access.log", "error.log")]
    for secret in ("MARK", "61491570156", "acme", "Basic"):
        assert all(secret not in log for log in logs)
    assert not [path for path in two.folder.rglob("*_temp/**/*") if path.is_file()]


# --- approvals ---------------------------------------------------------------------------------------


async def _asked(caller: Caller, replica: Replica, body: str) -> str:
    question = await caller.send(body, url=replica.url)
    assert question.result["resultType"] == "input_required", question
    state: str = question.result["requestState"]
    return state


async def test_an_approval_of_one_replica_is_accepted_at_another_and_counts_once(
    postgres: Place, tmp_path: Path
) -> None:
    own = {"CLICKSEND_MCP_APPROVAL": "always", "CLICKSEND_MCP_DUPLICATE_WINDOW": "0"}
    async with fleet(tmp_path, postgres, 2, **own) as two, Caller(two.url, asks=True) as caller:
        one, other = two.replicas
        state = await _asked(caller, one, "approved")
        assert two.sent() == []
        answered = {"inputResponses": YES, "requestState": state}
        # At the same moment at both, and then once more at each.
        both = await asyncio.gather(*(caller.send("approved", url=at.url, **answered) for at in (other, one)))
        later = [await caller.send("approved", url=at.url, **answered) for at in (other, one)]
        hop = {"inputResponses": YES, "requestState": await _asked(caller, other, "hops")}
        hopped = await caller.send("hops", url=one.url, **hop)
        other_text = await caller.send("something else", url=one.url, **hop)
        assert two.bodies() == {"approved": 1, "hops": 1}
    assert sorted(answer.envelope["successful"] for answer in (*both, *later)) == [False, False, False, True]
    assert sum("This approval was used already" in answer.error for answer in (*both, *later)) == 3
    assert hopped.envelope["successful"]
    assert other_text.message["error"]["code"] == -32602


async def test_a_replica_with_another_key_accepts_no_approval(postgres: Place, tmp_path: Path) -> None:
    async with (
        fleet(tmp_path, postgres, 2, CLICKSEND_MCP_APPROVAL="always") as two,
        Caller(two.url, asks=True) as caller,
    ):
        one, other = two.replicas
        await other.end()
        other.own = {**other.own, "CLICKSEND_MCP_APPROVAL_KEY": "another-key-than-the-rest-of-the-fleet"}
        await other.start()
        state = await _asked(caller, one, "approved")
        refused = await caller.send("approved", url=other.url, inputResponses=YES, requestState=state)
        assert refused.message["error"]["code"] == -32602
        assert two.sent() == []
        assert (await caller.send("approved", url=one.url, inputResponses=YES, requestState=state)).envelope[
            "successful"
        ]
        assert two.bodies() == {"approved": 1}


async def test_an_older_client_of_stateless_replicas_is_told_that_nobody_can_be_asked(
    postgres: Place, tmp_path: Path
) -> None:
    async with (
        fleet(tmp_path, postgres, 2, CLICKSEND_MCP_APPROVAL="always") as two,
        Caller(two.url, era="legacy") as caller,
    ):
        answer = await caller.send("approved")
        assert "needs a person's approval, and this client cannot ask one" in answer.error
        assert two.sent() == []


# --- what is shared ----------------------------------------------------------------------------------


async def _at_once(fleet_: Fleet, count: int, bodies: list[str]) -> list[Answer]:
    """The same texts from many callers at once, in both eras."""

    async def one(number: int) -> Answer:
        async with Caller(fleet_.url, era=ERAS[number % 2]) as caller:
            return await caller.send(bodies[number % len(bodies)])

    return await asyncio.gather(*map(one, range(count)))


async def test_the_same_call_at_once_through_all_replicas_is_sent_once(two: Fleet) -> None:
    answers = await _at_once(two, 24, ["the same"])
    assert two.bodies() == {"the same": 1}
    assert [answer.envelope["successful"] for answer in answers].count(True) == 1
    told = [answer.error for answer in answers if answer.error]
    assert all(error.startswith("The same call ") for error in told), told
    assert all(len(replica.served()) >= 8 for replica in two.replicas)


async def test_the_days_budget_is_not_overrun_through_several_replicas(postgres: Place, tmp_path: Path) -> None:
    budget = SMS_TO_AU * 5
    async with fleet(tmp_path, postgres, 2, CLICKSEND_MCP_MAX_COST_PER_DAY=str(budget)) as two:
        answers = await _at_once(two, 24, [f"text {number}" for number in range(24)])
        assert len(two.sent()) == 5
    assert [answer.envelope["successful"] for answer in answers].count(True) == 5
    assert sum("CLICKSEND_MCP_MAX_COST_PER_DAY" in answer.error for answer in answers) == 19


async def test_calls_in_a_minute_are_counted_over_all_replicas(postgres: Place, tmp_path: Path) -> None:
    async with fleet(tmp_path, postgres, 2, CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE="10") as two, Caller(two.url) as caller:
        answers = [await caller.call("GET_LISTS", {}) for _ in range(14)]
        async with Caller(two.url, "beta") as another:
            assert (await another.call("GET_LISTS", {})).status == 200
    assert [answer.status for answer in answers] == [200] * 10 + [429] * 4
    assert "More than 10 requests in a minute." in answers[-1].message["error"]
