"""Access tokens of a real issuer at the real program: challenges, scopes, accounts, and where the token never goes."""

import json
from pathlib import Path

import pytest
from mcp import MCPError
from mcp.types import ElicitResult, InputRequiredResult
from support.callers_of import (
    ACCOUNT,
    LISTS,
    NEW_LIST,
    SEND,
    account_with,
    another,
    basic,
    bearer,
    called,
    callers_file,
    client_of,
    entry,
    lines,
    modern,
    raw,
    served,
    stopped,
)
from support.guarding import Place, control, sent, sms
from support.hosting import ERAS, HELLO, run, running_http
from support.issuer_of import AUDIENCE, EVERYTHING, RESOURCE, issuing, rsa_key
from support.scripted import SECRET, USERNAME, good, says, scripted

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

METADATA = "/.well-known/oauth-protected-resource"
OPEN = f'resource_metadata="{RESOURCE}{METADATA}/mcp", scope="{EVERYTHING}"'


def oauth(sandbox: RunningSandbox) -> dict[str, str]:
    """The account of the server itself."""
    return {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}


async def test_clients_are_told_where_to_get_a_token_and_for_what(sandbox: RunningSandbox) -> None:
    async with (
        issuing() as issuer,
        served("oauth", sandbox, issuer=issuer.url, url=RESOURCE, **oauth(sandbox)) as (_, url),
    ):
        for place in (METADATA, f"{METADATA}/mcp"):
            answer = await raw(url, "GET", place, kinds={})
            assert answer.status == 200
            assert json.loads(answer.body) == {
                "resource": AUDIENCE,
                "resource_name": "ClickSend",
                "authorization_servers": [issuer.url],
                "scopes_supported": EVERYTHING.split(),
                "bearer_methods_supported": ["header"],
            }
        for method in ("POST", "GET", "DELETE"):
            answer = await raw(url, method, message=HELLO[0])
            assert (answer.status, answer.headers["www-authenticate"]) == (401, f"Bearer {OPEN}")
        issuer.publish(rsa_key())
        wrong = await raw(url, lines=lines(bearer(issuer.token(aud="other"))), message=HELLO[0])
        basics = await raw(url, lines=lines(basic(sandbox.username, sandbox.api_key)), message=HELLO[0])
        address = await raw(url, target=f"/mcp?access_token={issuer.token()}", message=HELLO[0])
    assert (wrong.status, wrong.headers["www-authenticate"]) == (401, f'Bearer error="invalid_token", {OPEN}')
    assert (basics.status, address.status) == (401, 401)


async def test_an_issuer_that_is_down_is_a_503(sandbox: RunningSandbox) -> None:
    async with issuing() as issuer:
        token = issuer.publish(rsa_key()).token()
    async with served("oauth", sandbox, issuer=issuer.url, url=RESOURCE, **oauth(sandbox)) as (program, url):
        answer = await raw(url, lines=lines(bearer(token)), message=HELLO[0])
        errors = await stopped(program)
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert "the issuer's keys cannot be fetched: " in errors
    assert token not in errors


async def test_a_subject_uses_its_own_account_or_that_of_the_server(
    tmp_path: Path, ledger: Place, sandbox: RunningSandbox
) -> None:
    bo = another(sandbox, "bo")
    file = callers_file(
        tmp_path,
        entry("bo-bot", bo, subject="b|0", scopes=["read"]),
        entry("limited", subject="c|0", limits={"max_recipients": 1}),
    )
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        own = {"issuer": issuer.url, "url": RESOURCE, "callers": file, **oauth(sandbox)}
        async with served("oauth", sandbox, ledger, **own) as (_, url):
            for era in ERAS:
                assert await account_with(url, bearer(issuer.token()), era) == sandbox.username
                assert await account_with(url, bearer(issuer.token(sub="b|0")), era) == "bo"
            async with client_of(url, bearer(issuer.token(sub="b|0"))) as client:  # the file's scopes hold too
                assert SEND not in {tool.name for tool in (await client.list_tools()).tools}
            for subject in ("ana", "c|0"):
                async with client_of(url, bearer(issuer.token(sub=subject))) as client:
                    assert (await called(client, SEND, sms()))["successful"]
                    two = await called(client, SEND, sms("+61491570158", "+61491570159"))
                    assert two["successful"] == (subject == "ana")
    assert {row["caller_name"] for row in ledger.rows()} == {"oauth:ana", "limited"}
    assert len({row["caller"] for row in ledger.rows()}) == 2


