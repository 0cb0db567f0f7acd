"""Progress over real stdio and real HTTP, in both protocol eras: what a client hears of a long call, if it asks."""

import asyncio
import time
from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitResult
from support.hosting import ERAS, HELLO, calling, running, running_http, stdio
from support.reports import (
    ANYWHERE_IN_AU,
    CAMPAIGN,
    EXPORT,
    EXPORTED,
    IMPORT,
    IMPORTING,
    LOST,
    READ,
    SALE,
    SEND,
    Reports,
    accepted,
    batch,
    connected,
    holding,
)
from support.scripted import answer, good, refusal
from support.troubles import at, browsing, call

pytestmark = pytest.mark.anyio

EVERYWHERE = pytest.mark.parametrize(
    ("transport", "era"), [(transport, era) for transport in ("stdio", "http") for era in ERAS]
)


async def started(client: Client, slug: str, arguments: dict[str, Any]) -> tuple[Reports, asyncio.Task[dict[str, Any]]]:
    """A call under way, and what is heard of it."""
    reports = Reports()

    async def envelope() -> dict[str, Any]:
        result = await client.call_tool(slug, arguments, progress_callback=reports)
        assert result.structured_content is not None
        return result.structured_content

    return reports, asyncio.create_task(envelope())


@EVERYWHERE
async def test_the_contacts_of_a_list_are_counted_while_they_are_checked(transport: str, era: str) -> None:
    begun = time.monotonic()
    async with (
        holding("page=1&", "page=3&", "sms-campaigns/send") as (clicksend, upstream),
        connected(transport, era, upstream, **ANYWHERE_IN_AU) as client,
    ):
        reports, sale = await started(client, CAMPAIGN, SALE)
        assert await reports.until("Reading contact list 88") == (
            0,
            None,
            "Reading contact list 88, to check everybody on it against the limits",
        )
        clicksend.let_go("page=1&")
        assert await reports.until("Read 200") == (
            200,
            300,
            "Read 200 of 300 contacts, to check them against the limits",
        )
        clicksend.let_go("page=3&")
        done, total, _ = await reports.until("Create and Send SMS Campaign: waiting for ClickSend's answer")
        assert done > 300
        assert total is None
        clicksend.let_go("sms-campaigns/send")
        assert (await sale)["successful"]
        heard = len(reports.heard)
        assert (await client.call_tool(READ, {})).structured_content["successful"]
    assert len(reports.heard) == heard  # nothing came after the result
    assert reports.are_sound(time.monotonic() - begun)


@EVERYWHERE
async def test_a_batch_of_a_thousand_tells_its_stages(transport: str, era: str) -> None:
    limits = ANYWHERE_IN_AU | {"CLICKSEND_MCP_MAX_COST_PER_CALL": "100"}
    begun = time.monotonic()
    async with (
        holding("/sms/price", "/sms/send") as (clicksend, upstream),
        connected(transport, era, upstream, **limits) as client,
    ):
        reports, sending = await started(client, SEND, batch(1_000))
        await reports.until("Asking ClickSend for the price")
        clicksend.let_go("/sms/price")
        await reports.until("Send SMS Messages: waiting for ClickSend's answer")
        clicksend.let_go("/sms/send")
        assert (await sending)["successful"]
    assert reports.heard[0][2] in ("Checked 1,000 recipients against the limits", "Asking ClickSend for the price")
    assert {total for _, total, _ in reports.heard} == {None}  # how long ClickSend takes is not known
    assert reports.are_sound(time.monotonic() - begun)


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_person_who_is_asked_is_waited_for_in_the_open(transport: str) -> None:
    reports = Reports()
    questions = []

    async def person(_: Any, question: Any) -> ElicitResult:
        questions.append(question.message)
        await reports.until("Waiting for a person's approval")
        return ElicitResult(action="accept", content={"approve": True})

    asking = {"CLICKSEND_MCP_APPROVAL": "always"}
    async with holding(sms_send=[accepted(20)]) as (_, upstream):
        if transport == "stdio":
            async with Client(stdio(**at(upstream, **asking)), mode="legacy", elicitation_callback=person) as client:
                result = await client.call_tool(SEND, batch(20), progress_callback=reports)
        else:
            async with (
                running_http(**at(upstream, **asking)) as (_, url),
                Client(url, mode="legacy", elicitation_callback=person) as client,
            ):
                result = await client.call_tool(SEND, batch(20), progress_callback=reports)
    assert result.structured_content["successful"]
    assert len(questions) == 1


