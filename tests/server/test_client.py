"""The ClickSend client against raw sockets: what it sends, and which error each kind of answer raises."""

import asyncio
import gc
import gzip
from dataclasses import dataclass

import pytest
from support.scripted import (
    BASIC,
    PATIENCE,
    SECRET,
    USERNAME,
    Conversation,
    OneAccount,
    Script,
    answer,
    drops,
    envelope,
    good,
    refusal,
    says,
    says_and_closes,
    says_in_turn,
    scripted,
)

from server.clicksend.client import MAX_ANSWER_BYTES, ClickSend
from server.clicksend.errors import NOT_FROM_THE_API, ClickSendError, NotSent, OutcomeUnknown, Rejected
from server.clicksend.flight import Flight
from server.config.settings import Credentials, Settings
from tools.route import Request

pytestmark = pytest.mark.anyio

READ = Request("GET", "/v3/account")
SEND = Request("POST", "/v3/sms/send", body={"messages": [{"to": "+61411111111", "body": "Grüße 👋"}]})
HTML = b"<html><body>Something went wrong</body></html>"


async def fault_of(settings: Settings, request: Request = SEND) -> ClickSendError:
    """The error of one call."""
    clicksend = OneAccount(settings)
    try:
        with pytest.raises(ClickSendError) as caught:
            await clicksend.send(request)
        return caught.value
    finally:
        await clicksend.aclose()


def html(status: int) -> bytes:
    return answer(status, HTML, kind="text/html; charset=utf-8")


@dataclass(frozen=True)
class Case:
    """Bytes on the wire, and the error they raise."""

    id: str
    script: Script
    kind: type[ClickSendError]
    reason: str
    status: int | None = None
    has_answer: bool = False


@dataclass(frozen=True)
class Passing:
    """A lost answer, and whether another attempt may get a better one."""

    id: str
    script: Script
    transient: bool


