"""Callers with a token of the operator: whose account, within which limits, and who is none of them."""

import asyncio
import json
from pathlib import Path

import pytest
from mcp import MCPError
from support import offered
from support.callers_of import (
    ACCOUNT,
    HISTORY,
    LISTS,
    NEW_LIST,
    SEND,
    Owner,
    account_with,
    another,
    bearer,
    called,
    callers_file,
    client_of,
    entry,
    lines,
    modern,
    owner_of,
    raw,
    served,
    stopped,
    token_of,
    username,
)
from support.guarding import ANA, BO, Place, control, sent, sms
from support.hosting import ERAS, HELLO, run

from server.sandbox.serve import RunningSandbox
from tools.action import Effect

pytestmark = pytest.mark.anyio


async def test_each_token_uses_the_account_of_its_caller(tmp_path: Path, sandbox: RunningSandbox) -> None:
    bo = another(sandbox, "bo")
    file = callers_file(tmp_path, entry("ana"), entry("bo", bo))
    own = {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}
    async with served("tokens", sandbox, callers=file, **own) as (_, url):
        for era in ERAS:
            assert await account_with(url, bearer(token_of("ana")), era) == sandbox.username
            assert await account_with(url, bearer(token_of("bo")), era) == "bo"


async def test_the_operator_needs_no_account_of_its_own(tmp_path: Path, sandbox: RunningSandbox) -> None:
    file = callers_file(tmp_path, entry("bo", another(sandbox, "bo")))
    async with served("tokens", sandbox, callers=file) as (_, url):
        assert await account_with(url, bearer(token_of("bo"))) == "bo"


GOOD = token_of("ana")
WRONG = {
    "nothing": (),
    "an empty header": ("Authorization: ",),
    "the scheme alone": ("Authorization: Bearer",),
    "another token": ("Authorization: Bearer t0ken-of-bo",),
    "no scheme": (f"Authorization: {GOOD}",),
    "another scheme": (f"Authorization: Token {GOOD}",),
    "Basic": (f"Authorization: Basic {GOOD}",),
    "the token in upper case": (f"Authorization: Bearer {GOOD.upper()}",),
    "the beginning of the token": (f"Authorization: Bearer {GOOD[:-1]}",),
    "more than the token": (f"Authorization: Bearer {GOOD}x",),
    "the token twice": (f"Authorization: Bearer {GOOD} {GOOD}",),
    "the token twice with a comma": (f"Authorization: Bearer {GOOD}, Bearer {GOOD}",),
    "a space inside": (f"Authorization: Bearer {GOOD[:3]} {GOOD[3:]}",),
    "a tab for the space": (f"Authorization: Bearer\t{GOOD}",),
    "quotes": (f'Authorization: Bearer "{GOOD}"',),
    "other letters": ("Authorization: Bearer \xe4\xf6\xfc\xff",),
    "the digest": (f"Authorization: Bearer {entry('ana')['token_sha256']}",),
    "the name": ("Authorization: Bearer ana",),
    "another header": (f"X-Authorization: Bearer {GOOD}", f"Cookie: Authorization=Bearer {GOOD}"),
}


async def test_who_does_not_have_exactly_the_token_is_no_caller(tmp_path: Path, sandbox: RunningSandbox) -> None:
    file = callers_file(tmp_path, entry("ana", owner_of(sandbox)))
    call, head = modern("tools/call", name=ACCOUNT, arguments={})
    async with served("tokens", sandbox, callers=file) as (_, url):
        for what, wrong in WRONG.items():
            for message, more in ((HELLO[0], {}), (call, head)):
                answer = await raw(url, lines=(*wrong, *lines(more)), message=message)
                assert answer.status == 401, what
                assert answer.headers["www-authenticate"].startswith('Bearer realm="clicksend"'), what
                assert GOOD not in answer.body
        unknown = await raw(url, lines=("Authorization: Bearer other",), message=HELLO[0])
        in_the_address = await raw(url, target=f"/mcp?access_token={GOOD}&token={GOOD}", message=HELLO[0])
        right = await raw(url, lines=lines(bearer(GOOD), head), message=call)
    assert 'error="invalid_token"' in unknown.headers["www-authenticate"]
    assert "error" not in in_the_address.headers["www-authenticate"]
    assert in_the_address.status == 401
    assert right.result()["result"]["structuredContent"]["successful"]
    assert [made["path"] for made in control(sandbox, "GET", "calls")["calls"]] == ["/v3/account"]


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_the_scheme_may_be_in_any_case(scheme: str, tmp_path: Path, sandbox: RunningSandbox) -> None:
    file = callers_file(tmp_path, entry("ana", owner_of(sandbox)))
    async with served("tokens", sandbox, callers=file) as (_, url):
        answer = await raw(url, lines=(f"authorization: {scheme} {GOOD}",), message=HELLO[0])
    assert answer.status == 200