async def test_without_an_account_there_is_none_for_a_subject_that_is_not_registered(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    file = callers_file(tmp_path, entry("bo-bot", another(sandbox, "bo"), subject="b|0"))
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        async with served("oauth", sandbox, issuer=issuer.url, url=RESOURCE, callers=file) as (_, url):
            assert await account_with(url, bearer(issuer.token(sub="b|0"))) == "bo"
            async with client_of(url, bearer(issuer.token())) as client:
                envelope = await called(client, ACCOUNT)
    assert "There is no ClickSend account for this caller" in envelope["error"]
    assert {call["username"] for call in control(sandbox, "GET", "calls")["calls"]} == {"bo"}


async def test_a_scope_that_is_missing_is_named(sandbox: RunningSandbox) -> None:
    tries = {"read": (LISTS, {}), "write": (NEW_LIST, {"list_name": "x"}), "send": (SEND, sms())}
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        async with served("oauth", sandbox, issuer=issuer.url, url=RESOURCE, **oauth(sandbox)) as (_, url):
            for granted in tries:
                token = bearer(issuer.token(scope=f"clicksend:{granted}"))
                for needed, (slug, arguments) in tries.items():
                    message, head = modern("tools/call", name=slug, arguments=arguments)
                    answer = await raw(url, lines=lines(token, head), message=message)
                    if needed == granted:
                        assert answer.result()["result"]["structuredContent"]["successful"], answer
                        continue
                    assert answer.status == 403
                    challenge = answer.headers["www-authenticate"]
                    assert 'error="insufficient_scope"' in challenge
                    assert f'scope="clicksend:{needed}"' in challenge
                    assert f'resource_metadata="{RESOURCE}{METADATA}/mcp"' in challenge
                    for name in (None, LISTS if granted == "read" else "x"):  # what the head says counts for nothing
                        told = {**head, **({"Mcp-Name": name} if name else {})}
                        del told["Mcp-Name" if name is None else "Mcp-Method"]
                        lied = await raw(url, lines=lines(token, told), message=message)
                        assert lied.status in (400, 403) or "error" in lied.result()
                async with client_of(url, token, "legacy") as client:
                    for needed, (slug, arguments) in tries.items():
                        if needed != granted:
                            assert "has no scope for this tool" in (await called(client, slug, arguments))["error"]
            none = await raw(url, lines=lines(bearer(issuer.token(scope="openid"))), message=HELLO[0])
    assert none.status == 403
    assert 'error="insufficient_scope"' in none.headers["www-authenticate"]
    assert len(sent(sandbox)) == 1
    assert sum(call["method"] == "POST" for call in control(sandbox, "GET", "calls")["calls"]) == 2


async def test_the_token_is_never_passed_on(ledger: Place) -> None:
    async with issuing() as issuer, scripted(says(good({"username": "ana", "messages": []}))) as upstream:
        token = issuer.publish(rsa_key()).token()
        own = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        own |= {f"CLICKSEND_MCP_HTTP_{name}": value for name, value in {"AUTH": "oauth", "URL": RESOURCE}.items()}
        more = {"CLICKSEND_MCP_HTTP_ISSUER": issuer.url, "CLICKSEND_MCP_LEDGER": ledger.text}
        async with running_http(CLICKSEND_MCP_LOG_LEVEL="DEBUG", **own, **more) as (program, url):
            told = []
            for era in ERAS:
                async with client_of(url, bearer(token), era) as client:
                    told += [await called(client, ACCOUNT), await called(client, SEND, sms())]
            log = await stopped(program)
    assert len(upstream.requests) >= 3
    assert {request.headers["authorization"][:6] for request in upstream.requests} == {"Basic "}
    everything = f"{upstream.requests}{issuer.heard}{told}{log}{ledger.rows()}"
    for part in (token, *token.split(".")):
        assert part not in everything
    assert "caller=oauth:ana" in log


# --- two people with the same client ------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["app", None])
async def test_a_session_belongs_to_a_person_not_to_a_client(client_id: str | None, sandbox: RunningSandbox) -> None:
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        ana, bo = (bearer(issuer.token(sub=sub, client_id=client_id)) for sub in ("ana", "bo"))
        async with served("oauth", sandbox, issuer=issuer.url, url=RESOURCE, **oauth(sandbox)) as (_, url):
            opened = await raw(url, lines=lines(ana), message=HELLO[0])
            session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
            ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
            for method in ("DELETE", "GET", "POST"):
                stolen = await raw(url, method, lines=lines(bo, session), message=ping if method == "POST" else None)
                assert stolen.status == 404
            renewed = bearer(issuer.token(sub="ana", client_id=client_id, jti="another"))
            assert (await raw(url, lines=lines(renewed, session), message=ping)).status == 200


@pytest.mark.parametrize("client_id", ["app", None])
async def test_an_approval_belongs_to_a_person_not_to_a_client(
    client_id: str | None, ledger: Place, sandbox: RunningSandbox
) -> None:
    yes = {"approve": ElicitResult(action="accept", content={"approve": True})}

    async def person(*_: object) -> ElicitResult:
        return yes["approve"]

    limits = {"CLICKSEND_MCP_APPROVAL": "always"}
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        ana, bo = (bearer(issuer.token(sub=sub, client_id=client_id)) for sub in ("ana", "bo"))
        own = {"issuer": issuer.url, "url": RESOURCE, **oauth(sandbox), **limits}
        async with served("oauth", sandbox, ledger, **own) as (_, url):
            async with client_of(url, ana, elicitation_callback=person) as client:
                asked = await client.session.call_tool(SEND, sms(), allow_input_required=True)
                assert isinstance(asked, InputRequiredResult)
                async with client_of(url, bo, elicitation_callback=person) as other:
                    with pytest.raises(MCPError, match="requestState"):
                        await other.session.call_tool(
                            SEND, sms(), input_responses=yes, request_state=asked.request_state
                        )
                assert sent(sandbox) == []
                done = await client.session.call_tool(
                    SEND, sms(), input_responses=yes, request_state=asked.request_state
                )
            assert (done.structured_content or {})["successful"]
    assert ledger.row()["caller_name"] == "oauth:ana"


async def test_the_requests_of_one_person_are_not_counted_for_another(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    long = "u" * 2_000
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        own = {"issuer": issuer.url, "url": RESOURCE, "calls_per_minute": "3", **oauth(sandbox)}
        message, head = modern("tools/list")
        async with served("oauth", sandbox, any_ledger, **own) as (program, url):
            for subject in ("ana", "bo", long):
                token = bearer(issuer.token(sub=subject, client_id="c" * 500))
                found = [(await raw(url, lines=lines(token, head), message=message)).status for _ in range(4)]
                # A minute may end in between: then the count begins anew.
                assert found in ([200, 200, 200, 429], [200] * 4, [200, 200, 429, 200], [200, 429, 200, 200])
            errors = await stopped(program)
    assert "counted in this process alone" not in errors


@pytest.mark.parametrize("missing", ["ISSUER", "URL"])
async def test_oauth_needs_an_issuer_and_an_address(missing: str) -> None:
    given = {
        "CLICKSEND_MCP_HTTP_ISSUER": "https://login.example.com",
        "CLICKSEND_MCP_HTTP_URL": "https://mcp.example.com",
    }
    del given[f"CLICKSEND_MCP_HTTP_{missing}"]
    status, out, errors = await run("http", "--port", "0", CLICKSEND_MCP_HTTP_AUTH="oauth", **given)
    assert (status, out, errors.count("\n")) == (2, "", 1)
    assert "needs CLICKSEND_MCP_HTTP_ISSUER and CLICKSEND_MCP_HTTP_URL" in errors