CUT_HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: appl"
TRUNCATED = answer(200, b'{"http_code":200,"data":{"messages":[').replace(b"Length: 37", b"Length: 3700")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HALF_A_CHUNK = CHUNKED + b'40\r\n{"http_code":200'
NO_LAST_CHUNK = CHUNKED + b'f\r\n{"data":{"a":1}\r\n'
WRONG_GZIP = answer(200, b"this is no gzip", "Content-Encoding: gzip")
HALF_A_GZIP = answer(200, gzip.compress(b'{"data": "' + bytes(9999) + b'"}')[:40], "Content-Encoding: gzip")
TOO_LARGE = answer(200, b'"' + b"x" * MAX_ANSWER_BYTES + b'"')
TOO_LARGE_UNTOLD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1)
BOMB = answer(200, gzip.compress(b" " * (MAX_ANSWER_BYTES + 1)), "Content-Encoding: gzip")
NESTED = answer(200, b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
GARBAGE = b"\x16\x03\x01 this is not HTTP\r\n\r\n"
CLOSED = "the connection was closed before the answer was complete"
TOO_BIG = "the answer is larger than 10 MB"
NOT_JSON = "HTTP 200 with a body that is no JSON object"
NEITHER = "HTTP 200, neither a yes nor a documented refusal ({})"
OWN_FAULT = "HTTP {}, a fault on ClickSend's side"
RATE_LIMIT = refusal(429, "HTTP_TOO_MANY_REQUESTS", "Retry-After: 39")

CASES = (
    Case("dropped before the answer", drops, OutcomeUnknown, "the connection broke"),
    Case("closed before the answer", says_and_closes(b""), OutcomeUnknown, CLOSED),
    Case("cut in the headers", says_and_closes(CUT_HEADERS), OutcomeUnknown, CLOSED),
    Case("not HTTP", says_and_closes(GARBAGE), OutcomeUnknown, CLOSED),
    Case("body cut off", says_and_closes(TRUNCATED), OutcomeUnknown, CLOSED),
    Case("chunk cut off", says_and_closes(HALF_A_CHUNK), OutcomeUnknown, CLOSED),
    Case("last chunk missing", says_and_closes(NO_LAST_CHUNK), OutcomeUnknown, CLOSED),
    Case("wrong gzip", says(WRONG_GZIP), OutcomeUnknown, "the answer cannot be decoded"),
    Case("half a gzip", says(HALF_A_GZIP), OutcomeUnknown, NOT_JSON),
    Case("too large", says(TOO_LARGE), OutcomeUnknown, TOO_BIG),
    Case("too large, length untold", says_and_closes(TOO_LARGE_UNTOLD), OutcomeUnknown, TOO_BIG),
    Case("too large once unpacked", says(BOMB), OutcomeUnknown, TOO_BIG),
    Case("HTML", says(html(200)), OutcomeUnknown, NOT_JSON),
    Case("empty body", says(answer(200)), OutcomeUnknown, "HTTP 200 with an empty body"),
    Case("JSON array", says(answer(200, [])), OutcomeUnknown, NOT_JSON),
    Case("JSON number", says(answer(200, 7)), OutcomeUnknown, NOT_JSON),
    Case("JSON null", says(answer(200, b"null")), OutcomeUnknown, NOT_JSON),
    Case("broken JSON", says(answer(200, b'{"data": {')), OutcomeUnknown, NOT_JSON),
    Case("NaN", says(answer(200, b'{"data": {"balance": NaN}}')), OutcomeUnknown, NOT_JSON),
    Case("Infinity", says(answer(200, b'{"data": {"balance": Infinity}}')), OutcomeUnknown, NOT_JSON),
    Case("minus Infinity", says(answer(200, b'{"data": [-Infinity]}')), OutcomeUnknown, NOT_JSON),
    Case("a number beyond all bounds", says(answer(200, b'{"data": 1e999}')), OutcomeUnknown, NOT_JSON),
    Case("nested too deep", says(NESTED), OutcomeUnknown, NOT_JSON),
    Case("500", says(refusal(500, "INTERNAL_SERVER_ERROR")), OutcomeUnknown, OWN_FAULT.format(500), has_answer=True),
    Case("500 HTML", says(html(500)), OutcomeUnknown, OWN_FAULT.format(500)),
    Case("502 HTML", says(html(502)), OutcomeUnknown, OWN_FAULT.format(502)),
    Case("504 HTML", says(html(504)), OutcomeUnknown, OWN_FAULT.format(504)),
    Case("503", says(refusal(503, "UNAVAILABLE")), OutcomeUnknown, OWN_FAULT.format(503), has_answer=True),
    Case("503 HTML", says(html(503)), OutcomeUnknown, OWN_FAULT.format(503)),
    Case("503 with a time", says(refusal(503, "UNAVAILABLE", "Retry-After: 9")), OutcomeUnknown,
         OWN_FAULT.format(503), has_answer=True),
    Case("503 HTML with a time", says(answer(503, HTML, "Retry-After: 9", kind="text/html")), OutcomeUnknown,
         OWN_FAULT.format(503)),
    Case("500 with a time", says(refusal(500, "INTERNAL_SERVER_ERROR", "Retry-After: 9")), OutcomeUnknown,
         OWN_FAULT.format(500), has_answer=True),
    Case("400", says(refusal(400, "BAD_REQUEST")), Rejected, "BAD_REQUEST: No.", 400, has_answer=True),
    Case("400 HTML", says(html(400)), Rejected, NOT_FROM_THE_API, 400),
    Case("401", says(refusal(401, "UNAUTHORIZED")), Rejected, "UNAUTHORIZED: No.", 401, has_answer=True),
    Case("403", says(refusal(403, "FORBIDDEN")), Rejected, "FORBIDDEN: No.", 403, has_answer=True),
    Case("403 HTML", says(html(403)), Rejected, NOT_FROM_THE_API, 403),
    Case("404", says(refusal(404, "NOT_FOUND")), Rejected, "NOT_FOUND: No.", 404, has_answer=True),
    Case("405", says(refusal(405, "NOT_FOUND")), Rejected, "NOT_FOUND: No.", 405, has_answer=True),
    Case("429", says(RATE_LIMIT), Rejected, "HTTP_TOO_MANY_REQUESTS: No.", 429, has_answer=True),
    Case("401 inside 200", says(answer(200, envelope(None, 401, "UNAUTHORIZED", "No."))), Rejected,
         "UNAUTHORIZED: No.", 401, has_answer=True),
    Case("500 inside 200", says(answer(200, envelope(None, 500, "INTERNAL_SERVER_ERROR", "No."))), OutcomeUnknown,
         OWN_FAULT.format(500), has_answer=True),
    Case("401 as text inside 200", says(answer(200, envelope(None, "401", "UNAUTHORIZED", "No."))), Rejected,
         "UNAUTHORIZED: No.", 401, has_answer=True),
    Case("500 as text inside 200", says(answer(200, envelope(None, "500", "OUCH", "No."))), OutcomeUnknown,
         OWN_FAULT.format(500), has_answer=True),
    *(Case(f"SUCCESS that is a {inner} as well", says(answer(200, envelope({}, inner))), OutcomeUnknown,
           f"HTTP 200 says both SUCCESS and http_code {inner}", has_answer=True) for inner in (100, 302, 400, 500)),
    *(Case(f"{code} inside 200", says(answer(200, envelope({}, 200, code, "Hm."))), OutcomeUnknown,
           NEITHER.format(f"{code}: Hm."), has_answer=True) for code in ("success", "OK", "Queued", "", 200, 400)),
    Case("503 inside 200", says(answer(200, envelope(None, 503, "UNAVAILABLE", "No."))), OutcomeUnknown,
         OWN_FAULT.format(503), has_answer=True),
    *(Case(f"{code} inside 200", says(answer(200, envelope(None, 200, code, "Oops."))), OutcomeUnknown,
           NEITHER.format(f"{code}: Oops."), has_answer=True)
      for code in ("INTERNAL_ERROR", "INTERNAL_SERVER_ERROR", "SOMETHING_IS_WRONG")),
    Case("refusal inside 200", says(answer(200, envelope(None, 200, "INSUFFICIENT_CREDIT", "No."))), Rejected,
         "INSUFFICIENT_CREDIT: No.", 200, has_answer=True),
    Case("a call refused inside 200", says(answer(200, envelope(None, 200, "BAD_REQUEST", "No."))), Rejected,
         "BAD_REQUEST: No.", 200, has_answer=True),
    Case("integer code inside 400", says(answer(400, envelope(None, 400, 400, "No."))), Rejected, "400: No.", 400,
         has_answer=True),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_each_bad_answer_raises_one_error_after_one_request(case: Case) -> None:
    async with scripted(case.script) as upstream:
        fault = await fault_of(upstream.settings())
    assert (type(fault), fault.reason) == (case.kind, case.reason)
    assert len(upstream.requests) == 1
    assert getattr(fault, "status", None) == case.status
    assert (getattr(fault, "answer", None) is not None) is case.has_answer


@pytest.mark.parametrize("request_", [READ, SEND], ids=["read", "send"])
async def test_a_refused_connection_is_not_sent(request_: Request) -> None:
    async with scripted(drops) as upstream:
        settings = upstream.settings()
    fault = await fault_of(settings, request_)
    assert isinstance(fault, NotSent)
    assert upstream.connections == 0


async def test_an_unknown_host_is_not_sent() -> None:
    credentials = Credentials("ana", "secret-of-ana")
    fault = await fault_of(Settings(credentials=credentials, base_url="https://clicksend.invalid"))
    assert isinstance(fault, NotSent)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("39", 39), ("0", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("soon", None), ("9" * 5_000, None)],
    ids=["39", "0", "date", "word", "endless"],
)
async def test_retry_after_is_kept_where_it_is_in_seconds(header: str, seconds: int | None) -> None:
    async with scripted(says(refusal(429, "HTTP_TOO_MANY_REQUESTS", f"Retry-After: {header}"))) as upstream:
        fault = await fault_of(upstream.settings())
    assert isinstance(fault, Rejected)
    assert fault.retry_after == seconds


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308, 399])
async def test_a_redirect_is_not_followed_and_its_outcome_is_unknown(status: int) -> None:
    """ClickSend may have acted before it redirects."""
    async with scripted(says(good({}))) as elsewhere:
        location = f"Location: {elsewhere.url}/v3/sms/send"
        async with scripted(says(answer(status, None, location))) as upstream:
            fault = await fault_of(upstream.settings())
    assert isinstance(fault, OutcomeUnknown)
    assert not fault.transient
    assert "CLICKSEND_BASE_URL may be wrong" in fault.reason
    assert elsewhere.connections == 0
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", ["000", "101", "199", "600", "999"])
async def test_an_invalid_http_status_has_an_unknown_outcome(status: str) -> None:
    """Only 4xx is a refusal."""
    body = b'{"http_code":200,"response_code":"SUCCESS","data":{}}'
    head = f"HTTP/1.1 {status} Odd\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    async with scripted(says_and_closes(head.encode() + body)) as upstream:
        fault = await fault_of(upstream.settings(), SEND)
    assert isinstance(fault, OutcomeUnknown)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(200, "SUCCESS"), (201, "CREATED"), (201, "SUCCESS"), (200, "CREATED"), (200, "NO_CONTENT")]
)
async def test_every_documented_success_is_accepted(status: int, code: str) -> None:
    """ClickSend documents 200, 201 and 204 with SUCCESS, CREATED and NO_CONTENT."""
    content = envelope({"list_id": 88}, 204 if code == "NO_CONTENT" else status, code)
    async with scripted(says(answer(status, content))) as upstream:
        clicksend = OneAccount(upstream.settings())
        assert (await clicksend.send(Request("POST", "/v3/lists", body={"list_name": "VIP"}))).body == content
        await clicksend.aclose()


