"""The page by keyboard, with a screen reader, on a phone, in the dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import DESKTOP, PHONE, Tab
from playwright.sync_api import Browser, Page, expect
from support.sandbox_client import ANA, BEN, HOUR, Sandbox
from test_inbox_shows import LETTER, RULE

VIEWS = ("messages", "letters", "lists", "lists/1001", "calls", "campaigns", "rules", "spending", "controls")


def a_bit_of_everything(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA, BEN, name="Loyal customers")
    sandbox.post("/v3/sms-campaigns/send", {"name": "Spring sale", "body": "20% off", "list_id": list_id})
    sandbox.send_one(body="Your parcel is on its way.", custom_string="order-4411", **{"from": "Acme"})
    sandbox.send_one(body="Later", schedule=sandbox.now() + HOUR)
    sandbox.send_one(to="+61400990301", body="Nobody there")
    picture = {"to": ANA, "body": "Look", "subject": "New in"}
    sandbox.post("/v3/mms/send", {"media_file": "https://pictures.example/cat.jpg", "messages": [picture]})
    sandbox.post("/v3/post/letters/send", LETTER)
    sandbox.post("/v3/automations/sms/inbound", RULE)
    sandbox.control("POST", "inbound", {"from": ANA, "body": "Are you open?"})
    sandbox.refused("GET", "/v3/sms/receipts/none")
    sandbox.advance(10)
    sandbox.put("/v3/sms/cancel-all", {})
    sandbox.send({"to": BEN, "body": "Hello"}, {"to": "+61400990404", "body": "Hello"})
    sandbox.fault("delay", seconds=5, path="/v3/post")


def axe_finds_nothing(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_axe_finds_no_barrier_and_nothing_is_wider_than_the_page(
    sandbox: Sandbox, browser: Browser, size: dict[str, int], scheme: str
) -> None:
    # axe puts a script into the page, which the page's own policy forbids.
    settings = {"viewport": size, "color_scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    with Tab.opened(browser, sandbox.url, **settings) as tab:
        axe_finds_nothing(tab.page)  # with nothing in it
        a_bit_of_everything(sandbox)
        for view in (*VIEWS, f"messages/{ANA}"):
            tab.go(view)
            expect(tab.page.locator("main").locator("li:visible, .card:visible").first).to_be_visible()
            for button in tab.page.locator("li.call > button").all()[:2]:
                button.click()
                expect(tab.page.locator("li.call pre").first).to_be_visible()
            axe_finds_nothing(tab.page)
            assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
        tab.go("controls")
        tab.page.get_by_role("button", name="Reset the sandbox").click()
        axe_finds_nothing(tab.page)


def test_dark_and_light_are_what_the_person_has_chosen(sandbox: Sandbox, browser: Browser) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        with Tab.opened(browser, sandbox.url, color_scheme=scheme) as tab:
            seen[scheme] = tab.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert seen == {"light": "rgb(243, 241, 236)", "dark": "rgb(16, 20, 23)"}


def test_the_structure_is_told_to_a_screen_reader(sandbox: Sandbox, tab: Tab) -> None:
    a_bit_of_everything(sandbox)
    tab.go(f"messages/{ANA}")
    expect(tab.page.get_by_role("banner").first).to_be_visible()
    for role, name in (
        ("navigation", "Views"),
        ("main", "Messages"),
        ("region", "Conversations"),
        ("region", f"Conversation with {ANA}"),
        ("region", f"Messages of {ANA}"),
        ("group", "Clock of the sandbox"),
    ):
        expect(tab.page.get_by_role(role, name=name, exact=True)).to_have_count(1)  # type: ignore[arg-type]
    expect(tab.page.get_by_role("navigation", name="Views")).to_match_aria_snapshot(
        """
        - navigation "Views":
          - list:
            - listitem:
              - link /Messages/
            - listitem:
              - link /Letters/
            - listitem:
              - link /Lists/
            - listitem:
              - link /Calls/
            - listitem:
              - link /Campaigns/
            - listitem:
              - link /Rules/
            - listitem:
              - link /Spending/
            - listitem:
              - link /Controls/
        """
    )
    message = tab.page.get_by_role("article", name="Message from Acme, ")
    expect(message).to_have_count(1)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focus_is_visible(page: Page) -> None:
    style = "getComputedStyle(document.activeElement)"
    assert page.evaluate(f"{style}.outlineStyle") == "solid", page.evaluate("document.activeElement.outerHTML")
    assert page.evaluate(f"parseFloat({style}.outlineWidth)") >= 2


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name has the focus, which everybody can see at every step."""
    described = "(({labels, ariaLabel, innerText}) => [labels?.[0]?.innerText, ariaLabel, innerText].join())"
    for _ in range(60):
        page.keyboard.press("Tab")
        focus_is_visible(page)
        if name in page.evaluate(f"{described}(document.activeElement)"):
            return
    pytest.fail(f"{name} cannot be reached by Tab")