@EVERYWHERE
async def test_an_import_is_followed_until_it_has_ended(transport: str, era: str) -> None:
    begun = time.monotonic()
    async with (
        holding("POST /v3/lists/88/import", "GET /v3/lists/88 #1", "GET /v3/lists/88 #2", "GET /v3/lists/88 #3") as (
            clicksend,
            upstream,
        ),
        connected(transport, era, upstream) as client,
    ):
        reports, importing = await started(client, IMPORT, IMPORTING)
        await reports.until("Import Contacts to List: waiting for ClickSend's answer")
        clicksend.let_go("POST /v3/lists/88/import")
        await reports.until("Import accepted; ClickSend fetches the file and fills the list")
        clicksend.let_go("GET /v3/lists/88 #1")
        assert (await reports.until("120 contacts in the list so far"))[:2] == (120, None)
        clicksend.let_go("GET /v3/lists/88 #2")
        assert (await reports.until("5,300 contacts in the list so far"))[:2] == (5_300, None)
        clicksend.let_go("GET /v3/lists/88 #3")
        followed = await importing
        plain = (await client.call_tool(IMPORT, IMPORTING)).structured_content
    assert followed["successful"]
    assert followed == plain
    assert reports.are_sound(time.monotonic() - begun)


@pytest.mark.parametrize(
    "said",
    [refusal(403, "FORBIDDEN"), refusal(429, "HTTP_TOO_MANY_REQUESTS"), answer(200, b"<html>"), good([]), LOST],
    ids=["forbidden", "too many", "no JSON", "no list", "lost"],
)
async def test_an_import_whose_list_cannot_be_read_ends_as_it_was_answered(said: bytes) -> None:
    async with holding() as (clicksend, upstream), connected("stdio", "auto", upstream) as client:
        clicksend.answers = {**clicksend.answers, "GET /v3/lists/88 ": [said]}
        reports, importing = await started(client, IMPORT, IMPORTING)
        followed = await importing
        asked = clicksend.asked("GET /v3/lists/88 ")
        plain = (await client.call_tool(IMPORT, IMPORTING)).structured_content
        assert clicksend.asked("GET /v3/lists/88 ") == asked == 1
    assert followed["successful"]
    assert followed == plain
    assert reports.heard


async def test_an_import_that_was_refused_is_not_followed() -> None:
    async with holding() as (clicksend, upstream), connected("stdio", "auto", upstream) as client:
        clicksend.answers = {"POST /v3/lists/88/import": [refusal(403, "FORBIDDEN")]}
        _, importing = await started(client, IMPORT, IMPORTING)
        assert not (await importing)["successful"]
    assert len(upstream.requests) == 1


@EVERYWHERE
async def test_an_export_is_waited_for_in_the_open(transport: str, era: str) -> None:
    async with holding("export") as (clicksend, upstream), connected(transport, era, upstream) as client:
        reports, exporting = await started(client, EXPORT, {"list_id": 88, "filename": "customers.csv"})
        await reports.until("Export Contacts List: waiting for ClickSend's answer")
        clicksend.let_go("export")
        assert (await exporting)["successful"]


