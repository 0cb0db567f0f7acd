"""Takes the README's pictures of the inbox: `make screenshots` writes docs/inbox.png and docs/inbox-phone.png."""

from contextlib import closing
from pathlib import Path

from browsing import DESKTOP, NAMES, PHONE, Tab
from playwright.sync_api import Browser, expect
from support.chromium import browser_program, launched
from support.sandbox_client import HOUR, Sandbox
from support.sandbox_process import sandbox_process

from server.sandbox.serve import RunningSandbox

DOCS = Path(__file__).parents[2] / "docs"
MORNING = 1_792_458_900  # a Tuesday in October, a quarter past nine in Perth
SHOP = "+61400000555"
PEOPLE = (
    ("+61412555001", "Ana", "Reyes"),
    ("+61412555002", "Ben", "Okafor"),
    ("+61412555003", "Chloe", "Ngata"),
    ("+61412555004", "ليلى", "حداد"),
    ("+61412990301", "Tom", "Hardy"),
    ("+61412555006", "Mina", "Sato"),
)
ANA, BEN, CHLOE, LAYLA, _, MINA = (number for number, *_ in PEOPLE)


def play(sandbox: Sandbox) -> None:
    """A morning of an agent that writes for a bicycle workshop by the sea."""
    control = sandbox.control
    control("POST", "reset")
    control("POST", "clock", {"now": MORNING, "stopped": True})
    list_id = sandbox.new_list(name="Regular customers")
    for number, first, last in PEOPLE:
        contact = {"phone_number": number, "first_name": first, "last_name": last}
        sandbox.post(f"/v3/lists/{list_id}/contacts", contact)
    rule = {"dedicated_number": "*", "rule_name": "Opening hours", "message_search_type": 2}
    rule |= {"message_search_term": "open", "action": "AUTO_REPLY", "action_address": "", "enabled": 1}
    sandbox.post("/v3/automations/sms/inbound", rule | {"body": "We are open from 9 to 5, Tuesday to Saturday 🚲"})
    campaign = {"name": "Spring check-up", "list_id": list_id, "from": "SandBikes"}
    campaign["body"] = "Hi (First Name), spring is here: brakes and gears checked for $29 until Saturday."
    sandbox.post("/v3/sms-campaigns/send", campaign)
    sandbox.advance(420)
    control("POST", "inbound", {"from": BEN, "body": "Great, I'll bring mine on Thursday 👍"})
    sandbox.advance(300)
    ready = "Your bike is ready. The chain was worn, so we have fitted a new one, as agreed: $64 in all."
    sandbox.send_one(ANA, ready, custom_string="job-1187", **{"from": SHOP})
    picture = {"to": ANA, "subject": "Good as new", "body": "Tested on the beach this morning ☀️", "from": SHOP}
    media = f"{sandbox.url}/_sandbox/page/beach.jpg"
    sandbox.post("/v3/mms/send", {"media_file": media, "messages": [picture]})
    sandbox.advance(240)
    control("POST", "inbound", {"from": ANA, "to": SHOP, "body": "Lovely, thank you! Are you still open at five?"})
    sandbox.advance(60)
    tomorrow = sandbox.now() + 23 * HOUR
    sandbox.send_one(LAYLA, "مرحباً ليلى، موعدك غداً الساعة العاشرة.", schedule=tomorrow, **{"from": SHOP})
    sandbox.send({"to": CHLOE, "body": "The part has come."}, {"to": "+61400990404", "body": "The part has come."})
    sandbox.send_one(MINA, "Your loan bike is due back today at 4.", **{"from": SHOP})
    address = {"address_name": "Chloe Ngata", "address_line_1": "4 Harbour Street", "address_city": "Fremantle"}
    address |= {"address_state": "WA", "address_postal_code": "6160", "address_country": "AU"}
    letter = {"file_url": "https://files.example/invoice-1187.pdf", "colour": 1, "recipients": [address]}
    address["return_address_id"] = sandbox.account()["return_addresses"][0]
    sandbox.post("/v3/post/letters/send", letter)
    sandbox.advance(30)


def take(browser: Browser, url: str, folder: Path) -> None:
    """One picture of a desktop in the light, one of a phone in the dark."""
    for name, size, scheme in (("inbox", DESKTOP, "light"), ("inbox-phone", PHONE, "dark")):
        settings = {"viewport": size, "color_scheme": scheme, "reduced_motion": "reduce"}
        with Tab.opened(browser, url, view=f"messages/{ANA}", **settings) as tab:
            expect(tab.page.get_by_role("img", name="Picture of the message")).to_have_js_property("complete", True)
            expect(tab.message("Tuesday to Saturday")).to_be_in_viewport()
            tab.page.screenshot(path=folder / f"{name}.png")


def main(folder: Path = DOCS) -> None:
    """Play the scene and take both pictures."""
    with sandbox_process() as running, launched(browser_program(), NAMES) as browser:
        picture(running, browser, folder)


def picture(running: RunningSandbox, browser: Browser, folder: Path) -> None:
    """The scene in a sandbox that is running, and the pictures of it."""
    sandbox = Sandbox(running)
    with closing(sandbox.http):
        play(sandbox)
    take(browser, running.url, folder)


if __name__ == "__main__":
    main()
