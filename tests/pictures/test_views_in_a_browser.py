"""The view in a real browser, inside both frames of a host, with real results of the real program."""

import copy
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from picture_browsing import Host, Opened, Shown
from picture_days import CAMPAIGN, PRICE, STATISTICS, PageAndResult
from playwright.sync_api import expect

from server.protocol.apps import VIEW_DATA
from server.sandbox.serve import RunningSandbox

DOCS = Path(__file__).parents[2] / "docs"
THEMES = ("light", "dark")
both_pictures = pytest.mark.parametrize("picture", ["month", "prices"])

pytestmark = pytest.mark.timeout(120)  # a browser starts


def test_statistics_are_a_chart_and_the_same_in_a_table(shown: Shown, month: PageAndResult) -> None:
    showing = shown(month)
    view = showing.view
    totals = view.locator(".tile b").all_inner_texts()
    assert int(totals[0]) > 100
    expect(view.get_by_role("img")).to_have_count(2)
    expect(view.get_by_role("img").first).to_have_accessible_name(re.compile(f"^Messages a day: {totals[0]} outbound"))
    view.get_by_text("Table of these days").click()
    assert view.locator("tfoot td").all_inner_texts()[0] == totals[0]
    columns = view.locator("thead th").all_inner_texts()
    assert columns == ["Day", "Outbound", "AUD", "Inbound", "Bounced", "AUD"]
    rows = [row.split("\t") for row in view.locator("tbody tr").all_inner_texts()]
    for name, total in zip(("Outbound", "Inbound", "Bounced"), totals, strict=True):
        assert sum(int(row[columns.index(name)]) for row in rows) == int(total)
    # As many bars as there are counts, and each as high as its count.
    bars = (
        view.locator("svg")
        .first.locator(".bar.outbound")
        .evaluate_all("all => all.map(one => +one.attributes.height.value)")
    )
    counts = [int(row[1]) for row in rows]
    tall = [bar for bar in bars if bar]
    assert len(bars) == 30
    assert len(tall) == sum(count > 0 for count in counts)
    assert max(tall) / max(counts) == pytest.approx(sum(tall) / sum(counts), rel=0.05)
    assert showing.complaints == []


def test_pointing_at_a_day_reads_it(shown: Shown, month: PageAndResult) -> None:
    view = shown(month).view
    view.locator(".day").nth(29).hover()
    expect(view.locator(".readout")).to_have_text(re.compile(r"^\d+ \w+: \d+ outbound, \d+ inbound, \d+ bounced; "))


def test_a_price_preview_shows_the_text_its_parts_and_what_makes_it_unicode(
    shown: Shown, prices: PageAndResult
) -> None:
    showing = shown(prices)
    view = showing.view
    expect(view.locator("header strong")).to_have_text("AUD\u00a00.3960")
    first = view.locator(".message").first
    assert first.locator(".bubble mark").all_inner_texts() == ["\u2019", "—", "…", "\u2019", "“", "”"]
    expect(first.locator(".cut")).to_have_text("part 2")
    expect(first).to_contain_text("2 parts, Unicode, 115 of 134 characters")
    expect(first).to_contain_text("So written: 1 part instead of 2.")
    expect(first.locator("li").first).to_have_text("\u2019 \u00d7 2 write '")
    expect(view.locator(".danger")).to_contain_text("1 would be refused")
    expect(view.locator(".danger")).to_contain_text("+61400990404: invalid recipient")
    expect(view.get_by_text("3 of 4 messages would go out. Nothing has been sent.")).to_be_visible()
    assert showing.complaints == []


def test_a_thousand_messages_are_summarised(called: Shown) -> None:
    messages = [{"to": f"+6140055{one:04}", "body": f"Your code is {one}"} for one in range(1000)]
    showing = called(PRICE, {"messages": messages})
    expect(showing.view.locator(".message")).to_have_count(5)
    expect(showing.view.get_by_text("And 995 other texts, to 995 recipients.")).to_be_visible()
    expect(showing.view.get_by_text("The answer was shortened")).to_be_visible()


def test_a_campaign_is_priced_for_its_list(called: Shown, sandbox: RunningSandbox) -> None:
    account = (sandbox.username, sandbox.api_key)
    with httpx.Client(base_url=f"{sandbox.url}/v3", auth=account, trust_env=False) as clicksend:
        made = clicksend.post("/lists", json={"list_name": "Customers"}).json()["data"]["list_id"]
        for one in range(3):
            contact = {"phone_number": f"+6140055000{one}", "first_name": "Ana"}
            clicksend.post(f"/lists/{made}/contacts", json=contact).raise_for_status()
    showing = called(CAMPAIGN, {"list_id": made, "name": "Spring", "body": "Hi (First Name)"})
    expect(showing.view.get_by_role("heading")).to_have_text("Campaign Spring: price preview")
    expect(showing.view.locator("header strong")).to_have_text("AUD\u00a00.2376")
    expect(showing.view.locator(".message")).to_contain_text("about AUD\u00a00.0792")
    expect(showing.view.locator(".message")).to_contain_text("3 contacts")


