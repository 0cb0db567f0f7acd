"""Callers that send their own ClickSend account with each request: used for that request, proven, and not kept."""

import asyncio
import gc
import json
from base64 import b64encode
from typing import Any

import pytest
from support.callers_of import (
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
from support.guarding import ANA, BO, Place, asked, control, fault, sent, sms
from support.hosting import ERAS, HELLO
from support.scripted import Conversation, good, scripted

from server.calls.dispatch import Dispatcher
from server.clicksend.errors import Rejected
from server.config.callers import Caller
from server.config.ledger import LedgerSettings
from server.config.settings import Credentials, Settings
from server.hosting.authentication import HttpRefusal
from server.hosting.proof import Proofs
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

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
        assert (await raw(url, lines=lines(basic("nobody", "x"), head), message=message)).status == 401
    assert [call["username"] for call in control(sandbox, "GET", "calls")["calls"]] == ["nobody"]


async def greeted(url: str, headers: dict[str, str]) -> Any:
    """The answer to the older protocol's greeting."""
    return await raw(url, lines=lines(headers), message=HELLO[0])


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
        for arguments in (sms(), sms(body="more"), sms(BO)):
            message, head = modern("tools/call", name=SEND, arguments=arguments)
            turned = await raw(url, lines=lines(basic(owner.username, "wr0ng"), head), message=message)
            assert turned.status == 401
            for word in ("accepted", "ago", "0.10", "spent", "MAX_COST", "wr0ng", owner.api_key):
                assert word not in str(turned.body), word
    assert len(sent(sandbox)) == len(any_ledger.rows()) == 1


async def test_who_only_names_an_account_reserves_nothing_of_its_budget(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    owner = owner_of(sandbox)
    async with served("basic", sandbox, any_ledger, **BUDGET) as (_, url):
        for number in range(3):
            message, head = modern("tools/call", name=SEND, arguments=sms(body=f"{number}"))
            wrong = lines(basic(owner.username, "wr0ng"), head)
            assert (await raw(url, lines=wrong, message=message)).status == 401
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
            assert (await greeted(url, basic(owner.username, "wr0ng"))).status == 401
            assert asked(sandbox, "/v3/lists") == count
        async with client_of(url, bo.headers) as client:
            assert (await called(client, SEND, sms()))["successful"]
            assert (await called(client, SEND, sms(BO)))["successful"]
        assert asked(sandbox, "/v3/lists") == 4


async def test_the_proof_holds_for_five_minutes(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("server.hosting.proof.time.monotonic", lambda: now)
    settings = Settings(base_url=sandbox.url, attempts=3, reconcile_after=())
    async with Dispatcher(settings) as dispatcher:
        proofs = Proofs(dispatcher.session.prove, {})
        for passed, times in ((0, 1), (299, 1), (1.5, 2), (299, 2), (1.5, 3)):
            now += passed
            await proofs.check("digest", Credentials(sandbox.username, sandbox.api_key), "127.0.0.1")
            assert asked(sandbox, "/v3/lists") == times


@pytest.mark.parametrize(("status", "told"), [(403, 200), (401, 401), (404, 503), (429, 503), (500, 503)])
async def test_only_a_refusal_of_lists_alone_is_as_good_as_a_proof(
    status: int, told: int, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "status", status=status, path="/v3/lists", times=4)
    async with served("basic", sandbox, CLICKSEND_MCP_ATTEMPTS="1") as (_, url):
        answer = await greeted(url, owner_of(sandbox).headers)
    assert answer.status == told
    assert ("mcp-session-id" in answer.headers) is (told == 200)


async def test_credentials_that_cannot_be_checked_are_told_so_and_may_come_back(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "drop", path="/v3/lists", times=1)
    async with served("basic", sandbox, ledger, CLICKSEND_MCP_ATTEMPTS="1") as (_, url):
        turned = await greeted(url, owner_of(sandbox).headers)
        assert turned.status == 503
        assert "could not be checked" in turned.body
        assert turned.headers["retry-after"] == "10"
        async with client_of(url, owner_of(sandbox).headers) as client:
            assert (await called(client, SEND, sms()))["successful"]
    assert len(sent(sandbox)) == 1


async def test_a_person_is_not_asked_in_the_name_of_somebody_else(ledger: Place, sandbox: RunningSandbox) -> None:
    limits = {"CLICKSEND_MCP_APPROVAL": "always,deletes"}
    async with served("basic", sandbox, ledger, **limits) as (_, url):
        for name, arguments in ((SEND, sms(ANA)), ("CLICKSEND_DELETE_LISTS", {"list_id": 1})):
            message, head = modern("tools/call", name=name, arguments=arguments)
            wrong = lines(basic(sandbox.username, "wr0ng"), head)
            assert (await raw(url, lines=wrong, message=message)).status == 401
    assert asked(sandbox, "/v3/lists/1") == 0


# --- guesses -----------------------------------------------------------------------------------------


async def test_made_up_credentials_leave_nothing_behind(any_ledger: Place, sandbox: RunningSandbox) -> None:
    """No session, no counter, and soon no question to ClickSend."""
    async with served("basic", sandbox, any_ledger) as (_, url):
        answers = [await greeted(url, basic(f"nobody{number}", "made-up")) for number in range(60)]
        honest = await greeted(url, owner_of(sandbox).headers)
    assert {answer.status for answer in answers} == {401, 429}
    assert not any("mcp-session-id" in answer.headers for answer in answers)
    assert [answer.status for answer in answers].index(429) == asked(sandbox, "/v3/lists") == 20
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in answers if answer.status == 429)
    assert honest.status == 429  # who is unknown yet has to wait behind such an address
    if "://" in any_ledger.text:
        assert any_ledger.run("SELECT to_regclass('counters') AS it")[0]["it"] is None  # nobody was counted there


async def test_who_is_proven_gets_in_beside_those_who_guess(ledger: Place, sandbox: RunningSandbox) -> None:
    """Behind the same address."""
    owner = owner_of(sandbox)
    async with served("basic", sandbox, ledger) as (_, url):
        assert (await greeted(url, owner.headers)).status == 200
        for number in range(30):
            await greeted(url, basic(f"nobody{number}", "made-up"))
        assert (await greeted(url, owner.headers)).status == 200
        assert await account_with(url, owner.headers) == sandbox.username


async def test_guesses_of_one_key_are_not_passed_on_without_end(sandbox: RunningSandbox) -> None:
    """A thousand of them would come from the server's own address."""
    async with served("basic", sandbox) as (_, url):
        statuses = [(await greeted(url, basic(sandbox.username, f"guess-{number}"))).status for number in range(40)]
    assert statuses == [401] * 10 + [429] * 30
    assert asked(sandbox, "/v3/lists") == 10


async def test_many_first_requests_at_once_are_one_proof(sandbox: RunningSandbox) -> None:
    owner = owner_of(sandbox)
    fault(sandbox, "delay", seconds=0.3, path="/v3/lists", times=1)
    async with served("basic", sandbox) as (_, url):
        answers = await asyncio.gather(*(greeted(url, owner.headers) for _ in range(30)))
    assert {answer.status for answer in answers} == {200}
    assert asked(sandbox, "/v3/lists") == 1


async def test_what_is_counted_of_guesses_is_bounded() -> None:
    """Each of a million made-up names would else be kept."""

    async def refuse(_: Credentials) -> None:
        raise Rejected(401, "UNAUTHORIZED")

    proofs = Proofs(refuse, {})
    for number in range(12_000):
        with pytest.raises(HttpRefusal):
            await proofs.check(f"{number}", Credentials(f"nobody{number}", "x"), f"10.{number >> 8}.{number & 255}.1")
    assert len(proofs._guesses) == 10_000
    assert not proofs._until


@pytest.mark.parametrize(
    ("addresses", "turned"),
    [
        ([f"2001:db8:0:1::{number:x}" for number in range(21)], True),
        ([f"2001:db8:0:{number:x}::1" for number in range(21)], False),
        ([f"10.0.0.{number}" for number in range(21)], False),
    ],
    ids=["one network", "many networks", "many addresses"],
)
async def test_addresses_of_one_ipv6_network_count_as_one(addresses: list[str], turned: bool) -> None:
    async def refuse(_: Credentials) -> None:
        raise Rejected(401, "UNAUTHORIZED")

    proofs = Proofs(refuse, {})
    statuses = []
    for number, address in enumerate(addresses):
        with pytest.raises(HttpRefusal) as refused:
            await proofs.check(f"{number}", Credentials(f"nobody{number}", "x"), address)
        statuses.append(refused.value.status)
    assert (429 in statuses) is turned


async def test_a_call_is_read_to_its_end_though_an_earlier_one_with_the_same_key_is_forgotten(ledger: Place) -> None:
    """Each request brings its own copy of the credentials, and takes it along when it ends."""
    answer = good({"messages": [{"to": ANA, "status": "SUCCESS"}]})

    async def script(conversation: Conversation) -> None:
        await conversation.upstream.released.wait()
        await conversation.say(answer)

    async with scripted(script) as upstream:
        upstream.released.set()
        chosen = upstream.settings(credentials=None, ledger=LedgerSettings(ledger.text))
        async with Dispatcher(chosen) as dispatcher:

            def start(body: str, caller: Caller) -> asyncio.Future[Any]:
                return asyncio.ensure_future(dispatcher.call(catalog()[SEND], sms(body=body), caller=caller))

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
        assert before == 3  # one of them the proof
        for headers, message in ((head, call), (session, old)):
            assert (await raw(url, lines=lines(headers), message=message)).status == 401
        for wrong in (basic(ana.username, "wr0ng"), another(sandbox, "bo").headers):
            assert (await raw(url, lines=lines(wrong, session), message=old)).status in (401, 404)
        assert asked(sandbox, "/v3/lists") == before + 2  # one proof each


async def test_nothing_secret_is_logged(ledger: Place, sandbox: RunningSandbox) -> None:
    ana = owner_of(sandbox)
    wrong = Owner(ana.username, "wr0ng-key")
    async with served("basic", sandbox, ledger, CLICKSEND_MCP_LOG_LEVEL="DEBUG") as (program, url):
        for era in ERAS:
            async with client_of(url, ana.headers, era) as client:
                await called(client, SEND, sms(body=f"{era} unseen"))
                await called(client, NEW_LIST, {"list_name": "unseen"})
            assert (await greeted(url, wrong.headers)).status == 401
        for value in MALFORMED.values():
            await raw(url, lines=(f"Authorization: {value}",), message=HELLO[0])
        log = await stopped(program)
    assert f"action={SEND} outcome=successful" in log
    everything = log + json.dumps(ledger.rows())
    for secret in (ana.api_key, wrong.api_key, *(one.headers["Authorization"][6:] for one in (ana, wrong)), "unseen"):
        assert secret not in everything
    assert ANA not in everything
