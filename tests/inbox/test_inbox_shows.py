"""What an agent does is on the page, as it happens and without a reload."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from browsing import Site, Tab
from playwright.sync_api import Browser, expect
from support.hosting import HELLO, Program, calling, running, running_http
from support.sandbox_client import ANA, BEN, HOUR, Sandbox
from support.sandbox_process import sandbox_process

LETTER: dict[str, Any] = {
    "file_url": "https://files.example/letters/invoice-4411.pdf",
    "colour": 1,
    "duplex": 1,
    "priority_post": 1,
    "recipients": [
        {
            "address_name": "Ana Reyes",
            "address_line_1": "12 Long Street",
            "address_city": "Perth",
            "address_state": "WA",
            "address_postal_code": "6000",
            "address_country": "AU",
            "return_address_id": 1001,
        }
    ],
}
RULE = {
    "dedicated_number": "*",
    "rule_name": "Opening hours",
    "message_search_type": 2,
    "message_search_term": "open",
    "action": "AUTO_REPLY",
    "action_address": "",
    "body": "We are open from 9 to 17.",
    "enabled": 1,
}


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    """A thread with an event loop; the one of this thread is the browser's."""
    with start_blocking_portal() as portal:
        yield portal


def test_what_an_agent_sends_appears_without_a_reload(portal: BlockingPortal, browser: Browser) -> None:
    agent: AbstractContextManager[Program] = portal.wrap_async_context_manager(running("--sandbox"))
    with agent as program:
        line = portal.call(program.error_line)
        (url,) = re.findall(r"^Sandbox at (\S+): nothing is sent or paid\. Inbox at \1/_sandbox/inbox$", line)
        portal.call(program.write, *HELLO)
        portal.call(program.answer_to, 0)
        with Tab.opened(browser, url) as tab:
            expect(tab.page.get_by_text("No messages yet")).to_be_visible()
            tab.page.evaluate("window.loadedOnce = true")
            message = {"to": ANA, "body": "Your parcel is on its way.", "from": "Acme"}
            send = calling(1, "CLICKSEND_CREATE_SMS_SEND", {"messages": [message]})
            portal.call(program.write, send)
            assert portal.call(program.answer_to, 1)["result"]["structuredContent"]["successful"]
            tab.page.get_by_role("link", name=ANA).click()
            expect(tab.message("Your parcel is on its way.")).to_contain_text("$0.0792")
            # The clock runs, and moves the message on without anybody doing anything.
            expect(tab.message("Your parcel is on its way.")).to_contain_text("Completed")
            assert tab.page.evaluate("window.loadedOnce")
        portal.call(program.close_stdin)
        assert portal.call(program.ended) == 0


def test_over_http_the_address_of_the_page_is_told_as_well(portal: BlockingPortal) -> None:
    with portal.wrap_async_context_manager(running_http("--sandbox")) as (program, _):
        (address,) = re.findall(r"Inbox at (\S+)\n", program.errors)
        assert "<title>Inbox of the sandbox</title>" in httpx.get(address, trust_env=False).text


def test_a_conversation_tells_sender_status_parts_price_schedule_and_campaign(sandbox: Sandbox, tab: Tab) -> None:
    list_id = sandbox.new_list(ANA)
    sandbox.post("/v3/sms-campaigns/send", {"name": "Spring sale", "body": "20% off", "list_id": list_id})
    sandbox.send_one(body="x" * 200, custom_string="order-4411", **{"from": "Acme"})
    sandbox.send_one(body="Later", schedule=sandbox.now() + HOUR)
    sandbox.send_one(to="+61400990301", body="Nobody there")
    sandbox.advance(10)
    tab.page.get_by_role("link", name=ANA).click()
    campaign, own, later = tab.message("20% off"), tab.message("xxx"), tab.message("Later")
    for part in ("+61400000999", "Completed", "1 part", "$0.0792", "Spring sale"):
        expect(campaign).to_contain_text(part)
    for part in ("Acme", "Completed", "2 parts", "$0.1584", "order-4411"):
        expect(own).to_contain_text(part)
    expect(later).to_contain_text("Scheduled")
    expect(tab.page.get_by_text("Not sent yet")).to_be_visible()
    expect(tab.page.get_by_role("link", name="+61400990301")).to_contain_text("1 failed")
    sandbox.put("/v3/sms/cancel-all", {})
    expect(later).to_contain_text("Cancelled")


