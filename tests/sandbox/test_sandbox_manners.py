"""The error messages of the controls, and how a browser finds the inbox."""

import json
from typing import Any

import httpx
import pytest
from support.sandbox_client import ANA, HOUR, Sandbox

PAGE = "/_sandbox/inbox"


@pytest.mark.parametrize("path", ["/", "/inbox", "/inbox/", "/_sandbox", "/_sandbox/"])
def test_a_browser_is_redirected_to_the_inbox_and_a_program_is_not(sandbox: Sandbox, path: str) -> None:
    """People open the address of the sandbox itself."""
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    led = httpx.get(sandbox.url + path, headers=browser, trust_env=False)
    assert (led.status_code, led.headers["location"]) == (307, PAGE)
    for accept in ("*/*", "application/json"):
        answer = httpx.get(sandbox.url + path, headers={"accept": accept}, trust_env=False)
        assert (answer.status_code, answer.json()["response_code"]) == (404, "NOT_FOUND")
    assert httpx.post(sandbox.url + path, headers=browser, trust_env=False).status_code in (404, 405)


def test_a_browser_gets_a_404_for_other_paths(sandbox: Sandbox) -> None:
    """A wrong path is reported, not hidden."""
    answer = httpx.get(f"{sandbox.url}/v3/nothing", headers={"accept": "text/html"}, trust_env=False)
    assert answer.status_code == 404


def refused(sandbox: Sandbox, method: str, name: str, content: str) -> str:
    answer = sandbox.http.request(method, f"/_sandbox/{name}", content=content)
    assert answer.status_code == 400
    error: str = answer.json()["error"]
    return error


@pytest.mark.parametrize(
    ("method", "name", "body", "words"),
    [
        ("POST", "clock", {"forward": 1}, "forward is not known here"),
        ("POST", "clock", {"advance": "soon"}, "advance must be a whole number"),
        ("POST", "clock", {"advance": 1.5}, "advance must be a whole number"),
        ("POST", "clock", {"stopped": "perhaps"}, "stopped must be true or false"),
        ("POST", "clock", [], "the body must be a JSON object"),
        ("POST", "faults", {"kind": "quake"}, "kind must be one of 'status', 'delay', 'drop', "),
        ("POST", "faults", {"kind": "drop", "times": 0}, "times must not be less than 1"),
        ("POST", "faults", {"kind": "status", "status": 700}, "status must not be more than 599"),
        ("POST", "faults", {"kind": "delay", "seconds": "x"}, "seconds must be a number"),
        ("POST", "accounts", {"username": "", "api_key": "k"}, "username must not be empty"),
        ("POST", "accounts", {"username": "eve"}, "api_key is missing"),
        ("POST", "accounts", {"username": "e", "api_key": "k", "country": "Oz"}, "country must be two capital letters"),
        ("PATCH", "settings", {"balance": "lots"}, "balance must be an amount, such as 12.50"),
        ("PATCH", "settings", {"countries_off": "US"}, "countries_off must be a list"),
        ("POST", "inbound", {"from": ANA, "body": 7}, "body must be a text"),
    ],
)
def test_the_controls_say_in_plain_words_what_is_wrong(
    sandbox: Sandbox, method: str, name: str, body: Any, words: str
) -> None:
    """Not in the words of pydantic, with links to its site."""
    error = refused(sandbox, method, name, json.dumps(body))
    assert error.startswith(words)
    assert not [word for word in ("pydantic", "http", "Input", "\n") if word in error]


@pytest.mark.parametrize("content", ["", "{", "\xff", '{"advance": NaN}'])
def test_a_body_that_is_not_json_is_refused_as_such(sandbox: Sandbox, content: str) -> None:
    assert refused(sandbox, "POST", "clock", content) in ("the body is not JSON", "advance must be a number")


@pytest.mark.parametrize("sender", ["", " ", "12", "Amazon", "+6140000000", "61400000001.0", "<b>"])
def test_an_inbound_message_needs_a_phone_number(sandbox: Sandbox, sender: str) -> None:
    error = refused(sandbox, "POST", "inbound", json.dumps({"from": sender, "body": "Hello"}))
    assert error == "from must be a phone number, such as +61400000999"
    assert sandbox.history() == []


def test_an_inbound_message_has_the_international_number_of_its_sender(sandbox: Sandbox) -> None:
    """The number is given as people type it."""
    assert sandbox.control("POST", "inbound", {"from": "0400 000 001", "body": "Hello"})["from"] == ANA


@pytest.mark.parametrize(
    "order", [{"advance": -1}, {"advance": -(10**30)}, {"advance": 10**30}, {"now": -1}, {"now": 10**12}]
)
def test_the_clock_goes_neither_back_nor_out_of_bounds(sandbox: Sandbox, order: dict[str, int]) -> None:
    now = sandbox.now()
    assert refused(sandbox, "POST", "clock", json.dumps(order))
    assert sandbox.now() == now


def test_the_clock_is_set_to_any_day_only_while_nothing_has_happened(sandbox: Sandbox) -> None:
    """Tests choose their own first day."""
    assert sandbox.control("POST", "clock", {"now": 1_000_000})["now"] == 1_000_000
    sandbox.send_one()
    assert "cannot go back" in refused(sandbox, "POST", "clock", json.dumps({"now": 999_999}))
    sandbox.advance(HOUR)
    assert sandbox.now() == 1_000_000 + HOUR