async def test_it_is_told_how_long_a_refusal_for_too_many_calls_is_waited_out() -> None:
    too_many = refusal(429, "HTTP_TOO_MANY_REQUESTS", "Retry-After: 1")
    async with (
        holding("/sms/send#2", sms_send=[too_many, accepted(1)]) as (clicksend, upstream),
        connected("stdio", "auto", upstream, CLICKSEND_MCP_ATTEMPTS="3") as client,
    ):
        reports, sending = await started(client, SEND, batch(1))
        _, _, message = await reports.until("HTTP 429")
        assert message == "ClickSend takes no more calls for now (HTTP 429): attempt 2 of 3 in 1 s"
        clicksend.let_go("/sms/send#2")
        assert (await sending)["successful"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (LOST, "ClickSend gave no usable answer: attempt 2 of 2"),
        (None, "ClickSend could not be reached: attempt 2 of 2"),
    ],
    ids=["lost", "not there"],
)
async def test_it_is_told_why_a_read_is_repeated(fault: bytes | None, told: str) -> None:
    async with holding("/account#2") as (clicksend, upstream):
        clicksend.answers = {"/account": [LOST, EXPORTED]}
        place = upstream if fault is not None else "http://127.0.0.1:1"
        async with connected("stdio", "auto", place, CLICKSEND_MCP_ATTEMPTS="2") as client:
            reports, reading = await started(client, READ, {})
            await reports.until(told)
            clicksend.let_go("/account#2")
            assert (await reading)["successful"] is (fault is not None)


async def test_the_search_for_a_lost_answer_is_told() -> None:
    async with (
        holding("/sms/history", sms_send=[LOST]) as (clicksend, upstream),
        connected("stdio", "auto", upstream, CLICKSEND_MCP_RECONCILE_AFTER="0,0.1") as client,
    ):
        reports, sending = await started(client, SEND, batch(1))
        await reports.until("The outcome is not clear: search 1 of 2 in ClickSend's records")
        clicksend.let_go("/sms/history")
        assert (await sending)["error"].startswith("OUTCOME UNKNOWN")


async def test_who_has_not_asked_over_stdio_hears_nothing() -> None:
    async with holding() as (_, upstream), running(**at(upstream, **ANYWHERE_IN_AU)) as program:
        await program.write(*HELLO, calling(1, CAMPAIGN, SALE), calling(2, IMPORT, IMPORTING))
        await program.answer_to(2)
        await program.close_stdin()
        assert await program.ended() == 0
        asked = [request.line for request in upstream.requests]
    assert not [line for line in program.lines if "notifications/" in line]
    assert not [line for line in asked if line.startswith("GET /v3/lists/88 ")]  # nor is an import followed


async def test_who_has_not_asked_over_http_gets_plain_json_and_who_has_gets_a_stream_that_ends_with_the_result() -> (
    None
):
    async with (
        holding() as (_, upstream),
        running_http(**at(upstream, **ANYWHERE_IN_AU, CLICKSEND_MCP_DUPLICATE_WINDOW="0")) as (_, url),
        browsing() as web,
    ):
        plain = await web.post(url, **call(CAMPAIGN, SALE))
        stream = await web.post(url, **call(CAMPAIGN, SALE, meta={"progressToken": "sale-1"}))
    assert plain.headers["content-type"] == "application/json"
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [line for line in stream.text.splitlines() if line.startswith("data: ")]
    assert '"result"' in events[-1]
    assert len(events) > 1
    for event in events[:-1]:
        assert '"method":"notifications/progress"' in event
        assert '"progressToken":"sale-1"' in event


async def test_the_result_is_the_same_whether_progress_was_asked_for_or_not() -> None:
    async with (
        holding() as (_, upstream),
        connected("stdio", "auto", upstream, **ANYWHERE_IN_AU, CLICKSEND_MCP_DUPLICATE_WINDOW="0") as client,
    ):
        for slug, arguments in ((CAMPAIGN, SALE), (SEND, batch(2)), (SEND, {}), (READ, {})):
            heard = await client.call_tool(slug, arguments, progress_callback=Reports())
            unheard = await client.call_tool(slug, arguments)
            assert heard == unheard
