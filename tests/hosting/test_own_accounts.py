"""Callers that send their own ClickSend account with each request: used for that request, proven, and not kept."""

import asyncio
import gc
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from callers_of import (
    LISTS,
    NEW_LIST,
    SEND,
    Owner,
    account_with,
    another,
    basic,
    called,
    client_of,
    lines,
    modern,
    owner_of,
    raw,
    served,
    stopped,
)
from guarding import ANA, BO, Place, asked, control, fault, sent, sms
from hosting import ERAS, HELLO
from scripted import Conversation, good, scripted

from server.callers import Caller
from server.dispatch import Dispatcher
from server.policy import Policy
from server.sandbox.serve import RunningSandbox
from server.settings import Credentials, Settings
from tools.catalog import CATALOG

pytestmark = pytest.mark.anyio

BUDGET = {"CLICKSEND_MCP_MAX_COST_PER_DAY": "0.10"}  # one message to Australia, and not two


def encoded(text: str | bytes) -> str:
    """As the value of Basic."""
    return b64encode(text.encode() if isinstance(text, str) else text).decode()


async def test_each_request_uses_the_account_it_brings(sandbox: RunningSandbox) -> None:
    ana, bo = owner_of(sandbox), another(sandbox, "bo")
    async with served("basic", sandbox) as (_, url):
        for era in ERAS:
            assert await account_with(url, ana.headers, era) == sandbox.username
            assert await account_with(url, bo.headers, era) == "bo"


async def test_the_account_of_the_server_is_never_used_instead(sandbox: RunningSandbox) -> None:
    own = {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}
    message, head = modern("tools/call", name=LISTS, arguments={})
    async with served("basic", sandbox, **own) as (_, url):
        assert (await raw(url, lines=lines(head), message=message)).status == 401
        async with client_of(url, basic("nobody", "x")) as client:
            assert not (await called(client, LISTS))["successful"]
    assert [call["username"] for call in control(sandbox, "GET", "calls")["calls"]] == ["nobody"]


MALFORMED = {
    "nothing": None,
    "nothing after the scheme": "Basic",
    "only spaces": "Basic    ",
    "no base64": "Basic !!!!",
    "base64 without its end": f"Basic {encoded('ana:keys')[:-1]}",
    "base64 with spaces": "Basic YW5h Omtl eQ==",
    "base64 for addresses": "Basic YW5hOv__",
    "no colon": f"Basic {encoded('ana')}",
    "empty": f"Basic {encoded('')}",
    "a colon alone": f"Basic {encoded(':')}",
    "no username": f"Basic {encoded(':key')}",
    "no key": f"Basic {encoded('ana:')}",
    "no text": f"Basic {encoded(bytes([0xFF, 0xFE, 0x3A, 0x41]))}",
    "a line's end in the key": f"Basic {encoded('ana:key' + chr(10) + 'X-Other: 1')}",
    "a line's end in the username": f"Basic {encoded('ana' + chr(13) + chr(10) + ':key')}",
    "a zero": f"Basic {encoded('ana' + chr(0) + ':key')}",
    "an escape": f"Basic {encoded('ana:key' + chr(27) + '[2J')}",
    "a character nobody sees": f"Basic {encoded('ana' + chr(0x200B) + ':key')}",
    "the pair itself": "Basic ana:key",
    "a token": f"Bearer {encoded('ana:key')}",
    "another scheme": 'Digest username="ana"',
    "two of them": f"Basic {encoded('ana:key')}, Basic {encoded('bo:key')}",
}


async def test_malformed_credentials_are_asked_for_again(sandbox: RunningSandbox) -> None:
    async with served("basic", sandbox) as (program, url):
        for what, value in MALFORMED.items():
            given = () if value is None else (f"Authorization: {value}",)
            answer = await raw(url, lines=given, message=HELLO[0])
            assert answer.status == 401, what
            assert answer.headers["www-authenticate"].startswith("Basic realm="), what
            assert "mcp-session-id" not in answer.headers, what
        assert "Traceback" not in await stopped(program)
    assert control(sandbox, "GET", "calls")["calls"] == []


async def test_a_key_may_have_colons_and_other_letters(sandbox: RunningSandbox) -> None:
    owner = Owner("zo\u00eb", "k:\u00e9:y")
    control(sandbox, "POST", "accounts", {"username": owner.username, "api_key": owner.api_key})
    async with served("basic", sandbox) as (_, url):
        assert await account_with(url, owner.headers) == owner.username


