"""Ways round the door: whatever way a request is written, without a caller it reaches no tool and opens no session."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.callers_of import (
    ACCOUNT,
    JSON,
    LISTS,
    Answer,
    basic,
    bearer,
    callers_file,
    entry,
    lines,
    modern,
    owner_of,
    raw,
    served,
    stopped,
    token_of,
)
from support.guarding import control
from support.hosting import HELLO, run

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

CALL, HEAD = modern("tools/call", name=LISTS, arguments={})
OLD_CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": LISTS, "arguments": {}}}
LIST, LIST_HEAD = modern("tools/list")
DISCOVER, DISCOVER_HEAD = modern("server/discover")

TARGETS = (
    *(
        "/mcp",
        "/mcp/",
        "//mcp",
        "/mcp//",
        "/MCP",
        "/Mcp",
        "/mcp%2f",
        "/mcp%2F",
        "%2fmcp",
        "/%2fmcp",
        "/%6dcp",
        "/mc%70",
    ),
    *(
        "/mcp%0a",
        "/mcp%0A",
        "/mcp%0d",
        "/mcp%0d%0a",
        "/mcp%00",
        "/mcp%20",
        "/mcp%09",
        "/mcp%0b",
        "/mcp%c2%85",
        "/mcp..",
    ),
    *(
        "/mcp?",
        "/mcp?x=/mcp",
        "/?/mcp",
        "/mcp;x=1",
        "/mcp#",
        "/mcp%23",
        "/mcp%3f",
        "/./mcp",
        "/x/../mcp",
        "/mcp/../mcp",
    ),
    *(
        "/healthz/../mcp",
        "/healthz%2f..%2fmcp",
        "/mcp/mcp",
        "/messages",
        "/sse",
        "/",
        "*",
        "mcp",
        "/%256dcp",
        "/mcp%252f",
    ),
    *(
        "http://127.0.0.1/mcp",
        "http://127.0.0.1/mcp%0a",
        "http://user:pass@127.0.0.1/mcp",
        "//127.0.0.1/mcp",
        "127.0.0.1:80",
    ),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post", "Get")


def is_shut(answer: Answer) -> bool:
    """Whether a request came to nothing: asked who it is, not found, moved there, or not understood."""
    nothing = "serverInfo" not in answer.body and "tools" not in answer.body and "mcp-session-id" not in answer.headers
    return answer.status in (307, 400, 401, 404, 405) and nothing


async def test_no_way_of_writing_the_address_gets_round_the_door(tmp_path: Path, sandbox: RunningSandbox) -> None:
    file = callers_file(tmp_path, entry("ana", owner_of(sandbox)))
    async with served("tokens", sandbox, callers=file, CLICKSEND_MCP_LOG_LEVEL="DEBUG") as (program, url):
        port = urlsplit(url).port
        for target in (*TARGETS, f"http://127.0.0.1:{port}/mcp", f"HTTP://127.0.0.1:{port}/mcp%0a"):
            for message, head in ((HELLO[0], {}), (CALL, HEAD), (LIST, LIST_HEAD), (DISCOVER, DISCOVER_HEAD)):
                answer = await raw(url, target=target, lines=lines(head), message=message)
                assert is_shut(answer), (target, answer)
        for method in METHODS:
            for target in ("/mcp", "/mcp%0a"):
                answer = await raw(url, method, target, message=HELLO[0] if method == "post" else None)
                assert answer.status in (400, 401, 405), (method, target, answer)
                assert "mcp-session-id" not in answer.headers
        errors = await stopped(program)
    assert control(sandbox, "GET", "calls")["calls"] == []
    assert "Traceback" not in errors
    assert "inside this server" not in errors


async def test_the_way_in_is_open_with_a_token(tmp_path: Path, sandbox: RunningSandbox) -> None:
    """What the other tests try without one is not shut for another reason."""
    file = callers_file(tmp_path, entry("ana", owner_of(sandbox)))
    token = bearer(token_of("ana"))
    async with served("tokens", sandbox, callers=file) as (_, url):
        for message, head in ((HELLO[0], {}), (CALL, HEAD), (LIST, LIST_HEAD), (DISCOVER, DISCOVER_HEAD)):
            for target in ("/mcp", "/%6dcp", "/mcp?x=1"):
                assert (await raw(url, target=target, lines=lines(token, head), message=message)).status == 200
        for name in ("AUTHORIZATION", "authorization", "aUtHoRiZaTiOn"):
            answer = await raw(url, lines=(f"{name}: {token['Authorization']}", *lines(HEAD)), message=CALL)
            assert answer.status == 200
        for path in ("/healthz", "/readyz"):
            assert (await raw(url, "GET", path)).status == 200


async def test_a_session_is_of_no_use_without_its_callers_token(tmp_path: Path, sandbox: RunningSandbox) -> None:
    ana = owner_of(sandbox)
    file = callers_file(tmp_path, entry("ana", ana), entry("bo", ana))
    own, other = bearer(token_of("ana")), bearer(token_of("bo"))
    async with served("tokens", sandbox, callers=file) as (_, url):
        opened = await raw(url, lines=lines(own), message=HELLO[0])
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
        for method, message in (("POST", OLD_CALL), ("GET", None), ("DELETE", None)):
            assert (await raw(url, method, lines=lines(session), message=message)).status == 401
            assert (await raw(url, method, lines=lines(session, other), message=message)).status == 404
        assert control(sandbox, "GET", "calls")["calls"] == []
        for query in ("?session_id=", "?sessionId=", "?Mcp-Session-Id="):
            target = f"/mcp{query}{session['Mcp-Session-Id']}"
            assert (await raw(url, target=target, message=OLD_CALL)).status == 401
        assert (await raw(url, lines=lines(session, own), message=OLD_CALL)).status == 200  # nobody has ended it


async def test_headers_that_come_twice_are_not_chosen_from(tmp_path: Path, sandbox: RunningSandbox) -> None:
    file = callers_file(tmp_path, entry("ana", owner_of(sandbox)))
    good, bad = lines(bearer(token_of("ana"))), lines(bearer("other"))
    async with served("tokens", sandbox, callers=file) as (_, url):
        for both in (good + bad, bad + good, good + good, ("authorization: ", *good)):
            answer = await raw(url, lines=(*both, *lines(HEAD)), message=CALL)
            assert (answer.status, "Send one authorization header." in answer.body) == (400, True)
        for name in ("Mcp-Method", "Mcp-Name", "MCP-Protocol-Version", "Mcp-Session-Id"):
            twice = (f"{name}: x", f"{name.lower()}: {HEAD.get(name, 'y')}")
            assert (await raw(url, lines=(*good, *lines(HEAD), *twice), message=CALL)).status == 400
        folded = await raw(url, lines=("Authorization: Bearer", f" {token_of('ana')}", *lines(HEAD)), message=CALL)
        assert folded.status in (200, 400, 401)  # one header over two lines, as old clients wrote it
    assert len(control(sandbox, "GET", "calls")["calls"]) == (folded.status == 200)


async def test_a_caller_cannot_be_named_by_other_headers(sandbox: RunningSandbox) -> None:
    ana = owner_of(sandbox)
    secret = ana.headers["Authorization"]
    tries = (
        f"Proxy-Authorization: {secret}",
        f"X-Forwarded-Authorization: {secret}",
        f"X-Original-Authorization: {secret}",
        f"Authorization : {secret}",
        f"Authorization_: {secret}",
        f"Cookie: authorization={secret}",
        f"X-Remote-User: {ana.username}",
        "X-Forwarded-For: 127.0.0.1",
        "X-Original-URL: /healthz",
        "X-HTTP-Method-Override: GET",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    )
    async with served("basic", sandbox) as (_, url):
        for one in tries:
            answer = await raw(url, lines=(one, *lines(HEAD)), message=CALL)
            assert answer.status in (400, 401), one
        assert (await raw(url, lines=(f"Authorization: {secret}", *lines(HEAD)), message=CALL)).status == 200
    made = [call["path"] for call in control(sandbox, "GET", "calls")["calls"]]
    assert made == ["/v3/lists", "/v3/lists"]  # the proof of the one that was let in, and its call


async def test_a_second_request_on_a_connection_is_asked_anew(tmp_path: Path, sandbox: RunningSandbox) -> None:
    import asyncio
    import json

    file = callers_file(tmp_path, entry("ana", owner_of(sandbox)))
    body = json.dumps(CALL).encode()
    async with served("tokens", sandbox, callers=file) as (_, url):
        place = urlsplit(url)

        def request(*more: str, end: str = "keep-alive") -> bytes:
            head = ["POST /mcp HTTP/1.1", f"Host: {place.netloc}", *lines(JSON, HEAD), *more, f"Connection: {end}"]
            return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body

        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request(*lines(bearer(token_of("ana")))) + request(end="close"))
        received = (await asyncio.wait_for(reader.read(), 20)).decode()
        writer.close()
    assert received.count("HTTP/1.1 200 OK") == received.count("HTTP/1.1 401 Unauthorized") == 1
    assert len(control(sandbox, "GET", "calls")["calls"]) == 1


# --- where it listens --------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({}, "set CLICKSEND_MCP_HTTP_AUTH, or use --host 127.0.0.1"),
        ({"URL": "https://mcp.example.com"}, "set CLICKSEND_MCP_HTTP_AUTH, or use --host 127.0.0.1"),
        ({"AUTH": "none", "URL": "https://mcp.example.com"}, "set CLICKSEND_MCP_HTTP_AUTH"),
        ({"AUTH": "basic"}, "CLICKSEND_MCP_HTTP_URL has to say how callers reach this server"),
    ],
)
def test_a_network_address_needs_callers_and_an_address(
    host: str,
    own: dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from server.cli.main import main

    for name, value in own.items():
        monkeypatch.setenv(f"CLICKSEND_MCP_HTTP_{name}", value)
    with pytest.raises(SystemExit) as ended:
        main(["http", "--host", host, "--port", "0"])
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert host in said
    assert told in said


async def test_a_network_address_without_callers_ends_the_process() -> None:
    status, out, errors = await run("http", "--host", "0.0.0.0", "--port", "0", CLICKSEND_MCP_HTTP_AUTH="basic")
    assert (status, out, errors.count("\n")) == (2, "", 1)
    assert "CLICKSEND_MCP_HTTP_URL" in errors


async def test_other_hosts_and_origins_are_turned_away_with_credentials_too(sandbox: RunningSandbox) -> None:
    ana = lines(owner_of(sandbox).headers)
    message, head = modern("tools/call", name=ACCOUNT, arguments={})
    hosts = {
        "mcp.example.com": 200,
        "mcp.example.com:443": 200,
        "MCP.example.com": 421,
        "evil.example": 421,
        "evil.example:443": 421,
        "mcp.example.com.evil.example": 421,
        "evil.example/mcp.example.com": 421,
        "mcp.example.com@evil.example": 421,
        "": 421,
    }
    origins = {
        "https://mcp.example.com": 200,
        "http://mcp.example.com": 403,
        "https://mcp.example.com.evil.example": 403,
        "https://evil.example": 403,
        "null": 403,
    }
    async with served("basic", sandbox, url="https://mcp.example.com/") as (_, url):
        for by_era in ((message, lines(head)), (HELLO[0], ())):
            for host, status in hosts.items():
                answer = await raw(url, lines=(f"Host: {host}", *ana, *by_era[1]), message=by_era[0])
                assert answer.status in ({status, 400} if not host or "@" in host or "/" in host else {status}), host
            for origin, status in origins.items():
                given = ("Host: mcp.example.com", f"Origin: {origin}", *ana, *by_era[1])
                assert (await raw(url, lines=given, message=by_era[0])).status == status, origin
        nobody = await raw(url, lines=("Host: evil.example", *lines(basic("x", ""))), message=HELLO[0])
    assert nobody.status == 401
    # The lists are the proof of who calls.
    assert {call["path"] for call in control(sandbox, "GET", "calls")["calls"]} == {"/v3/account", "/v3/lists"}
