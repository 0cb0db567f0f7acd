"""Pages of other web sites can neither read nor change the sandbox; programs that are no browsers notice nothing."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from browsing import Site
from playwright.sync_api import Browser, Page
from support.sandbox_client import Sandbox
from support.sandbox_process import sandbox_process

OWN = {"sec-fetch-site": "same-origin"}


@contextmanager
def visiting(browser: Browser, url: str) -> Iterator[Page]:
    window = browser.new_context()
    page = window.new_page()
    try:
        page.goto(url)
        yield page
    finally:
        window.close()


ATTEMPTS = """
async (target) => {
  const credentials = {authorization: `Basic ${btoa("sandbox:sandbox")}`};
  const reply = '{"from": "+61400000001", "body": "Hello"}';
  const message = JSON.stringify({messages: [{to: "+61400000001", body: "Hello"}]});
  const attempts = {
    read: () => fetch(`${target}/_sandbox/state`),
    calls: () => fetch(`${target}/_sandbox/inbox/calls`),
    change: () => fetch(`${target}/_sandbox/clock`, {method: "POST", body: '{"advance": 3600}'}),
    blind: () => fetch(`${target}/_sandbox/reset`, {method: "POST", mode: "no-cors"}),
    inbound: () => fetch(`${target}/_sandbox/inbound`, {method: "POST", mode: "no-cors", body: reply}),
    send: () => fetch(`${target}/v3/sms/send`, {method: "POST", headers: credentials, body: message}),
  };
  const outcomes = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      const response = await attempt();
      outcomes[name] = response.type === "opaque" ? "opaque" : response.status;
    } catch {
      outcomes[name] = "refused";
    }
  }
  outcomes.events = await new Promise((tell) => {
    const stream = new EventSource(`${target}/_sandbox/events`);
    stream.onmessage = () => tell("heard");
    stream.onerror = () => tell("refused");
  });
  outcomes.picture = await new Promise((tell) => {
    const picture = new Image();
    picture.onload = () => tell("loaded");
    picture.onerror = () => tell("refused");
    picture.src = `${target}/_sandbox/page/beach.jpg`;
  });
  return outcomes;
}
"""


def test_a_page_of_another_site_learns_and_changes_nothing(
    sandbox: Sandbox, browser: Browser, other_site: Site
) -> None:
    before = sandbox.control("GET", "state")
    with visiting(browser, other_site.url) as page:
        outcomes = page.evaluate(ATTEMPTS, sandbox.url)
    # A browser does not tell what came of the blind ones; the state does.
    assert outcomes.pop("blind") == outcomes.pop("inbound") == "opaque"
    assert set(outcomes.values()) == {"refused"}
    assert sandbox.control("GET", "state") == before


def test_a_form_of_another_site_is_refused_even_with_the_public_credentials(
    sandbox: Sandbox, browser: Browser, other_site: Site
) -> None:
    target = sandbox.url.replace("http://", "http://sandbox:sandbox@")
    name = '{"messages": [{"to": "+61400000001", "body": "Hello", "custom_string": "'
    other_site.html = (
        f"<form method=post enctype=text/plain action='{target}/v3/sms/send'>"
        f"<input name='{name}' value='\"}}]}}'><button>Go</button></form>"
    )
    with visiting(browser, other_site.url) as page:
        page.get_by_role("button").click()
        page.wait_for_url(re.compile("/v3/sms/send"))
        assert "may not use the sandbox" in page.content()
    assert sandbox.sent() == []


def test_a_name_that_was_made_to_point_here_is_refused(sandbox: Sandbox, browser: Browser) -> None:
    port = sandbox.url.rpartition(":")[2]
    with visiting(browser, f"http://rebound.example:{port}/_sandbox/inbox") as page:
        assert "does not answer to the name rebound.example" in page.content()
        status = page.evaluate("fetch('/_sandbox/state').then((response) => response.status)")
        change = "fetch('/_sandbox/reset', {method: 'POST'}).then((response) => response.status)"
        assert (status, page.evaluate(change)) == (403, 403)


def test_a_page_of_another_site_cannot_put_the_inbox_into_a_frame(
    sandbox: Sandbox, browser: Browser, other_site: Site
) -> None:
    other_site.html = f"<iframe src='{sandbox.url}/_sandbox/inbox'></iframe>"
    with visiting(browser, other_site.url) as page:
        frame = page.frames[1]
        frame.wait_for_load_state()
        assert frame.locator("#app").count() == 0


def test_a_link_from_another_site_opens_the_inbox(sandbox: Sandbox, browser: Browser, other_site: Site) -> None:
    other_site.html = f"<a href='{sandbox.url}/_sandbox/inbox'>Inbox</a>"
    with visiting(browser, other_site.url) as page:
        page.get_by_role("link").click()
        page.get_by_role("heading", name="Conversations").wait_for()


REFUSED = {
    "another site": {"origin": "http://elsewhere.example"},
    "another port": {"origin": "http://127.0.0.1:1"},
    "a file": {"origin": "null"},
    "a script of another site": {"sec-fetch-site": "cross-site", "sec-fetch-dest": "empty"},
    "a sister site": {"sec-fetch-site": "same-site", "sec-fetch-dest": "image"},
    "a public name": {"host": "sandbox.example.com"},
    "a public name with a port": {"host": "sandbox.example.com:8799"},
    "a name with a dot at its end": {"host": "sandbox.example.com."},
    "a name that looks like an address": {"host": "127.0.0.1.example.com"},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("path", ["/_sandbox/state", "/_sandbox/inbox", "/_sandbox/events", "/v3/account"])
def test_what_a_browser_says_of_a_stranger_is_a_refusal(sandbox: Sandbox, headers: dict[str, str], path: str) -> None:
    answer = sandbox.http.get(path, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]


LET_IN: dict[str, dict[str, str]] = {
    "curl": {},
    "our own page": OWN,
    "a typed address": {"sec-fetch-site": "none"},
    "this machine": {"host": "localhost:8799"},
    "a name of this machine": {"host": "sandbox.localhost:8799"},
    "a container": {"host": "sandbox:8799"},
    "from within a container": {"host": "host.docker.internal:8799"},
    "an address": {"host": "192.168.1.20:8799"},
    "an address of IPv6": {"host": "[2001:db8::1]:8799"},
    "an address of IPv6 without a port": {"host": "[::1]"},
}


@pytest.mark.parametrize("headers", LET_IN.values(), ids=LET_IN)
def test_programs_and_our_own_page_are_let_in(sandbox: Sandbox, headers: dict[str, str]) -> None:
    origin = {"origin": f"http://{headers['host']}"} if "host" in headers else {}
    assert sandbox.http.get("/_sandbox/state", headers=headers).status_code == 200
    assert sandbox.http.post("/_sandbox/reset", headers=headers | origin).status_code == 200


def test_a_sandbox_for_a_network_answers_to_its_addresses(browser: Browser) -> None:
    with sandbox_process("--host", "0.0.0.0") as running:
        url = running.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{url}/_sandbox/state", trust_env=False).status_code == 200
        with visiting(browser, f"{url}/_sandbox/inbox") as page:
            page.get_by_role("heading", name="Conversations").wait_for()


def test_it_answers_to_the_name_that_it_listens_on(sandbox: Sandbox) -> None:
    with sandbox_process("--host", "localhost") as running:
        assert httpx.get(f"{running.url}/_sandbox/state", trust_env=False).status_code == 200


def test_the_policy_lets_nothing_in_but_the_page_s_own_files(sandbox: Sandbox) -> None:
    answer = sandbox.http.get("/_sandbox/inbox", auth=None)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/]{43}='", policy.pop("script-src"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "frame-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert not re.findall(r"https?://(?!www\.w3\.org)", answer.text)
    imports = json.loads(re.findall(r'<script type="importmap">(.*?)</script>', answer.text)[0])["imports"]
    for path in (*imports.values(), "/_sandbox/page/app.js", "/_sandbox/page/style.css", "/_sandbox/page/icon.svg"):
        file = sandbox.http.get(path, auth=None)
        assert (file.status_code, file.headers["x-content-type-options"]) == (200, "nosniff")
        assert file.headers["content-type"].partition(";")[0] in ("text/javascript", "text/css", "image/svg+xml")
    assert sandbox.http.get("/_sandbox/page/../page.py", auth=None).status_code == 404
    assert sandbox.http.get("/_sandbox/page/%2e%2e/page.py", auth=None).status_code == 404
