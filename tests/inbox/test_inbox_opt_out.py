"""The inbox shows who has opted out, whom a campaign leaves out, and which rows an import refused."""

from browsing import Tab
from playwright.sync_api import expect
from support.sandbox_client import ANA, BEN, Sandbox, until


def test_a_conversation_says_that_its_phone_has_opted_out(sandbox: Sandbox, tab: Tab) -> None:
    """It is shown plainly, at once."""
    sandbox.send_one(ANA)
    tab.go(f"messages/{ANA}")
    expect(tab.message("Hello")).to_be_visible()
    expect(tab.page.get_by_text("Opted out")).to_have_count(0)
    tab.page.get_by_label("Reply from this phone").fill("STOP")
    tab.page.get_by_role("button", name="Send the reply").click()
    expect(tab.page.get_by_text("Opted out: campaigns leave this number out")).to_be_visible()
    tab.go("lists")
    expect(tab.page.get_by_role("link", name="Opt-Out List")).to_be_visible()


def test_a_campaign_says_whom_it_left_out(sandbox: Sandbox, tab: Tab) -> None:
    """And why."""
    list_id = sandbox.new_list(ANA, BEN, "6.14E+10")
    sandbox.control("POST", "inbound", {"from": ANA, "body": "stop"})
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": ANA})
    sandbox.post("/v3/sms-campaigns/send", {"list_id": list_id, "name": "Spring", "body": "Sale"})
    tab.go("campaigns")
    expect(tab.page.get_by_text("1 contact of")).to_be_visible()
    expect(tab.page.get_by_text("1 INVALID_RECIPIENT, 1 OPTED_OUT")).to_be_visible()


def test_a_list_says_which_rows_its_import_refused(sandbox: Sandbox, tab: Tab) -> None:
    """The row and the reason."""
    other = sandbox.new_list("6.14E+10", ANA)
    url = sandbox.get(f"/v3/lists/{other}/export", filename="a.csv")["url"]
    list_id = sandbox.new_list()
    sandbox.post(f"/v3/lists/{list_id}/import", {"file_url": url, "field_order": ["phone"]})
    until(lambda: sandbox.get(f"/v3/lists/{list_id}")["_import_in_progress"] == 0)
    tab.go(f"lists/{list_id}")
    expect(tab.page.get_by_text("The last import refused 1 row: row 2: '6.14E+10' is no phone number")).to_be_visible()


def test_a_phone_that_is_none_writes_nothing(sandbox: Sandbox, tab: Tab) -> None:
    """ "12" was taken for a number, and opened a conversation."""
    tab.page.get_by_role("button", name="From a phone").click()
    tab.page.get_by_label("Phone number").fill("12")
    tab.page.get_by_label("Text").fill("Hello")
    tab.page.get_by_role("button", name="Send", exact=True).click()
    expect(tab.page.get_by_role("alert")).to_contain_text("from must be a phone number")
    assert sandbox.history() == []
    tab.page.get_by_role("button", name="Cancel").click()
    assert ["400" in fault for fault in tab.faults] == [True]  # which browsers note
    tab.faults.clear()
