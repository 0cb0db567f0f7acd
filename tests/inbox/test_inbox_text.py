"""Whatever an agent or a stranger writes is shown as the text it is, in every field that there is."""

from typing import Any

import pytest
from browsing import PHONE, Site, Tab
from playwright.sync_api import Browser, expect
from support.sandbox_client import ANA, Sandbox

# Each would leave a mark, were it taken for anything but text: an element, a call of the page's watch, a dialog.
HOSTILE = (
    '<b class="pwned">x</b><img class="pwned" src=x onerror="pwned();alert(1)"><script>pwned()</script>'
    "\"><svg/onload=pwned()></textarea></pre></title>{{7*7}}${pwned()}<a href='javascript:pwned()' class=pwned>y</a>"
)
SHORT = "<i class=pwned>"
VIEWS = ("messages", "letters", "lists", "calls", "campaigns", "rules", "spending", "controls")


def everywhere(sandbox: Sandbox) -> list[str]:
    """Put hostile text into every field that the sandbox keeps; the views that then show it."""
    sandbox.control("PATCH", "settings", {"username": "sandbox", "countries_off": [HOSTILE]})
    sandbox.control("POST", "accounts", {"username": HOSTILE, "api_key": "key"})
    list_id = sandbox.post("/v3/lists", {"list_name": HOSTILE})["list_id"]
    fields = ("first_name", "last_name", "organization_name", "email", "fax_number", "custom_1", "custom_2")
    fields += ("custom_3", "custom_4", "address_line_1", "address_line_2", "address_city", "address_state")
    fields += ("address_postal_code", "address_country")
    contact = {"phone_number": ANA} | dict.fromkeys(fields, HOSTILE)
    sandbox.post(f"/v3/lists/{list_id}/contacts", contact)
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": HOSTILE})
    campaign = {"name": HOSTILE, "body": f"{HOSTILE} (First Name)", "list_id": list_id, "from": "<i>x</i>"}
    sandbox.post("/v3/sms-campaigns/send", campaign | {"url_to_shorten": "http://x.example/<i>", "source": HOSTILE})
    sandbox.send_one(body=HOSTILE, custom_string=HOSTILE, **{"from": "<i>x</i>"})
    sandbox.send({"list_id": list_id, "body": HOSTILE})
    media = f'https://"><i class=pwned>.example/{HOSTILE}.jpg'
    picture = {"to": ANA, "body": HOSTILE, "subject": "<i class=pwned>x</i>", "custom_string": HOSTILE}
    for address in (media, f"https://pictures.example/{HOSTILE}.jpg", "javascript:pwned()", "data:text/html,x.jpg"):
        sandbox.http.post("/v3/mms/send", json={"media_file": address, "messages": [picture]})
    address = {
        f"address_{name}": HOSTILE for name in ("name", "line_1", "line_2", "city", "state", "postal_code", "country")
    }
    letter = {"recipients": [{**address, "return_address_id": 1001, "custom_string": HOSTILE}]}
    for file in (f"https://files.example/{HOSTILE}.pdf", f"https://{SHORT}/x.pdf", "javascript:pwned()"):
        sandbox.http.post("/v3/post/letters/send", json={"file_url": file, **letter})
    for number, action in enumerate(("AUTO_REPLY", "SMS", "EMAIL_FIXED", "CREATE_CONTACT_PLUS_NAME")):
        rule: dict[str, Any] = {"dedicated_number": HOSTILE if number else "*", "rule_name": HOSTILE}
        rule |= {"message_search_type": 2, "message_search_term": HOSTILE, "enabled": 1, "action": action}
        sandbox.post("/v3/automations/sms/inbound", rule | {"action_address": HOSTILE, "body": HOSTILE})
    sandbox.control("POST", "inbound", {"from": ANA, "to": HOSTILE, "body": HOSTILE})
    sandbox.control("POST", "inbound", {"from": ANA, "body": HOSTILE})
    sandbox.http.get(f"/v3/{SHORT}", params={HOSTILE: HOSTILE}, auth=(HOSTILE.replace(":", ""), "key"))
    sandbox.http.post("/v3/sms/send", content=HOSTILE.encode())
    sandbox.fault("delay", path=HOSTILE, method=SHORT)
    return [*VIEWS, f"messages/{ANA}", f"lists/{list_id}", "messages/%3Cimg%20src%3Dx%20onerror%3Dpwned()%3E"]


