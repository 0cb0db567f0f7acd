"""Many callers at once in one process: nothing of one is another's, also where they share a ClickSend account."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import ElicitResult, InputRequiredResult
from support.callers_of import (
    ACCOUNT,
    HISTORY,
    LISTS,
    NEW_LIST,
    SEND,
    Owner,
    another,
    bearer,
    called,
    callers_file,
    client_of,
    entry,
    owner_of,
    served,
    token_of,
    username,
)
from support.guarding import Place, control, fault, sent, sms
from support.hosting import ERAS

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

YES = ElicitResult(action="accept", content={"approve": True})


def data(envelope: dict[str, Any]) -> Any:
    """ClickSend's data of a success."""
    assert envelope["successful"], envelope
    return json.loads(envelope["data"])["data"]


async def a_day(client: Client, name: str) -> list[str]:
    """Mixed traffic in one's own name; the bodies of the account's messages afterwards."""
    bodies = [f"{name} {number}" for number in range(3)]
    await asyncio.gather(
        *(called(client, SEND, sms(body=body)) for body in bodies),
        called(client, NEW_LIST, {"list_name": f"of {name}"}),
        called(client, ACCOUNT),
        called(client, LISTS),
    )
    repeats = await asyncio.gather(*(called(client, SEND, sms(body=body)) for body in bodies))
    assert all("was accepted" in envelope["error"] for envelope in repeats)
    return [row["body"] for row in data(await called(client, HISTORY))["data"]]


@pytest.mark.parametrize("auth", ["tokens", "basic"])
async def test_mixed_traffic_of_several_accounts_stays_apart(
    auth: str, tmp_path: Path, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    owners = {"ana": owner_of(sandbox), "bo": another(sandbox, "bo"), "cy": another(sandbox, "cy")}
    file = callers_file(tmp_path, *(entry(name, owner) for name, owner in owners.items()))
    eras = dict(zip(owners, ("auto", "legacy", "auto"), strict=True))

    def headers(name: str) -> dict[str, str]:
        return bearer(token_of(name)) if auth == "tokens" else owners[name].headers

    async with served(auth, sandbox, any_ledger, callers=file) as (_, url), AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(client_of(url, headers(name), eras[name])) for name in owners}
        days = await asyncio.gather(*(a_day(client, name) for name, client in clients.items()))
        for (name, client), bodies in zip(clients.items(), days, strict=True):
            assert sorted(bodies) == [f"{name} {number}" for number in range(3)]
            assert [row["list_name"] for row in data(await called(client, LISTS))["data"]].count(f"of {name}") == 1
            lists = await called(client, LISTS)
            assert not any(f"of {other}" in lists["data"] for other in owners if other != name)
            assert await username(client) == owners[name].username
    assert {(one["account"], one["body"][:-2]) for one in sent(sandbox)} == {
        (owner.username, name) for name, owner in owners.items()
    }
    rows = any_ledger.rows()
    assert len(rows) == 9
    assert len({row["caller"] for row in rows}) == len({row["account"] for row in rows}) == 3
    assert {row["caller_name"] for row in rows} == (set(owners) if auth == "tokens" else {""})


async def test_two_tokens_of_one_account_have_their_own_repeats_and_budgets(
    tmp_path: Path, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    ana = owner_of(sandbox)
    file = callers_file(tmp_path, *(entry(name, ana) for name in ("one", "two")))
    budget = {"CLICKSEND_MCP_MAX_COST_PER_DAY": "0.10"}  # for one message of each
    async with served("tokens", sandbox, any_ledger, callers=file, **budget) as (_, url), AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(client_of(url, bearer(token_of(name)), era))
            for name, era in zip(("one", "two"), ERAS, strict=True)
        ]
        same = await asyncio.gather(*(called(client, SEND, sms()) for client in (*clients, *clients)))
        assert [envelope["successful"] for envelope in same].count(True) == 2
        for client in clients:
            assert "was accepted" in (await called(client, SEND, sms()))["error"]
            over = await called(client, SEND, sms(body="more"))
            assert "of the 0.10 for 24 hours 0.0792 are spent" in over["error"]
    rows = any_ledger.rows()
    assert sorted(row["caller_name"] for row in rows) == ["one", "two"]
    assert len({row["account"] for row in rows}) == 1
    assert len({row["caller"] for row in rows}) == 2
    assert len(sent(sandbox)) == 2


