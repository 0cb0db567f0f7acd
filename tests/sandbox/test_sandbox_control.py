"""The controls: state, recorded calls, the clock, settings, faults and reset; and the bounds of what is kept."""

import json
import socket
import time
from typing import Any

import anyio
import httpx
import pytest
from support.sandbox_client import ANA, HOUR, MAX_WAIT, Sandbox, Web

from server.sandbox.app import build_app
from server.sandbox.state import calls
from server.sandbox.state.world import Limits


def test_calls_are_recorded_without_credentials(sandbox: Sandbox) -> None:
    sandbox.send_one()
    sandbox.http.get("/v3/lists/", params={"page": 2})
    sandbox.http.post("/v3/sms/send", content=b"not \xff JSON", auth=None)
    answer = sandbox.http.get("/_sandbox/calls")
    sent, listed, refused = answer.json()["calls"]
    assert (sent["method"], sent["path"], sent["status"]) == ("POST", "/v3/sms/send", 200)
    assert sent["body"] == {"messages": [{"to": ANA, "body": "Hello"}]}
    assert sent["answer"]["data"]["queued_count"] == 1
    assert (listed["path"], listed["query"], listed["body"]) == ("/v3/lists", {"page": "2"}, None)
    assert (listed["username"], listed["at"], listed["fault"]) == ("sandbox", sandbox.now(), None)
    assert (refused["username"], refused["body"], refused["status"]) == (None, "not \ufffd JSON", 401)
    assert "authorization" not in answer.text.lower()
    assert "c2FuZGJveDpzYW5kYm94" not in answer.text
    assert sandbox.control("DELETE", "calls") == {"calls": []}
    assert sandbox.control("GET", "state")["calls"] == 0


def test_the_clock_moves_stops_and_runs(sandbox: Sandbox) -> None:
    assert sandbox.control("POST", "clock", {"now": 1_000_000}) == {"now": 1_000_000, "stopped": True}
    assert sandbox.control("POST", "clock", {"advance": 10})["now"] == 1_000_010
    assert sandbox.send_one()["date"] == 1_000_010
    running = sandbox.control("POST", "clock", {"now": int(time.time()), "stopped": False})
    assert running["stopped"] is False
    assert sandbox.now() >= running["now"]