@pytest.mark.parametrize(
    ("slug", "arguments", "own", "says"),
    [
        (PRICE, {"messages": []}, {}, "Wrong input: messages"),
        (CAMPAIGN, {"list_id": 4711, "name": "n", "body": "b"}, {}, "ClickSend refused with HTTP 404"),
        (STATISTICS, {}, {"CLICKSEND_API_KEY": "not the one"}, "ClickSend refused with HTTP 401"),
        (STATISTICS, {}, {"CLICKSEND_BASE_URL": "http://127.0.0.1:9"}, "ClickSend could not be reached"),
    ],
)
def test_a_failure_says_what_went_wrong(
    called: Shown, slug: str, arguments: dict[str, Any], own: dict[str, str], says: str
) -> None:
    showing = called(slug, arguments, **own)
    expect(showing.view.get_by_role("alert")).to_contain_text("That did not work")
    expect(showing.view.get_by_role("alert")).to_contain_text(says)
    assert showing.complaints == []


def test_a_failure_that_the_picture_does_not_explain_stands_above_it(
    test_host: Host, opened: Opened, month: PageAndResult
) -> None:
    html, result = month
    showing = opened()
    showing.start(test_host, html)
    showing.tell({}, result | {"structuredContent": {"data": "{}", "error": "Something else.", "successful": False}})
    expect(showing.view.get_by_role("alert")).to_contain_text("Something else.")
    expect(showing.view.get_by_role("img")).to_have_count(2)


def test_a_host_that_keeps_the_picture_back_is_met_with_a_plain_sentence(
    test_host: Host, opened: Opened, month: PageAndResult
) -> None:
    html, result = month
    showing = opened()
    showing.start(test_host, html)
    expect(showing.view.get_by_text("Waiting for ClickSend")).to_be_visible()
    showing.tell({}, {name: value for name, value in result.items() if name != "_meta"})
    expect(showing.view.get_by_text("It went well.")).to_be_visible()


def test_a_cancelled_call_is_told(test_host: Host, opened: Opened, page: str) -> None:
    showing = opened()
    showing.start(test_host, page)
    showing.page.evaluate("() => window.cancel()")
    expect(showing.view.get_by_text("The call was cancelled.")).to_be_visible()


HOSTILE = (
    "<img src=x onerror=alert(1)><script>parent.postMessage('x','*')</script>"
    "</title></style><svg onload=alert(1)> {{7*7}} ${7*7} \u202e\u2028 &lt;b&gt;"
)


def test_text_is_never_markup(called: Shown) -> None:
    asked = {
        "messages": [
            {"to": "+61400550001", "body": HOSTILE},
            {"to": "+61400990404", "body": HOSTILE},
        ]
    }
    showing = called(PRICE, asked)
    bubble = showing.view.locator(".bubble").first
    expect(bubble).to_contain_text("<img src=x onerror=alert(1)><script>parent.postMessage(")
    expect(bubble).to_contain_text("</title></style><svg onload=alert(1)> {{7*7}} ${7*7} U+202EU+2028 &lt;b")
    assert showing.view.locator("img, script, iframe, svg, a").count() == 1  # the view's own script
    assert showing.requests == [showing.host.sandbox]
    assert showing.complaints == []


def test_an_error_is_never_markup_either(test_host: Host, opened: Opened, page: str) -> None:
    showing = opened()
    showing.start(test_host, page)
    showing.tell({}, {"content": [], "structuredContent": {"data": "", "error": HOSTILE, "successful": False}})
    expect(showing.view.get_by_role("alert")).to_contain_text("<img src=x onerror=alert(1)>")
    assert showing.view.locator("img, script, iframe, svg, a").count() == 1
    assert showing.complaints == []


def test_what_the_host_forbids_would_be_noticed(test_host: Host, opened: Opened, page: str) -> None:
    showing = opened()
    with showing.page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        showing.start(test_host, page.replace("<main>", '<img src="http://127.0.0.1:9/x.png"><main>'))
    assert any("Content Security Policy" in complaint for complaint in showing.complaints)


def background(showing: Any) -> str:
    color: str = showing.view.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    return color


def test_the_theme_is_the_host_s_and_changes_with_it(test_host: Host, opened: Opened, page: str) -> None:
    showing = opened()
    showing.start(test_host, page, theme="light")
    assert background(showing) == "rgb(255, 255, 255)"
    showing.change(theme="dark")
    expect(showing.view.locator("body")).to_have_css("background-color", "rgb(28, 30, 34)")
    own = {"variables": {"--color-background-primary": "rgb(1, 2, 3)", "--color-text-primary": "rgb(250, 250, 250)"}}
    showing.change(styles=own)
    expect(showing.view.locator("body")).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(showing.view.locator("body")).to_have_css("color", "rgb(250, 250, 250)")
    assert showing.complaints == []


def test_what_is_open_stays_open_when_the_host_changes(shown: Shown, month: PageAndResult) -> None:
    showing = shown(month)
    showing.view.get_by_text("Table of these days").click()
    showing.change(theme="dark")
    expect(showing.view.locator("body")).to_have_css("background-color", "rgb(28, 30, 34)")
    expect(showing.view.locator("table")).to_be_visible()
    showing.change(locale="de-DE")
    expect(showing.view.locator("svg text", has_text=re.compile(r"^\d+\. "))).not_to_have_count(0)