# --- the proof ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_who_only_names_an_account_learns_nothing_of_its_sends(
    era: str, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    owner = owner_of(sandbox)
    async with served("basic", sandbox, any_ledger, **BUDGET) as (_, url):
        async with client_of(url, owner.headers, era) as client:
            assert (await called(client, SEND, sms()))["successful"]
            assert "was accepted" in (await called(client, SEND, sms()))["error"]
        async with client_of(url, basic(owner.username, "wr0ng"), era) as client:
            for arguments in (sms(), sms(body="more"), sms(BO)):
                envelope = await called(client, SEND, arguments)
                assert not envelope["successful"]
                for word in ("accepted", "ago", "0.10", "spent", "MAX_COST", "wr0ng", owner.api_key):
                    assert word not in json.dumps(envelope), word
                assert envelope["error"].endswith("Nothing was sent.")
    assert len(sent(sandbox)) == len(any_ledger.rows()) == 1


async def test_who_only_names_an_account_reserves_nothing_of_its_budget(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    owner = owner_of(sandbox)
    async with served("basic", sandbox, any_ledger, **BUDGET) as (_, url):
        async with client_of(url, basic(owner.username, "wr0ng")) as client:
            for number in range(3):
                assert not (await called(client, SEND, sms(body=f"{number}")))["successful"]
        assert asked(sandbox, "/v3/sms/price") == 0
        async with client_of(url, owner.headers) as client:
            assert (await called(client, SEND, sms()))["successful"]
    assert any_ledger.row()["state"] == "accepted"


async def test_the_proof_is_asked_for_once_and_of_each_key(ledger: Place, sandbox: RunningSandbox) -> None:
    owner, bo = owner_of(sandbox), another(sandbox, "bo")
    async with served("basic", sandbox, ledger) as (_, url):
        for era in ERAS:
            async with client_of(url, owner.headers, era) as client:
                for number in range(3):
                    assert (await called(client, SEND, sms(body=f"{era} {number}")))["successful"]
        assert asked(sandbox, "/v3/lists") == 1
        for count in (2, 3):  # that a key was wrong is not remembered, and never that it was right
            async with client_of(url, basic(owner.username, "wr0ng")) as client:
                assert not (await called(client, SEND, sms(body="other")))["successful"]
            assert asked(sandbox, "/v3/lists") == count
        async with client_of(url, bo.headers) as client:
            assert (await called(client, SEND, sms()))["successful"]
            assert (await called(client, SEND, sms(BO)))["successful"]
        assert asked(sandbox, "/v3/lists") == 4


async def test_the_proof_holds_for_five_minutes(
    ledger: Place, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("server.dispatch.time.monotonic", lambda: now)
    settings = Settings(base_url=sandbox.url, attempts=1, lookups=())
    caller = Caller(Credentials(sandbox.username, sandbox.api_key), proven=False)
    async with Dispatcher(settings) as dispatcher:
        for passed, proofs in ((0, 1), (299, 1), (1.5, 2), (299, 2), (1.5, 3)):
            now += passed
            envelope = await dispatcher.call(CATALOG[SEND], sms(body=str(now)), caller=caller)
            assert getattr(envelope, "successful", False), envelope
            assert asked(sandbox, "/v3/lists") == proofs


@pytest.mark.parametrize(("status", "passes"), [(403, True), (401, False), (404, False), (429, False), (500, False)])
async def test_only_a_refusal_of_lists_alone_is_as_good_as_a_proof(
    status: int, passes: bool, ledger: Place, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "status", status=status, path="/v3/lists", times=1)
    async with served("basic", sandbox, ledger) as (_, url), client_of(url, owner_of(sandbox).headers) as client:
        envelope = await called(client, SEND, sms())
    assert envelope["successful"] == passes, envelope
    assert len(sent(sandbox)) == int(passes)
    if passes:
        assert ledger.row()["state"] == "accepted"


async def test_credentials_that_cannot_be_checked_send_nothing(ledger: Place, sandbox: RunningSandbox) -> None:
    fault(sandbox, "drop", path="/v3/lists", times=1)
    async with served("basic", sandbox, ledger) as (_, url), client_of(url, owner_of(sandbox).headers) as client:
        envelope = await called(client, SEND, sms())
        assert "The credentials could not be checked" in envelope["error"]
        assert envelope["error"].endswith("Nothing was sent.")
        assert (await called(client, SEND, sms()))["successful"]
    assert len(sent(sandbox)) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_person_is_not_asked_in_the_name_of_somebody_else(
    era: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    questions: Iterator[str] = iter(())

    async def person(*_: object) -> None:
        raise AssertionError(next(questions, "asked"))

    limits = {"CLICKSEND_MCP_APPROVAL": "always,deletes"}
    async with (
        served("basic", sandbox, ledger, **limits) as (_, url),
        client_of(url, basic(sandbox.username, "wr0ng"), era, elicitation_callback=person) as client,
    ):
        assert not (await called(client, SEND, sms(ANA)))["successful"]
        assert not (await called(client, "CLICKSEND_DELETE_LISTS", {"list_id": 1}))["successful"]
    assert asked(sandbox, "/v3/lists/1") == 0


async def test_a_call_is_read_to_its_end_though_an_earlier_one_with_the_same_key_is_forgotten(ledger: Place) -> None:
    """Each request brings its own copy of the credentials, and takes it along when it ends."""
    answer = good({"messages": [{"to": ANA, "status": "SUCCESS"}]})

    async def script(conversation: Conversation) -> None:
        await conversation.upstream.released.wait()
        await conversation.say(answer)

    async with scripted(script) as upstream:
        upstream.released.set()
        chosen = upstream.settings(credentials=None, policy=Policy(ledger=ledger.text))
        async with Dispatcher(chosen) as dispatcher:

            def start(body: str, caller: Caller) -> asyncio.Future[Any]:
                return asyncio.ensure_future(dispatcher.call(CATALOG[SEND], sms(body=body), caller=caller))

            callers = [Caller(Credentials("ana", "k".ljust(9, "e"))) for _ in range(2)]
            assert (await start("one", callers[0])).successful
            upstream.arrived.clear()
            upstream.released.clear()
            second = start("two", callers[1])
            await upstream.wait(upstream.arrived)
            callers.clear()
            gc.collect()
            upstream.released.set()
            assert (await second).successful, await second


# --- not kept ----------------------------------------------------------------------------------------


async def test_credentials_are_not_kept_for_the_next_request(sandbox: RunningSandbox) -> None:
    ana = owner_of(sandbox)
    call, head = modern("tools/call", name=LISTS, arguments={})
    old = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": LISTS, "arguments": {}}}
    async with served("basic", sandbox) as (_, url):
        opened = await raw(url, lines=lines(ana.headers), message=HELLO[0])
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
        assert (await raw(url, lines=lines(ana.headers, head), message=call)).status == 200
        assert (await raw(url, lines=lines(ana.headers, session), message=old)).status == 200
        before = asked(sandbox, "/v3/lists")
        assert before == 2
        for headers, message in ((head, call), (session, old)):
            assert (await raw(url, lines=lines(headers), message=message)).status == 401
        for wrong in (basic(ana.username, "wr0ng"), another(sandbox, "bo").headers):
            assert (await raw(url, lines=lines(wrong, session), message=old)).status == 404
        assert asked(sandbox, "/v3/lists") == before


async def test_nothing_secret_is_logged(ledger: Place, sandbox: RunningSandbox) -> None:
    ana = owner_of(sandbox)
    wrong = Owner(ana.username, "wr0ng-key")
    async with served("basic", sandbox, ledger, CLICKSEND_MCP_LOG_LEVEL="DEBUG") as (program, url):
        for era in ERAS:
            for owner in (ana, wrong):
                async with client_of(url, owner.headers, era) as client:
                    await called(client, SEND, sms(body=f"{era} unseen"))
                    await called(client, NEW_LIST, {"list_name": "unseen"})
        for value in MALFORMED.values():
            await raw(url, lines=(f"Authorization: {value}",), message=HELLO[0])
        log = await stopped(program)
    assert f"action={SEND} outcome=successful" in log
    everything = log + json.dumps(ledger.rows())
    for secret in (ana.api_key, wrong.api_key, *(one.headers["Authorization"][6:] for one in (ana, wrong)), "unseen"):
        assert secret not in everything
    assert ANA not in everything