# --- limits ------------------------------------------------------------------------------------------


async def test_a_limit_of_a_caller_replaces_that_of_the_environment(
    tmp_path: Path, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    ana = owner_of(sandbox)
    file = callers_file(
        tmp_path,
        entry("as-is", ana),
        entry("wider", ana, limits={"max_recipients": 3, "allowed_countries": ["AU", "NZ"]}),
        entry("tighter", ana, limits={"max_cost_per_day": 0.1}),
        entry("elsewhere", ana, limits={"allowed_countries": ["NZ"]}),
        entry("dry", ana, limits={"dry_run": True}),
    )
    limits = {"CLICKSEND_MCP_MAX_RECIPIENTS": "1", "CLICKSEND_MCP_ALLOWED_COUNTRIES": "AU"}
    expected = {  # one message, then two
        "as-is": (None, "CLICKSEND_MCP_MAX_RECIPIENTS"),
        "wider": (None, None),
        "tighter": (None, "CLICKSEND_MCP_MAX_RECIPIENTS"),
        "elsewhere": ("CLICKSEND_MCP_ALLOWED_COUNTRIES", "CLICKSEND_MCP_"),
        "dry": ("DRY RUN", "CLICKSEND_MCP_MAX_RECIPIENTS"),
    }
    async with served("tokens", sandbox, any_ledger, callers=file, **limits) as (_, url):
        for name, outcomes in expected.items():
            async with client_of(url, bearer(token_of(name))) as client:
                for numbers, outcome in zip(((ANA,), (ANA, BO)), outcomes, strict=True):
                    envelope = await called(client, SEND, sms(*numbers, body=f"{name} {len(numbers)}"))
                    assert envelope["successful"] == (outcome is None), (name, envelope)
                    assert outcome is None or outcome in envelope["error"], (name, envelope)
        async with client_of(url, bearer(token_of("tighter"))) as client:
            assert "CLICKSEND_MCP_MAX_COST_PER_DAY" in (await called(client, SEND, sms(body="more")))["error"]
    assert sorted(one["body"] for one in sent(sandbox)) == ["as-is 1", "tighter 1", "wider 1", "wider 2", "wider 2"]
    assert {row["caller_name"] for row in any_ledger.rows()} == {"as-is", "wider", "tighter"}


@pytest.mark.parametrize("era", ERAS)
async def test_scopes_hide_tools_and_refuse_them(era: str, tmp_path: Path, sandbox: RunningSandbox) -> None:
    ana = owner_of(sandbox)
    scopes = {
        "read": {Effect.READ},
        "write": {Effect.WRITE, Effect.DELETE},
        "send": {Effect.SEND},
        "read,send": {Effect.READ, Effect.SEND},
        "": set(),
    }
    callers = [entry(f"c{at}", ana, scopes=[*filter(None, text.split(","))]) for at, text in enumerate(scopes)]
    tries = {Effect.READ: (LISTS, {}), Effect.WRITE: (NEW_LIST, {"list_name": "x"}), Effect.SEND: (SEND, sms())}
    async with served("tokens", sandbox, callers=callers_file(tmp_path, *callers)) as (_, url):
        for caller, effects in zip(callers, scopes.values(), strict=True):
            async with client_of(url, bearer(token_of(caller["name"])), era) as client:
                listed = {tool.name for tool in (await client.list_tools()).tools}
                assert listed == {action.slug for action in offered.ACTIONS if action.effect in effects}
                for effect, (slug, arguments) in tries.items():
                    arguments = sms(body=caller["name"]) if effect is Effect.SEND else arguments
                    envelope = await called(client, slug, arguments)
                    assert envelope["successful"] == (effect in effects), envelope
                    assert effect in effects or "has no scope for this tool" in envelope["error"]
    assert sorted(one["body"] for one in sent(sandbox)) == ["c2", "c3"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_that_is_off_for_one_is_there_for_another(
    era: str, tmp_path: Path, sandbox: RunningSandbox
) -> None:
    ana = owner_of(sandbox)
    file = callers_file(
        tmp_path,
        entry("all", ana),
        entry("none", ana, limits={"exclude_tools": [LISTS]}),
        entry("reads", ana, limits={"read_only": True}),
    )
    async with served("tokens", sandbox, callers=file) as (_, url):
        for name, there in {"all": True, "none": False, "reads": True}.items():
            async with client_of(url, bearer(token_of(name)), era) as client:
                tools = {tool.name for tool in (await client.list_tools()).tools}
                assert (LISTS in tools) == there
                assert (SEND in tools) == (name != "reads")
                if there:
                    assert (await called(client, LISTS))["successful"]
                else:
                    with pytest.raises(MCPError, match="Unknown tool"):
                        await called(client, LISTS)
        async with client_of(url, bearer(token_of("reads")), era) as client:
            with pytest.raises(MCPError, match="Unknown tool"):
                await called(client, SEND, sms())
    assert sent(sandbox) == []


# --- the token ---------------------------------------------------------------------------------------


async def test_a_token_of_the_command_works(tmp_path: Path, sandbox: RunningSandbox) -> None:
    made = [await run("token", name) for name in ("support-bot", "a.b_c@d-e")]
    file = tmp_path / "callers.toml"
    file.write_text("".join(out for _, out, _ in made))
    tokens = [errors.split()[-1] for _, _, errors in made]
    assert len(set(tokens)) == 2
    assert all(status == 0 and len(token) > 40 for (status, _, _), token in zip(made, tokens, strict=True))
    assert not any(token in file.read_text() for token in tokens)
    own = {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}
    async with served("tokens", sandbox, callers=str(file), **own) as (_, url):
        for token in tokens:
            assert await account_with(url, bearer(token)) == sandbox.username
        assert (await raw(url, lines=lines(bearer("csmcp_guessed")), message=HELLO[0])).status == 401


@pytest.mark.parametrize("form", ["text", "json"])
async def test_no_secret_is_in_the_log_the_ledger_or_an_answer(
    form: str, tmp_path: Path, ledger: Place, sandbox: RunningSandbox
) -> None:
    mistaken = Owner(sandbox.username, "a-wr0ng-key")
    file = callers_file(tmp_path, entry("ana", owner_of(sandbox)), entry("mistaken", mistaken))
    logs = {"CLICKSEND_MCP_LOG_LEVEL": "DEBUG", "CLICKSEND_MCP_LOG_FORMAT": form}
    told = []
    async with served("tokens", sandbox, ledger, callers=file, CLICKSEND_MCP_LEDGER_KEEPS_TEXTS="1", **logs) as (
        program,
        url,
    ):
        for name in ("ana", "mistaken"):
            for era in ERAS:
                async with client_of(url, bearer(token_of(name)), era) as client:
                    told += [await called(client, SEND, sms(body=era)) for _ in range(2)]
                    told.append(await called(client, HISTORY))
        told.append((await raw(url, lines=lines(bearer(f"{GOOD}-mistyped")), message=HELLO[0])).body)
        log = await stopped(program)
    assert log.count("ana") >= 6
    everything = log + json.dumps(told) + json.dumps(ledger.rows())
    for secret in (GOOD, token_of("mistaken"), sandbox.api_key, mistaken.api_key, entry("ana")["token_sha256"]):
        assert secret not in everything
    assert "Traceback" not in log
    assert [row["state"] for row in ledger.rows() if row["caller_name"] == "ana"] == ["accepted"] * 2


async def test_callers_at_the_same_time_keep_their_accounts(tmp_path: Path, sandbox: RunningSandbox) -> None:
    owners = {"ana": owner_of(sandbox)} | {name: another(sandbox, name) for name in ("bo", "cy")}
    file = callers_file(tmp_path, *(entry(name, owner) for name, owner in owners.items()))

    async def ask(url: str, name: str, era: str) -> set[str]:
        async with client_of(url, bearer(token_of(name)), era) as client:
            return set(await asyncio.gather(*(username(client) for _ in range(5))))

    async with served("tokens", sandbox, callers=file) as (_, url):
        jobs = [(name, era) for name in owners for era in ERAS]
        answers = await asyncio.gather(*(ask(url, *job) for job in jobs))
    assert answers == [{owners[name].username} for name, _ in jobs]