async def test_a_lost_send_is_not_found_among_those_of_another_caller(
    tmp_path: Path, ledger: Place, sandbox: RunningSandbox
) -> None:
    ana = owner_of(sandbox)
    file = callers_file(tmp_path, *(entry(name, ana) for name in ("one", "two")))
    async with (
        served("tokens", sandbox, ledger, callers=file, CLICKSEND_MCP_RECONCILE_AFTER="0") as (_, url),
        client_of(url, bearer(token_of("one"))) as one,
        client_of(url, bearer(token_of("two"))) as two,
    ):
        assert (await called(one, SEND, sms()))["successful"]
        fault(sandbox, "drop", path="/v3/sms/send", when="before")
        lost = await called(two, SEND, sms())  # the same text to the same number, and it never arrived
        assert not lost["successful"]
        assert "OUTCOME UNKNOWN" in lost["error"]
        fault(sandbox, "drop", path="/v3/sms/send", when="after")
        found = await called(two, SEND, sms(body="other"))
        assert "_found" in found["data"]
        assert sent(sandbox)[0]["message_id"] not in found["data"] + lost["error"]
    states = {(row["caller_name"], row["state"]) for row in ledger.rows()}
    assert states == {("one", "accepted"), ("two", "unknown"), ("two", "accepted")}


@pytest.mark.parametrize("shared", [True, False], ids=["one account", "two accounts"])
async def test_an_approval_of_one_is_none_of_another(
    shared: bool, tmp_path: Path, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    ana = owner_of(sandbox)
    bo: Owner = ana if shared else another(sandbox, "bo")
    asks = {"approval": "always"}
    file = callers_file(tmp_path, entry("one", ana, limits=asks), entry("two", bo, limits=asks), entry("free", ana))

    async def person(*_: object) -> ElicitResult:
        return YES

    async with (
        served("tokens", sandbox, any_ledger, callers=file) as (_, url),
        client_of(url, bearer(token_of("one")), elicitation_callback=person) as one,
        client_of(url, bearer(token_of("two")), elicitation_callback=person) as two,
        client_of(url, bearer(token_of("free"))) as free,
    ):
        asked = await one.session.call_tool(SEND, sms(), allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        answer: dict[str, Any] = {"input_responses": {"approve": YES}, "request_state": asked.request_state}
        for other in (two, free):
            with pytest.raises(MCPError, match="requestState"):
                await other.session.call_tool(SEND, sms(), allow_input_required=True, **answer)
        assert sent(sandbox) == []
        done = await one.session.call_tool(SEND, sms(), **answer)
        assert (done.structured_content or {})["successful"]
        assert (await called(free, SEND, sms()))["successful"]  # who is not limited so is not asked
    assert sorted(row["caller_name"] for row in any_ledger.rows()) == ["free", "one"]


async def test_tools_are_listed_for_each_at_the_same_time(tmp_path: Path, sandbox: RunningSandbox) -> None:
    ana = owner_of(sandbox)
    file = callers_file(
        tmp_path,
        entry("all", ana),
        entry("reads", ana, limits={"read_only": True}),
        entry("sends", ana, scopes=["send"]),
    )

    async def listed(client: Client) -> set[frozenset[str]]:
        return {frozenset(tool.name for tool in (await client.session.list_tools()).tools) for _ in range(5)}

    async with served("tokens", sandbox, callers=file) as (_, url), AsyncExitStack() as stack:
        names = ("all", "reads", "sends")
        clients = [
            await stack.enter_async_context(client_of(url, bearer(token_of(name)), era))
            for era in ERAS
            for name in names
        ]
        lists = await asyncio.gather(*(listed(client) for client in clients))
    assert all(len(one) == 1 for one in lists)
    (everything,), (reads,), (sends,) = lists[:3]
    assert lists[3:] == lists[:3]
    assert SEND in sends
    assert SEND not in reads
    assert not reads & sends
    assert reads | sends < everything
    assert control(sandbox, "GET", "calls")["calls"] == []