def test_everything_can_be_done_by_keyboard(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.send_one(to=BEN, body="For Ben")
    sandbox.send_one(body="For Ana")
    page = tab.page
    expect(page.locator(".people li")).to_have_count(2)
    press(page, "Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    expect(page.get_by_text("Skip to the content")).to_be_in_viewport()
    press(page, "Enter")
    expect(page.get_by_role("main")).to_be_focused()
    tab_to(page, ANA)
    press(page, "ArrowDown")
    focus_is_visible(page)
    expect(page.get_by_role("link", name=BEN)).to_be_focused()
    press(page, "ArrowUp", "Enter")
    expect(page.get_by_role("heading", name=ANA)).to_be_focused()
    tab_to(page, "Reply from this phone")
    page.keyboard.type("I am here")
    press(page, "Enter")
    expect(tab.message("I am here")).to_be_visible()
    expect(page.get_by_label("Reply from this phone")).to_be_focused()
    # To another view, whose heading then has the focus, and through its controls.
    page.get_by_role("link", name="Letters").focus()
    press(page, *["Tab"] * 6, "Enter")
    expect(page.get_by_role("heading", name="Controls")).to_be_focused()
    before = sandbox.now()
    tab_to(page, "+ 1 hour")
    press(page, "Space")
    expect(page.get_by_role("status")).to_have_text("The clock has moved on by 1 hour.")
    assert sandbox.now() == before + HOUR
    tab_to(page, "Reset the sandbox")
    press(page, "Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Reset the sandbox")).to_be_focused()
    assert len(sandbox.sent()) == 2
    page.get_by_role("link", name="Calls").focus()
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Calls")).to_be_focused()
    tab_to(page, "/v3/sms/send")
    press(page, "Enter")
    expect(page.locator("li.call").first.get_by_role("region", name="Answer")).to_be_visible()


def test_what_is_being_done_outlasts_the_updates(sandbox: Sandbox, tab: Tab) -> None:
    sandbox.send_one(body="First")
    tab.page.get_by_role("link", name=ANA).click()
    reply = tab.page.get_by_label("Reply from this phone")
    reply.fill("I am still writ")
    search = tab.page.get_by_role("searchbox")
    for number in range(5):
        sandbox.send_one(body=f"Message {number}")
        expect(tab.message(f"Message {number}")).to_be_visible()
        expect(reply).to_be_focused()
    reply.press_sequentially("ing")
    expect(reply).to_have_value("I am still writing")
    expect(tab.page.get_by_role("status")).to_contain_text("New message")
    # A row keeps the focus while it moves.
    sandbox.send_one(to=BEN, body="Hello")
    row = tab.page.get_by_role("link", name=ANA)
    row.focus()
    sandbox.send_one(body="Up again")
    expect(tab.page.locator(".people li").first).to_contain_text("Up again")
    expect(row).to_be_focused()
    search.fill("up again")
    expect(tab.page.locator(".people li")).to_have_count(1)
    sandbox.send_one(to=BEN, body="Hello again")
    expect(search).to_have_value("up again")
    # An open call stays open.
    tab.page.get_by_role("link", name="Calls").click()
    tab.page.locator("li.call > button").last.click()
    sandbox.send_one(body="And on")
    expect(tab.page.locator("li.call")).to_have_count(10)
    expect(tab.page.locator("li.call").last.get_by_role("button")).to_have_attribute("aria-expanded", "true")


def test_on_a_phone_one_thing_is_shown_at_a_time(sandbox: Sandbox, browser: Browser) -> None:
    a_bit_of_everything(sandbox)
    with Tab.opened(browser, sandbox.url, viewport=PHONE, has_touch=True) as tab:
        tab.page.get_by_role("link", name=ANA).tap()
        expect(tab.page.locator(".people")).to_be_hidden()
        expect(tab.message("Are you open?")).to_be_in_viewport()
        tab.page.get_by_role("link", name="Back to all conversations").tap()
        expect(tab.page.locator(".people")).to_be_visible()
        more = tab.page.get_by_role("button", name="More")
        more.tap()
        expect(more).to_have_attribute("aria-expanded", "true")
        tab.page.get_by_role("link", name="Spending").tap()
        expect(tab.page.get_by_role("heading", name="Spending")).to_be_visible()
        tab.page.go_back()
        expect(tab.page.locator(".people")).to_be_visible()
