"""Fetching: bounded, and for strangers from public addresses only."""

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from support.sandbox_client import ANA, Sandbox, Web, until

from server.sandbox.api.fetching import is_public
from server.sandbox.serve import running_sandbox
from server.sandbox.state.world import Limits, MayReach

OTHER = "127.0.0.2"  # stands for an address that must not be reached
RULE = {"dedicated_number": "*", "rule_name": "Tell", "message_search_type": 0, "message_search_term": "", "enabled": 1}


@contextmanager
def sandbox_that(may_reach: MayReach | None, **limits: Any) -> Iterator[Sandbox]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_sandbox(may_reach=may_reach, limits=Limits(**limits))) as running,
    ):
        client = Sandbox(running)
        with closing(client.http):
            yield client


@contextmanager
def answering(answer: bytes, host: str = "127.0.0.1", more: bytes = b"") -> Iterator[tuple[str, list[str]]]:
    """A server that sends one answer, then repeats `more` until the client leaves; its address and the requests."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.headers["host"])
            try:
                self.wfile.write(answer)
                while more:
                    self.wfile.write(more)
            except OSError:
                pass

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}/people.csv", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ok(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.0 200 OK", *headers, b"", body])


def redirect(url: str) -> bytes:
    return b"HTTP/1.0 302 Found\r\nLocation: " + url.encode() + b"\r\n\r\n"


def ended(sandbox: Sandbox, url: str) -> dict[str, Any]:
    list_id = sandbox.new_list()
    sandbox.post(f"/v3/lists/{list_id}/import", {"file_url": url, "field_order": ["phone"]})
    until(lambda: sandbox.get(f"/v3/lists/{list_id}")["_import_in_progress"] == 0)
    result: dict[str, Any] = sandbox.get(f"/v3/lists/{list_id}")["_last_import"]
    return result


def not_the_other(address: Any) -> bool:
    return str(address) != OTHER


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::]", "0x7f000001"],
)
def test_for_strangers_nothing_is_fetched_from_this_machine(web: Web, host: str) -> None:
    """Otherwise a stranger could read the answer of an internal service from a contact (SSRF)."""
    web.serve("/people.csv", ANA)
    with sandbox_that(is_public) as sandbox:
        result = ended(sandbox, web.url.replace("127.0.0.1", host) + "/people.csv")
    assert result["status"] == "failed"
    assert "not on the public internet" in result["error"] or "not known" in result["error"]
    assert web.requests == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("10.0.0.1", False),
        ("172.16.9.9", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses_are_distinguished_from_others(address: str, public: bool) -> None:
    """Also where an IPv6 address embeds an IPv4 address."""
    assert is_public(ip_address(address)) is public


def test_redirects_are_followed_to_allowed_addresses_only(web: Web) -> None:
    """A redirect must not lead to an address that would be refused."""
    inside = web.serve("/people.csv", ANA)
    with (
        answering(ok(ANA.encode()), OTHER) as (elsewhere, asked),
        answering(redirect(elsewhere)) as (bad, _),
        answering(redirect(inside)) as (good, _),
        sandbox_that(not_the_other) as sandbox,
    ):
        assert "not on the public internet" in ended(sandbox, bad)["error"]
        assert asked == []
        assert ended(sandbox, good)["rows_taken"] == 1


def test_the_address_that_was_checked_is_the_one_connected_to(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may resolve differently a moment later (DNS rebinding)."""
    resolve = socket.getaddrinfo
    looked_up: list[str] = []

    def rebinding(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != "rebind.example":
            return resolve(host, *rest, **more)
        looked_up.append(name)
        return resolve("127.0.0.1" if len(looked_up) == 1 else OTHER, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    web.serve("/people.csv", ANA)
    with sandbox_that(not_the_other) as sandbox:
        assert ended(sandbox, web.url.replace("127.0.0.1", "rebind.example") + "/people.csv")["rows_taken"] == 1
    assert looked_up == ["rebind.example"]


def test_a_name_with_one_internal_address_is_not_fetched(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have addresses of both kinds."""
    resolve = socket.getaddrinfo

    def both(host: Any, *rest: Any, **more: Any) -> Any:
        if host not in ("both.example", b"both.example"):
            return resolve(host, *rest, **more)
        return resolve("127.0.0.1", *rest, **more) + resolve(OTHER, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    web.serve("/people.csv", ANA)
    with sandbox_that(not_the_other) as sandbox:
        assert ended(sandbox, web.url.replace("127.0.0.1", "both.example") + "/people.csv")["status"] == "failed"
    assert web.requests == []


def test_webhooks_follow_the_same_rule_as_imports() -> None:
    with answering(ok(b"fine")) as (url, asked), sandbox_that(is_public) as sandbox:
        rule = RULE | {"action": "URL", "action_address": url, "webhook_type": "json"}
        sandbox.post("/v3/automations/sms/inbound", rule)
        sandbox.control("POST", "inbound", {"from": ANA, "body": "Hello"})
        until(lambda: sandbox.account()["rule_runs"][0]["outcome"] != "pending")
        assert "not on the public internet" in sandbox.account()["rule_runs"][0]["outcome"]
    assert asked == []


@pytest.mark.parametrize("scheme", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "http://", "//x"])
def test_only_web_addresses_are_fetched(sandbox: Sandbox, scheme: str) -> None:
    """Files of this machine are not read."""
    assert "only http and https" in ended(sandbox, scheme)["error"]


def test_a_redirect_to_a_file_is_not_followed(sandbox: Sandbox) -> None:
    with answering(redirect("file:///etc/hostname")) as (url, _):
        assert "only http and https" in ended(sandbox, url)["error"]


def test_endless_redirects_are_given_up(sandbox: Sandbox) -> None:
    """Five redirects are followed."""
    with answering(redirect("/people.csv")) as (url, asked):
        assert "more than 5 redirects" in ended(sandbox, url)["error"]
    assert len(asked) == 6


def test_a_file_that_never_ends_is_given_up() -> None:
    """A byte now and then must not keep an import running for ever (slow read)."""
    held = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                self.wfile.write(ok(b"+"))
                while not held.wait(0.05):
                    self.wfile.write(b"6")
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with sandbox_that(None, fetch_seconds=0.5) as sandbox:
            result = ended(sandbox, f"http://127.0.0.1:{server.server_port}/")
    finally:
        held.set()
        server.shutdown()
        server.server_close()
        thread.join()
    assert result["error"] == "the file took longer than 0.5 seconds"


def test_a_file_that_is_too_large_is_given_up(sandbox: Sandbox) -> None:
    """At most 10 MB are read."""
    with answering(ok(b""), more=b"x" * 65_536) as (url, _):
        assert "larger than 10 MB" in ended(sandbox, url)["error"]


def test_one_layer_of_compression_is_removed(sandbox: Sandbox) -> None:
    """Web servers compress without being asked."""
    for encoding, content in ((b"gzip", gzip.compress(ANA.encode())), (b"deflate", zlib.compress(ANA.encode()))):
        with answering(ok(content, b"Content-Encoding: " + encoding)) as (url, _):
            assert ended(sandbox, url)["rows_taken"] == 1


@pytest.mark.parametrize(
    ("encoding", "content", "reason"),
    [
        (b"gzip, gzip", lambda: gzip.compress(gzip.compress(b"x")), "compressed in a way"),
        (b"br", lambda: b"x", "compressed in a way"),
        (b"gzip", lambda: gzip.compress(bytes(200_000_000), 1), "larger than 10 MB"),
        (b"gzip", lambda: gzip.compress(ANA.encode())[:-9], "damaged"),
        (b"gzip", lambda: b"+61400000001", "damaged"),
    ],
    ids=["two layers", "br", "a bomb", "cut off", "not compressed"],
)
def test_a_decompression_bomb_is_refused(
    sandbox: Sandbox, encoding: bytes, content: Callable[[], bytes], reason: str
) -> None:
    """A few kB in two layers of compression can unpack to 2 GB."""
    with answering(ok(content(), b"Content-Encoding: " + encoding)) as (url, _):
        assert reason in ended(sandbox, url)["error"]