def unharmed(tab: Tab) -> None:
    """The text is there, and nothing came of it."""
    assert tab.page.locator(".pwned, script:not([src]):not([type=importmap])").count() == 0
    links = tab.page.eval_on_selector_all("a", "all => all.map((one) => one.protocol)")
    assert set(links) <= {"http:", "https:"}
    tab.is_clean()


@pytest.mark.timeout(120)
def test_text_is_never_taken_for_markup_whatever_field_it_is_in(sandbox: Sandbox, tab: Tab) -> None:
    seen = 0
    for view in everywhere(sandbox):
        tab.go(view)
        shown = "li.message" if view == f"messages/{ANA}" else "main li, main .card, main .empty"
        expect(tab.page.locator(shown).first).to_be_visible()
        for button in tab.page.locator("li.call > button").all():
            button.click()
        for summary in tab.page.locator("summary").all():
            summary.click()
        unharmed(tab)
        seen += "pwned()" in tab.page.locator("body").inner_text()
    assert seen >= 8
    expect(tab.page.get_by_label("Account").locator("option").first).to_have_text("sandbox")


def test_the_conversation_with_a_hostile_name_opens_and_answers(sandbox: Sandbox, tab: Tab) -> None:
    list_id = sandbox.new_list()
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": ANA, "first_name": HOSTILE})
    sandbox.send({"list_id": list_id, "body": "Hello"})
    tab.page.locator(".people li a").click()
    expect(tab.message("Hello")).to_be_visible()
    tab.page.get_by_label("Reply from this phone").fill(HOSTILE)
    tab.page.get_by_role("button", name="Send the reply").click()
    expect(tab.message("pwned()")).to_be_visible()
    unharmed(tab)


@pytest.mark.parametrize(
    "host",
    [
        "a.example;script-src *",
        "[::1]:8000",
        "a..b.example",
        "a.example:99999",
        "exa mple.test",
        "user@pictures.example",
    ],
)
def test_a_picture_can_only_come_from_the_host_that_is_named(
    sandbox: Sandbox, browser: Browser, other_site: Site, host: str
) -> None:
    picture = {"to": ANA, "body": "Look", "subject": "New in"}
    sandbox.post("/v3/mms/send", {"media_file": f"http://{host}/cat.jpg", "messages": [picture]})
    message_id = sandbox.sent()[0]["message_id"]
    frame = sandbox.http.get("/_sandbox/picture", params={"message": message_id}, auth=None)
    if host.endswith("@pictures.example"):
        policy = frame.headers["content-security-policy"]
        assert "img-src http://pictures.example; " in policy
        assert "script-src" not in policy
        return
    assert frame.status_code == 404
    with Tab.opened(browser, sandbox.url, view=f"messages/{ANA}") as tab:
        expect(tab.message("Look")).to_contain_text("address cannot be shown")
        assert tab.page.get_by_role("button", name="Load the picture").count() == 0


def test_long_words_emoji_and_text_from_right_to_left_stay_inside(sandbox: Sandbox, browser: Browser) -> None:
    texts = ["x" * 900, "👩‍👩‍👧‍👦" * 60, "مرحبا بكم في متجرنا " * 8, "a\u202eb\u2066c", "line\n\n\nline", "\t tab"]
    for text in texts:
        sandbox.send_one(body=text)
    sandbox.post("/v3/lists", {"list_name": "W" * 200})
    with Tab.opened(browser, sandbox.url, viewport=PHONE) as tab:
        for view in ("messages", f"messages/{ANA}", "lists", "calls"):
            tab.go(view)
            expect(tab.page.locator("h1:visible, h2:visible").first).to_be_visible()
            shown = "li.message" if "/" in view else "main li"
            expect(tab.page.locator(shown).locator("visible=true").first).to_be_visible()
            assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            wide = "all => all.filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length"
            assert tab.page.eval_on_selector_all("main *", wide) == 0
        tab.go(f"messages/{ANA}")
        expect(tab.message("مرحبا").locator(".text")).to_have_css("direction", "rtl")
