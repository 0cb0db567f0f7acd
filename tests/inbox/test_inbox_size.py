"""Ten thousand messages: the page holds a part of them, and everything can be reached and found."""

from contextlib import closing

import pytest
from browsing import Tab
from playwright.sync_api import Browser, expect
from support.sandbox_client import ANA, Sandbox
from support.sandbox_process import sandbox_process

PHONES, FROM_ANA = 5_000, 5_000
MOST_ELEMENTS = 6_000  # of a page with 200 messages; there are twice as many messages as this

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def full(browser: Browser) -> Sandbox:
    """A sandbox with as many phones, and one phone with as many messages."""
    with sandbox_process() as running, closing((client := Sandbox(running)).http):
        client.control("PATCH", "settings", {"balance": 100_000})
        client.control("POST", "clock", {"now": 1_790_000_000, "stopped": True})
        for start in range(0, PHONES, 1_000):
            client.send(*({"to": f"+6141{n:07}", "body": f"Number {n}"} for n in range(start, start + 1_000)))
            client.send(*({"to": ANA, "body": f"To Ana {n}"} for n in range(start, start + 1_000)))
        client.advance(10)
        yield client


def elements(tab: Tab) -> int:
    count: int = tab.page.evaluate("document.querySelectorAll('*').length")
    return count


def test_a_page_of_phones_is_in_the_document_and_the_others_are_a_button_or_a_search_away(
    full: Sandbox, browser: Browser
) -> None:
    with Tab.opened(browser, full.url) as tab:
        rows = tab.page.locator(".people li")
        expect(rows).to_have_count(40)
        expect(tab.page.get_by_role("link", name="+61410004999")).to_be_visible()
        pager = tab.page.get_by_role("navigation", name="Pages of conversations")
        expect(pager).to_contain_text("1 to 40 of 5,001")
        pager.get_by_role("button", name="Next").click()
        expect(pager).to_contain_text("41 to 80 of 5,001")
        expect(tab.page.get_by_role("link", name="+61410004959")).to_be_visible()
        expect(rows).to_have_count(40)
        tab.page.get_by_role("searchbox").fill("number 1234")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("+61410001234")
        assert elements(tab) < 1_500


def test_a_long_conversation_is_walked_through_without_the_document_growing(full: Sandbox, browser: Browser) -> None:
    with Tab.opened(browser, full.url, view=f"messages/{ANA}") as tab:
        messages = tab.page.locator("li.message")
        expect(messages).to_have_count(50)
        expect(messages.last).to_contain_text("To Ana 4999")
        in_view = "(one) => { const r = one.getBoundingClientRect(); return r.top < innerHeight && r.bottom > 0; }"
        assert messages.last.evaluate(in_view)  # it begins at the end
        earlier = tab.page.get_by_role("button", name="Earlier messages")
        for shown in (100, 150, 200):
            kept = messages.first.locator(".text").inner_text()
            earlier.click()
            expect(messages).to_have_count(shown)
            # Whoever looks at a message goes on seeing it when earlier ones are put before it.
            assert messages.filter(has=tab.page.get_by_text(kept, exact=True)).evaluate(in_view)
        for _ in range(6):
            first = messages.first.inner_text()
            earlier.click()
            expect(messages.first).not_to_have_text(first)
            expect(messages).to_have_count(200)
        expect(messages.first).to_contain_text("To Ana 4500")
        assert elements(tab) < MOST_ELEMENTS
        # What comes in meanwhile does not move what is read.
        full.send_one(body="One more")
        expect(tab.page.get_by_role("status")).to_have_text("1 new message")
        expect(messages.first).to_contain_text("To Ana 4500")
        tab.page.get_by_role("button", name="Later messages").click()
        expect(messages.first).to_contain_text("To Ana 4550")
        tab.page.get_by_role("button", name="Newest").click()
        expect(messages.last).to_contain_text("One more")
        expect(messages).to_have_count(50)


def test_a_change_sends_one_page_again_and_not_everything(full: Sandbox, browser: Browser) -> None:
    with Tab.opened(browser, full.url, view=f"messages/{ANA}") as tab:
        expect(tab.page.locator("li.message")).to_have_count(50)
        sizes: list[int] = []
        tab.page.on("requestfinished", lambda one: sizes.append(one.sizes()["responseBodySize"]))
        full.send_one(body="Another one")
        expect(tab.message("Another one")).to_be_visible()
        assert 0 < sum(sizes) < 300_000  # all messages would be several millions


def test_calls_with_long_answers_are_listed_without_them(full: Sandbox, browser: Browser) -> None:
    with Tab.opened(browser, full.url, view="calls") as tab:
        tab.page.get_by_role("searchbox").fill("number 4000")
        call = tab.page.locator("li.call")
        expect(call).to_have_count(1)
        expect(call).to_contain_text("1000 accepted")
        call.get_by_role("button").click()
        expect(call.get_by_text("of which this is the beginning")).to_be_visible()
        assert len(call.inner_text()) < 400_000