async def test_a_204_is_an_empty_answer() -> None:
    async with scripted(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as upstream:
        clicksend = OneAccount(upstream.settings())
        assert (await clicksend.send(Request("DELETE", "/v3/lists/1"))).body == {}
        await clicksend.aclose()


@pytest.mark.parametrize(
    ("body", "text"),
    [(b'"caf\xc3\xa9"', "café"), (b'"caf\xff"', "caf\ufffd"), (b'"\xed\xa0\x80"', "\ufffd" * 3)],
    ids=["UTF-8", "broken UTF-8", "surrogate"],
)
async def test_invalid_utf8_does_not_invalidate_an_answer(body: bytes, text: str) -> None:
    async with scripted(says(answer(200, b'{"data":' + body + b"}"))) as upstream:
        clicksend = OneAccount(upstream.settings())
        assert (await clicksend.send(READ)).body == {"data": text}
        await clicksend.aclose()


@pytest.mark.parametrize("code", [None, "", "OK", "two hundred", -1, 200.0, [500], True], ids=repr)
async def test_an_invalid_http_code_is_ignored(code: object) -> None:
    content = envelope({}) | {"http_code": code}
    async with scripted(says(answer(200, content))) as upstream:
        clicksend = OneAccount(upstream.settings())
        assert (await clicksend.send(READ)).body == content
        await clicksend.aclose()


async def test_a_byte_order_mark_before_json_is_ignored() -> None:
    async with scripted(says(answer(200, b"\xef\xbb\xbf" + b'{"data": 1}'))) as upstream:
        clicksend = OneAccount(upstream.settings())
        assert (await clicksend.send(READ)).body == {"data": 1}
        await clicksend.aclose()


PASSING = (
    Passing("dropped", drops, True),
    Passing("cut off", says_and_closes(TRUNCATED), True),
    Passing("500", says(refusal(500, "INTERNAL_SERVER_ERROR")), True),
    Passing("502", says(html(502)), True),
    Passing("503", says(html(503)), True),
    Passing("HTML", says(html(200)), False),
    Passing("empty", says(answer(200)), False),
    Passing("too large", says(TOO_LARGE), False),
    Passing("a fault inside 200", says(answer(200, envelope(None, 200, "INTERNAL_ERROR"))), False),
)


@pytest.mark.parametrize("case", PASSING, ids=lambda case: case.id)
async def test_only_a_broken_connection_and_a_5xx_are_transient(case: Passing) -> None:
    async with scripted(case.script) as upstream:
        fault = await fault_of(upstream.settings())
    assert isinstance(fault, OutcomeUnknown)
    assert fault.transient is case.transient


async def test_a_read_carries_credentials_and_no_body() -> None:
    async with scripted(says(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings())
        query = {"q": "to:+61411111111", "page": 2}
        await clicksend.send(Request("GET", "/v3/sms/history", query=query))
        await clicksend.aclose()
    (arrived,) = upstream.requests
    assert arrived.line == "GET /v3/sms/history?q=to:%2B61411111111&page=2 HTTP/1.1"
    assert arrived.body == b""
    assert arrived.headers == {
        "host": upstream.url.removeprefix("http://"),
        "authorization": f"Basic {BASIC}",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
        "user-agent": "clicksend-mcp",
    }


async def test_a_send_carries_its_json_in_utf8() -> None:
    async with scripted(says(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings())
        await clicksend.send(SEND)
        await clicksend.aclose()
    (arrived,) = upstream.requests
    assert arrived.line == "POST /v3/sms/send HTTP/1.1"
    assert arrived.json == SEND.body
    assert "Grüße 👋".encode() in arrived.body
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.headers["content-length"] == str(len(arrived.body))
    assert arrived.headers["authorization"] == f"Basic {BASIC}"


async def test_a_request_without_a_body_sends_none() -> None:
    async with scripted(says(good({}))) as upstream:
        clicksend = OneAccount(upstream.settings())
        await clicksend.send(Request("PUT", "/v3/sms/cancel-all"))
        await clicksend.aclose()
    assert upstream.requests[0].body == b""


async def test_calls_share_one_connection() -> None:
    async with scripted(says_in_turn([good(1), refusal(404, "NOT_FOUND"), good(3)])) as upstream:
        clicksend = OneAccount(upstream.settings())
        await clicksend.send(READ)
        with pytest.raises(Rejected):
            await clicksend.send(READ)
        await clicksend.send(READ)
        await clicksend.aclose()
    assert (upstream.connections, len(upstream.requests)) == (1, 3)


async def test_a_proxy_from_the_environment_does_not_see_requests_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted(says(good({}))) as proxy, scripted(says(good({"here": 1}))) as upstream:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        clicksend = OneAccount(upstream.settings())
        assert (await clicksend.send(READ)).body == envelope({"here": 1})
        await clicksend.aclose()
    assert proxy.connections == 0


async def test_calls_with_equal_credentials_are_independent() -> None:
    answered = [asyncio.Event(), asyncio.Event()]

    async def in_turn(talk: Conversation) -> None:
        await answered[len(talk.upstream.requests) - 1].wait()
        await talk.say(good({"secret": SECRET}))

    async with scripted(in_turn) as upstream:
        clicksend = ClickSend(upstream.settings())
        # Over HTTP each request has credentials of its own, which are collected when it ends.
        calls = []
        for number in (1, 2):
            calls.append(asyncio.create_task(clicksend.send(READ, Credentials(USERNAME, SECRET), Flight())))
            async with asyncio.timeout(PATIENCE):
                while len(upstream.requests) < number:  # noqa: ASYNC110 - bounded above
                    await asyncio.sleep(0.01)
        for number in (0, 1):
            answered[number].set()
            assert SECRET not in str(await calls.pop(0))
            gc.collect()
        await clicksend.aclose()