def test_a_picture_from_elsewhere_is_loaded_only_when_it_is_asked_for(
    sandbox: Sandbox, browser: Browser, other_site: Site
) -> None:
    host = other_site.url.replace("http://127.0.0.1", "pictures.example")
    picture = {"to": ANA, "body": "Look", "subject": "New in"}
    sandbox.post("/v3/mms/send", {"media_file": f"http://{host}/cat.jpg", "messages": [picture]})
    with Tab.opened(browser, sandbox.url, view=f"messages/{ANA}") as tab:
        expect(tab.message("New in")).to_contain_text(f"from {host}")
        assert other_site.requests == []
        tab.page.get_by_role("button", name="Load the picture").click()
        shown = tab.page.frame_locator(f"iframe[title='Picture from {host}']").locator("img")
        expect(shown).to_have_js_property("naturalWidth", 640)
        assert other_site.requests == ["/cat.jpg"]
        tab.requests.remove(f"http://{host}/cat.jpg")


def test_a_picture_of_the_sandbox_itself_is_there_at_once(sandbox: Sandbox, tab: Tab) -> None:
    media = f"{sandbox.url}/_sandbox/page/beach.jpg"
    sandbox.post("/v3/mms/send", {"media_file": media, "messages": [{"to": ANA, "body": "Sea", "subject": "New in"}]})
    tab.go(f"messages/{ANA}")
    expect(tab.page.get_by_role("img", name="Picture of the message")).to_have_js_property("naturalWidth", 640)
    assert tab.page.get_by_role("button", name="Load the picture").count() == 0


def test_letters_have_their_address_and_options(sandbox: Sandbox, tab: Tab) -> None:
    tab.go("letters")
    expect(tab.page.get_by_text("No letters yet")).to_be_visible()
    sandbox.post("/v3/post/letters/send", LETTER)
    letter = tab.page.locator("li.letter")
    for part in ("Ana Reyes", "12 Long Street", "Perth WA 6000", "AU", "1 Sandpit Lane", "$1.47"):
        expect(letter).to_contain_text(part)
    expect(letter).to_contain_text("colour, both sides, priority post")
    expect(letter.get_by_role("link", name="invoice-4411.pdf")).to_have_attribute("rel", "noreferrer noopener")
    expect(letter).to_contain_text("at files.example")


def test_lists_open_into_their_contacts(sandbox: Sandbox, tab: Tab) -> None:
    list_id = sandbox.new_list(name="Loyal customers")
    contact = {"phone_number": ANA, "first_name": "Ana", "last_name": "Reyes", "custom_1": "gold"}
    sandbox.post(f"/v3/lists/{list_id}/contacts", contact)
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"email": "ben@example.com"})
    tab.page.get_by_role("link", name="Lists").click()
    tab.page.get_by_role("link", name="Loyal customers").click()
    expect(tab.page.get_by_role("heading", name="Ana Reyes")).to_be_visible()
    expect(tab.page.locator("li.contact").first).to_contain_text("gold")
    tab.page.get_by_role("searchbox", name="Search contacts").fill("ben@")
    expect(tab.page.locator("li.contact")).to_have_count(1)