@pytest.mark.parametrize("locale", ["", "no-such-locale-anywhere", "ar-EG"])
def test_any_locale_will_do(shown: Shown, prices: PageAndResult, locale: str) -> None:
    showing = shown(prices, locale=locale)
    expect(showing.view.locator(".message")).to_have_count(2)
    assert showing.complaints == []


@pytest.mark.parametrize(
    ("zone", "says"),
    [("Australia/Perth", "1 Dec 2026, 5:00"), ("Asia/Kolkata", "1 Dec 2026, 2:30"), ("No/Where", "Dec 2026")],
)
def test_a_scheduled_time_is_in_the_host_s_time_zone(shown: Shown, prices: PageAndResult, zone: str, says: str) -> None:
    html, result = copy.deepcopy(prices)
    result["_meta"][VIEW_DATA]["texts"][0]["at"] = "2026-12-01T09:00:00+00:00"
    showing = shown((html, result), timeZone=zone)
    expect(showing.view.locator(".message").first).to_contain_text(says)
    assert showing.complaints == []


@pytest.mark.parametrize("theme", THEMES)
@both_pictures
def test_nothing_is_wider_than_a_phone(shown: Shown, request: pytest.FixtureRequest, picture: str, theme: str) -> None:
    showing = shown(request.getfixturevalue(picture), width=320, theme=theme)
    expect(showing.view.locator("h1")).to_be_visible()
    if picture == "month":
        showing.view.get_by_text("Table of these days").click()
    showing.settled()
    widest = "() => document.documentElement.scrollWidth"
    assert showing.page.frames[-1].evaluate(widest) == 320
    assert showing.sizes()[-1]["width"] == 320
    assert showing.complaints == []


def test_the_frame_grows_and_shrinks_with_the_view(shown: Shown, month: PageAndResult) -> None:
    showing = shown(month)
    expect(showing.view.locator("h1")).to_be_visible()
    showing.settled()
    closed = showing.sizes()[-1]["height"]
    showing.view.get_by_text("Table of these days").click()
    showing.settled()
    assert showing.sizes()[-1]["height"] > closed + 300
    showing.view.get_by_text("Table of these days").click()
    showing.settled()
    assert showing.sizes()[-1]["height"] == closed


def test_the_view_says_who_it_is_and_ends_when_it_is_asked_to(test_host: Host, opened: Opened, page: str) -> None:
    showing = opened()
    said = showing.start(test_host, page)
    assert said["app"]["name"] == "clicksend-view"
    assert showing.page.evaluate("() => window.end()") == {}


@pytest.mark.parametrize("theme", THEMES)
@both_pictures
def test_every_text_can_be_read(shown: Shown, request: pytest.FixtureRequest, picture: str, theme: str) -> None:
    """Contrast of 4.5 for text, as WCAG's AA has it, and of 3 for bars."""
    showing = shown(request.getfixturevalue(picture), theme=theme)
    expect(showing.view.locator("h1")).to_be_visible()
    weakest = showing.page.frames[-1].evaluate(CONTRASTS)
    assert weakest
    assert {what: ratio for what, ratio in weakest.items() if ratio < (3 if what.startswith("bar") else 4.5)} == {}


CONTRASTS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, nth) => sum + one * [0.2126, 0.7152, 0.0722][nth], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = rgb(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
  };
  const weakest = {};
  const put = (what, front, back) => {
    const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
    weakest[what] = Math.min(weakest[what] ?? 99, (high + 0.05) / (low + 0.05));
  };
  for (const element of document.querySelectorAll("main *")) {
    const style = getComputedStyle(element);
    if (element.matches(".bar")) put("bar " + element.getAttribute("class"), rgb(style.fill), behind(element));
    else if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) {
      const own = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
      put(element.tagName + " " + (element.getAttribute("class") ?? ""), rgb(own), behind(element));
    }
  }
  return weakest;
}"""


@pytest.mark.parametrize(("picture", "theme"), [("month", "light"), ("prices", "dark")])
def test_the_docs_show_the_views_as_they_are(
    shown: Shown, request: pytest.FixtureRequest, picture: str, theme: str
) -> None:
    """`make pictures` takes them anew. Fonts differ between machines, so that only their shape is compared."""
    showing = shown(request.getfixturevalue(picture), theme=theme)
    expect(showing.view.locator("h1")).to_be_visible()
    showing.settled()
    showing.page.set_viewport_size({"width": 680, "height": showing.sizes()[-1]["height"]})
    showing.settled()
    taken, kept = showing.page.screenshot(scale="css"), DOCS / f"picture-{picture}.png"
    if os.environ.get("UPDATE_PICTURES"):
        kept.write_bytes(taken)
    (width, height), (kept_width, kept_height) = shape(taken), shape(kept.read_bytes())
    assert width == kept_width
    assert height == pytest.approx(kept_height, rel=0.1)


def shape(png: bytes) -> tuple[int, int]:
    """Width and height."""
    assert png.startswith(b"\x89PNG")
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