@pytest.mark.parametrize(
    ("method", "name", "body"),
    [
        ("POST", "clock", {"advance": 1, "now": 1}),
        ("POST", "clock", {"forward": 1}),
        ("POST", "faults", {"kind": "earthquake"}),
        ("POST", "faults", {"kind": "drop", "times": 0}),
        ("POST", "accounts", {"username": "sandbox", "api_key": "k"}),
        ("POST", "accounts", {"username": "eve"}),
        ("POST", "inbound", {"from": ANA}),
        ("POST", "inbound", {"from": ANA, "body": "Hello", "username": "nobody"}),
        ("PATCH", "settings", {"colour": "red"}),
        ("PATCH", "settings", {"username": "nobody"}),
        ("GET", "sent?kind=fax", None),
    ],
)
def test_a_control_request_that_makes_no_sense_is_refused(sandbox: Sandbox, method: str, name: str, body: Any) -> None:
    response = sandbox.http.request(method, f"/_sandbox/{name}", json=body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_a_reset_returns_to_the_first_day(sandbox: Sandbox) -> None:
    sandbox.send_one()
    sandbox.new_list(ANA)
    sandbox.fault("drop", path="/nowhere")
    sandbox.control("POST", "accounts", {"username": "eve", "api_key": "k"})
    sandbox.control("PATCH", "settings", {"balance": 5, "countries_off": ["US"], "rate_limit": False})
    state = sandbox.control("POST", "reset")
    assert (state["calls"], state["faults"], state["rate_limit"]) == (0, 0, True)
    names = [account["username"] for account in state["accounts"]]
    assert names == ["sandbox", "nocredit", "notactive", "banned"]
    account = state["accounts"][0]
    assert (account["balance"], account["countries_off"]) == ("100.000000", [])
    assert account["sms"] == account["lists"] == 0
    assert sandbox.new_list() == 1001


# Faults


def lists_made(sandbox: Sandbox) -> int:
    count: int = sandbox.account()["lists"]
    return count


def make_list(sandbox: Sandbox) -> httpx.Response:
    return sandbox.http.post("/v3/lists", json={"list_name": "Customers"})


@pytest.fixture(params=["before", "after"])
def when(request: pytest.FixtureRequest) -> str:
    moment: str = request.param
    return moment


def effect(when: str) -> int:
    """The number of lists after one request with a fault."""
    return 1 if when == "after" else 0


def test_a_wrong_status(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("status", status=503, when=when, headers={"Retry-After": "7"})
    response = make_list(sandbox)
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")
    assert (response.json()["http_code"], response.json()["data"]) == (503, None)
    assert lists_made(sandbox) == effect(when)
    (call,) = sandbox.control("GET", "calls")["calls"]
    assert (call["fault"], call["status"]) == ("status", 200 if when == "after" else None)
    assert make_list(sandbox).status_code == 200


def test_too_many_requests_come_with_their_headers(sandbox: Sandbox) -> None:
    sandbox.fault("status", status=429)
    response = make_list(sandbox)
    assert response.json()["response_code"] == "HTTP_TOO_MANY_REQUESTS"
    assert response.headers["retry-after"] == response.headers["ratelimit-reset"] == "1"
    assert (response.headers["x-ratelimit-limit"], response.headers["x-ratelimit-remaining"]) == ("20", "0")


def test_a_dropped_connection(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("drop", when=when)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        make_list(sandbox)
    assert lists_made(sandbox) == effect(when)


def test_a_truncated_answer(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("truncate", when=when)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        make_list(sandbox)
    assert lists_made(sandbox) == effect(when)


def test_an_answer_of_garbage(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("garbage", when=when)
    response = make_list(sandbox)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    with pytest.raises(ValueError, match="Expecting value"):
        response.json()
    assert lists_made(sandbox) == effect(when)


def test_an_empty_answer(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("empty", status=204, when=when)
    response = make_list(sandbox)
    assert (response.status_code, response.content) == (204, b"")
    assert lists_made(sandbox) == effect(when)


def test_an_oversize_answer(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("oversize", size=1_000_000, when=when, headers={"X-Size": "large"})
    response = make_list(sandbox)
    assert len(response.content) > 1_000_000
    assert (response.json()["response_code"], response.headers["x-size"]) == ("SUCCESS", "large")
    assert lists_made(sandbox) == effect(when)


def test_a_redirect(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("redirect", when=when)
    response = make_list(sandbox)
    assert (response.status_code, response.headers["location"]) == (302, f"{sandbox.url}/_sandbox/state")
    assert lists_made(sandbox) == effect(when)
    sandbox.fault("redirect", status=307, headers={"Location": "http://elsewhere.test/"})
    response = make_list(sandbox)
    assert (response.status_code, response.headers["location"]) == (307, "http://elsewhere.test/")


def test_a_delay_outlasts_an_impatient_client(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("delay", seconds=3600, when=when)
    with pytest.raises(httpx.ReadTimeout):
        sandbox.http.post("/v3/lists", json={"list_name": "Customers"}, timeout=0.2)
    assert lists_made(sandbox) == effect(when)


def test_a_delay_ends(sandbox: Sandbox, when: str) -> None:
    sandbox.fault("delay", seconds=0.01, when=when)
    assert make_list(sandbox).json()["data"]["list_id"] == 1001


def test_a_fault_affects_matching_requests_as_often_as_ordered(sandbox: Sandbox) -> None:
    sandbox.fault("status", method="POST", path="/v3/lists", times=2)
    assert sandbox.control("GET", "faults")["faults"][0]["times"] == 2
    assert lists_made(sandbox) == 0
    assert sandbox.send_one()["status"] == "SUCCESS"
    assert [make_list(sandbox).status_code for _ in range(3)] == [500, 500, 200]
    sandbox.fault("status", status=418)
    assert sandbox.control("DELETE", "faults") == {"faults": []}
    assert make_list(sandbox).status_code == 200


def raw_answer(sandbox: Sandbox, request: bytes) -> bytes:
    """Everything that a connection returns until it is closed."""
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=MAX_WAIT) as connection:
        connection.sendall(request)
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_on_the_wire_a_drop_sends_nothing_and_closes(sandbox: Sandbox) -> None:
    sandbox.fault("drop")
    assert raw_answer(sandbox, b"GET /v3/lists HTTP/1.1\r\nHost: sandbox\r\n\r\n") == b""


def test_on_the_wire_a_truncated_answer_promises_more_than_it_sends(sandbox: Sandbox) -> None:
    sandbox.fault("truncate", when="after")
    head, _, body = raw_answer(sandbox, b"GET /v3/lists HTTP/1.1\r\nHost: sandbox\r\n\r\n").partition(b"\r\n\r\n")
    status, *lines = head.lower().split(b"\r\n")
    headers = dict(line.split(b": ") for line in lines)
    assert status.startswith(b"http/1.1 401 ")
    assert 0 < len(body) < int(headers[b"content-length"])


def test_a_client_that_hangs_up_while_sending_does_no_harm(sandbox: Sandbox) -> None:
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=MAX_WAIT) as connection:
        connection.sendall(b"POST /v3/lists HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 100\r\n\r\n{")
    assert lists_made(sandbox) == 0


# Bounds, on an application without a socket


def in_process(limits: Limits, *, posts: list[tuple[str, Any]]) -> dict[str, Any]:
    """The state of a sandbox with these limits after some requests, and the calls it keeps."""

    async def run() -> dict[str, Any]:
        app = build_app("tester", "key", limits=limits)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", auth=("tester", "key")) as client:
            statuses = [(await client.post(path, json=body)).status_code for path, body in posts]
            state: dict[str, Any] = (await client.get("/_sandbox/state")).json()
            recorded = (await client.get("/_sandbox/calls")).json()["calls"]
            sent = (await client.get("/_sandbox/sent")).json()["sent"]
        return {"statuses": statuses, "calls": recorded, "sent": sent, **state["accounts"][0]}

    return anyio.run(run)


def text(body: str) -> tuple[str, Any]:
    return "/v3/sms/send", {"messages": [{"to": ANA, "body": body}]}


def test_only_the_newest_messages_and_calls_are_kept() -> None:
    state = in_process(Limits(messages=3, calls=2), posts=[text(str(n)) for n in range(5)])
    assert [entry["body"] for entry in state["sent"]] == ["2", "3", "4"]
    assert [call["body"]["messages"][0]["body"] for call in state["calls"]] == ["3", "4"]


def test_the_recorded_calls_do_not_outgrow_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_BYTES", 5000)
    state = in_process(Limits(), posts=[text("x" * 1000) for _ in range(9)])
    assert 1 <= len(state["calls"]) < 4
    assert sum(len(json.dumps(call)) for call in state["calls"]) < 10_000


def test_an_account_takes_only_so_many_contacts() -> None:
    contact = ("/v3/lists/1001/contacts", {"phone_number": ANA})
    posts = [("/v3/lists", {"list_name": "Customers"}), contact, contact]
    state = in_process(Limits(contacts=1), posts=posts)
    assert state["statuses"] == [200, 200, 400]
    assert state["contacts"] == 1


def test_an_import_that_would_exceed_the_contacts_of_an_account_adds_none(web: Web) -> None:
    order = {"file_url": web.serve("/people.csv", f"{ANA}\n{ANA}\n"), "field_order": ["phone"]}
    posts = [("/v3/lists", {"list_name": "Customers"}), ("/v3/lists/1001/import", order)]
    state = in_process(Limits(contacts=1), posts=posts)
    assert "too many contacts" in state["imports"][0]["error"]
    assert state["contacts"] == 0


def test_a_drop_without_a_socket_raises_as_a_connection_would() -> None:
    with pytest.raises(ConnectionResetError):
        in_process(Limits(), posts=[("/_sandbox/faults", {"kind": "drop"}), text("Hello")])


def test_other_scopes_than_http_pass_through(sandbox: Sandbox) -> None:
    async def run() -> list[Any]:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        answers: list[Any] = []

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            answers.append(message["type"])

        await build_app()({"type": "lifespan", "state": {}}, receive, send)
        return answers

    assert anyio.run(run) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert sandbox.now() + HOUR > 0
