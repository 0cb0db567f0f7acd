"""The log of a server with many callers: one line a call, which says what an operator needs and nothing private."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.hosting import Program, running_http
from support.inputs import BAD, GOOD, MARKED_NUMBER, MARKED_TEXT, MESSAGE_ID
from support.scripted import BASIC, SECRET, answer, drops, envelope, keeps_silent, says, scripted
from support.troubles import ACCEPTED, READ, SEND, at, browsing, call, callers, request, wire

pytestmark = pytest.mark.anyio

JSON = {"CLICKSEND_MCP_LOG_LEVEL": "DEBUG", "CLICKSEND_MCP_LOG_FORMAT": "json", "CLICKSEND_MCP_DUPLICATE_WINDOW": "0"}


def lines(program: Program) -> list[dict[str, Any]]:
    """What a program that has ended has logged, after the line that says where it listens."""
    return [json.loads(line) for line in program.errors.splitlines()[1:]]


async def test_a_line_a_call_says_who_did_what_and_how_it_ended(tmp_path: Path) -> None:
    own, (ana, bo) = callers(tmp_path, "ana", "bo")
    async with scripted(says(ACCEPTED)) as upstream, running_http(**at(upstream, **own, **JSON)) as (program, url):
        async with browsing() as web:
            for number, (caller, told, script) in enumerate(
                (
                    (ana, call(SEND, GOOD[SEND]), says(ACCEPTED)),
                    (bo, call(READ, {}), says(ACCEPTED)),
                    (ana, call(SEND, GOOD[SEND]), drops),
                    (ana, call(SEND, BAD[SEND]), drops),
                    (bo, call(READ, {}), drops),
                )
            ):
                upstream.script = script
                headers = told["headers"] | caller | {"X-Request-ID": f"request-{number}"}
                got = await web.post(url, content=told["content"], headers=headers)
                assert got.headers["x-request-id"] == f"request-{number}"
        program.process.terminate()
        await program.ended()
    logged = lines(program)
    assert [line["message"] for line in logged] == ["call"] * 5
    said = [tuple(line.get(name) for name in ("request", "action", "outcome", "caller", "cost")) for line in logged]
    assert said == [
        ("request-0", SEND, "successful", "ana", "0.0792"),
        ("request-1", READ, "successful", "bo", None),
        ("request-2", SEND, "failed", "ana", None),
        ("request-3", SEND, "failed", "ana", None),
        ("request-4", READ, "failed", "bo", None),
    ]
    for line in logged:
        assert isinstance(line["ms"], int)
        assert (line["level"], line["logger"]) == ("INFO", "clicksend_mcp")
        assert line["time"].endswith("+00:00")


@pytest.mark.parametrize(
    "given",
    ["has spaces in it", "short", "x" * 65, "semi;colon-and-more", 'quote"d-request', "ünicode-request", ""],
)
async def test_an_id_that_is_not_sane_is_replaced(given: str) -> None:
    async with scripted(says(ACCEPTED)) as upstream, running_http(**at(upstream, **JSON)) as (program, url):
        async with wire(url) as client:
            head, _, body = request(url, call(READ, {})).partition(b"\r\n\r\n")
            await client.write(head + b"\r\nX-Request-ID: " + given.encode() + b"\r\n\r\n" + body)
            _, headers, _ = await client.answer()
        program.process.terminate()
        await program.ended()
    (line,) = lines(program)
    assert headers["x-request-id"] == line["request"] != given
    assert len(line["request"]) == 16
    if given:
        assert given not in program.errors


async def test_a_line_break_in_an_id_writes_no_line_of_its_own() -> None:
    async with scripted(says(ACCEPTED)) as upstream, running_http(**at(upstream, **JSON)) as (program, url):
        for broken in (b"request-1\n evil-line", b"request-1\r\n evil-line", b"request-1\rINFO evil"):
            async with wire(url) as client:
                head, _, body = request(url, call(READ, {})).partition(b"\r\n\r\n")
                await client.write(head + b"\r\nX-Request-ID: " + broken + b"\r\nConnection: close\r\n\r\n" + body)
                await client.end()
        program.process.terminate()
        await program.ended()
    assert "evil" not in program.errors
    lines(program)


async def test_a_refused_request_has_an_id_too(tmp_path: Path) -> None:
    own, _ = callers(tmp_path, "ana")
    async with running_http(**at("http://127.0.0.1:1", **own)) as (_, url), browsing() as web:
        told = call(READ, {})
        refused = await web.post(url, content=told["content"], headers=told["headers"] | {"X-Request-ID": "request-1"})
    assert refused.status_code == 401
    assert refused.headers["x-request-id"] == "request-1"


@pytest.mark.parametrize("form", ["text", "json"])
async def test_nothing_private_is_logged_at_any_level(tmp_path: Path, form: str) -> None:
    own, (ana,) = callers(tmp_path, "ana")
    echo = {"key": SECRET, "number": MARKED_NUMBER, "text": MARKED_TEXT}
    scripts = [
        says(answer(200, envelope(echo))),
        says(answer(400, envelope(echo, 400, "BAD_REQUEST", f"{MARKED_TEXT} {SECRET}"))),
        drops,
        keeps_silent,
    ]
    quick = {"CLICKSEND_MCP_TOTAL_TIMEOUT": "1", "CLICKSEND_MCP_LOG_FORMAT": form}
    token = ana["Authorization"].removeprefix("Bearer ")
    async with scripted(drops) as upstream, running_http(**at(upstream, **own, **JSON | quick)) as (program, url):
        async with browsing() as web:
            for script in scripts:
                upstream.script = script
                for slug, arguments in ((SEND, GOOD[SEND]), (READ, {}), (SEND, BAD[SEND]), (MARKED_TEXT, {})):
                    told = call(slug, arguments)
                    await web.post(url, content=told["content"], headers=told["headers"] | ana)
            told = call(READ, {})
            await web.post(
                url, content=told["content"], headers=told["headers"] | {"Authorization": f"Bearer {SECRET}"}
            )
            await web.post(f"{url}?{MARKED_TEXT}", content=MARKED_TEXT, headers=ana | {"X-Text": MARKED_TEXT})
            await web.get(url.replace("/mcp", f"/{MARKED_TEXT}"))
        async with wire(url) as client:
            await client.write(f"{MARKED_TEXT} HTTP/9.9\n\n")
            await client.end()
        program.process.terminate()
        await program.ended()
    assert program.errors.count("outcome") == 3 * len(scripts)
    for mark in (SECRET, BASIC, MARKED_TEXT, MARKED_NUMBER, MARKED_NUMBER[1:], MESSAGE_ID, token):
        assert mark not in program.errors, mark