def test_a_reply_from_the_phone_runs_the_rules_and_the_automatic_answer_is_there(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.post("/v3/automations/sms/inbound", RULE)
    sandbox.send_one(body="Hello", **{"from": "+61400000555"})
    tab.page.get_by_role("link", name=ANA).click()
    reply = tab.page.get_by_label("Reply from this phone to +61400000555")
    reply.fill("Are you open on Saturday?")
    reply.press("Enter")
    expect(tab.message("Are you open on Saturday?")).to_contain_text("Opening hours: Replies, SUCCESS")
    expect(tab.message("We are open from 9 to 17.")).to_contain_text("+61400000555")
    expect(reply).to_have_value("")
    expect(reply).to_be_focused()
    tab.page.get_by_role("link", name="Rules").click()
    expect(tab.page.get_by_text("messages that contain “open”")).to_be_visible()
    expect(tab.page.get_by_text("Opening hours: Replies, SUCCESS")).to_be_visible()


def test_a_person_writes_from_a_phone_that_nobody_has_written_to(sandbox: Sandbox, tab: Tab) -> None:
    tab.page.get_by_role("button", name="From a phone").click()
    tab.page.get_by_label("Phone number").fill("0400 000 002")
    tab.page.get_by_label("Text").fill("Hello, is anybody there?")
    tab.page.get_by_role("button", name="Send", exact=True).click()
    expect(tab.message("Hello, is anybody there?")).to_be_visible()
    expect(tab.page.get_by_role("heading", name=BEN)).to_be_visible()


def test_campaigns_are_shown_before_they_are_sent(sandbox: Sandbox, tab: Tab) -> None:
    list_id = sandbox.new_list(ANA, BEN, name="Loyal customers")
    campaign = {"name": "Spring sale", "body": "20% off", "list_id": list_id, "schedule": sandbox.now() + HOUR}
    sandbox.post("/v3/sms-campaigns/send", campaign)
    tab.go("campaigns")
    card = tab.page.locator("li.card")
    for part in ("Spring sale", "Scheduled", "20% off", "2 contacts of Loyal customers"):
        expect(card).to_contain_text(part)
    tab.page.get_by_role("button", name="Move the clock on by an hour").click()
    tab.page.get_by_role("button", name="Move the clock on by a minute").click()
    expect(card.locator(".status")).to_have_text("Sent")


def test_the_clock_alone_moves_letters_and_campaigns_on(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.control("POST", "clock", {"stopped": False})
    list_id = sandbox.new_list(ANA)
    campaign = {"name": "Spring sale", "body": "20% off", "list_id": list_id, "schedule": sandbox.now() + 2}
    sandbox.post("/v3/sms-campaigns/send", campaign)
    sandbox.post("/v3/post/letters/send", LETTER)
    calls = sandbox.control("GET", "state")["calls"]
    tab.go("letters")
    expect(tab.page.locator("li.letter .status")).to_have_text("Completed", timeout=20_000)
    tab.page.get_by_role("link", name="Campaigns").click()
    expect(tab.page.locator("li.card .status")).to_have_text("Sent", timeout=20_000)
    assert sandbox.control("GET", "state")["calls"] == calls


def test_the_spending_chart_has_every_amount(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.send_one()
    sandbox.advance(HOUR)
    sandbox.post("/v3/post/letters/send", LETTER)
    tab.go("spending")
    expect(tab.page.locator(".top .balance")).to_have_text("Balance $98.45")
    chart = tab.page.get_by_role("img", name=re.compile("Balance from"))
    expect(chart).to_have_accessible_name("Balance from $100.00 to $98.4508; $1.5492 spent. The table has the figures.")
    figures = dict(
        zip(
            tab.page.locator(".figures dt").all_inner_texts(),
            tab.page.locator(".figures dd").all_inner_texts(),
            strict=True,
        )
    )
    amounts = {"SMS": "$0.0792", "MMS": "$0.00", "Letters": "$1.47"}
    assert figures == {"Balance": "$98.4508", "Spent": "$1.5492", **amounts}
    assert chart.locator("rect").count() == 2
    tab.page.get_by_text("The same as a table").click()
    rows = [row.locator("td").all_inner_texts() for row in tab.page.locator("tbody tr").all()]
    assert rows == [["$0.0792", "$0.00", "$0.00", "$99.9208"], ["$0.00", "$0.00", "$1.47", "$98.4508"]]


def test_every_call_is_there_with_request_and_answer_and_failed_ones_stand_out(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.send({"to": ANA, "body": "Hello"}, {"to": "+61400990404", "body": "Hello"})
    sandbox.refused("GET", "/v3/sms/receipts/none", page=2)
    sandbox.fault("drop", when="after")
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.http.get("/v3/lists")
    tab.go("calls")
    expect(tab.page.locator("li.call")).to_have_count(3)
    lost, refused, partly = tab.page.locator("li.call").all()
    expect(lost).to_contain_text("connection lost")
    expect(refused).to_contain_text("failed 404")
    expect(refused).to_contain_text("/v3/sms/receipts/none?page=2")
    expect(partly).to_contain_text("1 of 2 accepted")
    red = lost.locator(".path").evaluate("(one) => getComputedStyle(one).color")
    assert red == refused.locator(".path").evaluate("(one) => getComputedStyle(one).color")
    assert red != partly.locator(".path").evaluate("(one) => getComputedStyle(one).color")
    partly.get_by_role("button").click()
    expect(partly.get_by_role("region", name="Request")).to_contain_text('"body": "Hello"')
    expect(partly.get_by_role("region", name="Answer")).to_contain_text("INVALID_RECIPIENT")
    tab.page.get_by_label("Only failed").check()
    expect(tab.page.locator("li.call")).to_have_count(2)


def test_the_clock_faults_balance_and_reset_are_in_a_person_s_hand(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.send_one(body="Later", schedule=sandbox.now() + HOUR)
    started = sandbox.now()
    tab.go("controls")
    tab.page.get_by_role("button", name="+ 1 day").click()
    expect(tab.page.get_by_role("status")).to_have_text("The clock has moved on by 1 day.")
    assert sandbox.now() == started + 24 * HOUR
    assert sandbox.sent()[0]["status"] == "Completed"
    tab.page.get_by_label("What happens").select_option("an error status")
    tab.page.get_by_label("Which calls").select_option("SMS sends")
    tab.page.get_by_role("button", name="Order the fault").click()
    expect(tab.page.get_by_text("1 fault ordered")).to_be_visible()
    assert sandbox.refused("POST", "/v3/sms/send", {"messages": []})[0] == 503
    expect(tab.page.get_by_text("1 fault ordered")).to_have_count(0)
    tab.page.get_by_label("How many").fill("9")
    tab.page.get_by_role("button", name="Order the fault").click()
    tab.page.get_by_role("button", name="Switch all off").click()
    expect(tab.page.get_by_role("status")).to_have_text("No call fails any more.")
    assert sandbox.send_one()["status"] == "SUCCESS"
    tab.page.get_by_role("region", name="Balance").get_by_label("Set it to").fill("12.5")
    tab.page.get_by_role("region", name="Balance").get_by_role("button", name="Set").click()
    expect(tab.page.locator(".top .balance")).to_have_text("Balance $12.50")
    tab.page.get_by_role("button", name="Reset the sandbox").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(tab.page.get_by_text("No messages yet")).to_be_visible()
    assert sandbox.sent() == []


def test_each_account_is_seen_apart(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.send_one(body="From the first account")
    sandbox.control("POST", "accounts", {"username": "eve", "api_key": "key", "balance": "7", "country": "GB"})
    with sandbox.as_user("eve", "key") as eve:
        eve.post("/v3/sms/send", json={"messages": [{"to": BEN, "body": "From the second"}]}).raise_for_status()
    expect(tab.page.get_by_role("link", name=ANA)).to_be_visible()
    assert tab.page.get_by_role("link", name=BEN).count() == 0
    tab.page.get_by_label("Account").select_option("eve (in use)")
    tab.page.get_by_role("link", name=BEN).click()
    expect(tab.message("From the second")).to_contain_text("£0.0792")
    tab.page.get_by_label("Reply from this phone").fill("Hello eve")
    tab.page.get_by_role("button", name="Send the reply").click()
    expect(tab.message("Hello eve")).to_be_visible()
    tab.page.get_by_role("link", name="Calls").click()
    expect(tab.page.locator("li.call")).to_have_count(1)
    sandbox.control("POST", "reset")
    expect(tab.page.get_by_label("Account")).to_have_value("sandbox")


def test_the_page_goes_on_when_the_sandbox_is_back(browser: Browser) -> None:
    first = ExitStack()
    url = first.enter_context(sandbox_process()).url
    with first, Tab.opened(browser, url) as tab:
        expect(tab.page.get_by_text("No messages yet")).to_be_visible()
        first.close()
        expect(tab.page.get_by_text("The sandbox does not answer.")).to_be_visible()
        with sandbox_process("--port", url.rpartition(":")[2]) as again:
            with closing(Sandbox(again).http) as client:
                client.post("/v3/sms/send", json={"messages": [{"to": ANA, "body": "Hello"}]}).raise_for_status()
            expect(tab.page.get_by_role("link", name=ANA)).to_be_visible()
        tab.faults.clear()  # that it was away
