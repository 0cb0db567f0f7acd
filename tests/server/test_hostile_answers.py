"""Hostile answers: decompression bombs, answers that block the event loop, the key in unusual encodings."""

import asyncio
import gzip
import json
import logging
import resource
import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from support.inputs import GOOD
from support.scripted import BASIC, SECRET, USERNAME, Conversation, OneAccount, answer, envelope, good, says, scripted

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.clicksend.client import MAX_ANSWER_BYTES
from server.clicksend.errors import NotSent, OutcomeUnknown
from server.clicksend.flight import Flight
from server.clicksend.redact import REMOVED, Redactor
from server.config.limits import Approval, Limits
from server.config.settings import Credentials, Settings
from server.guard.decisions import Question
from server.runtime.logs import configure
from tools.catalog import catalog
from tools.route import Request

pytestmark = pytest.mark.anyio

READ = Request("GET", "/v3/account")
ACCOUNT = catalog()["CLICKSEND_GET_ACCOUNT"]
SEND = catalog()["CLICKSEND_CREATE_SMS_SEND"]


async def called(said: bytes, slug: str = ACCOUNT.slug) -> Envelope:
    """What the model gets to read of an answer."""
    async with scripted(says(said)) as upstream, Dispatcher(upstream.settings()) as dispatcher:
        result = await dispatcher.call(catalog()[slug], GOOD[slug])
    assert not isinstance(result, Question)
    return result


# --- packed ------------------------------------------------------------------------------------------

MUCH = 2**28
LAYERS = {
    "gzip, gzip": gzip.compress(gzip.compress(bytes(MUCH))),
    "deflate, gzip": gzip.compress(zlib.compress(bytes(MUCH))),
    "gzip, identity": gzip.compress(b"{}"),
    "br": b"\x0b\x02\x80{}\x03",
    "zstd": b"(\xb5/\xfd",
    "compress": b"",
}


@pytest.mark.parametrize("encoding", LAYERS)
async def test_only_one_layer_of_a_requested_encoding_is_decompressed(encoding: str) -> None:
    """Gzip in gzip became gigabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with scripted(says(answer(200, LAYERS[encoding], f"Content-Encoding: {encoding}"))) as upstream:
        clicksend = OneAccount(upstream.settings())
        with pytest.raises(OutcomeUnknown, match="packed in a way that was not asked for"):
            await clicksend.send(READ)
        await clicksend.aclose()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MUCH / 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "X-GZIP"])
async def test_one_layer_is_decompressed_up_to_the_limit_and_no_further(encoding: str) -> None:
    """A bomb of one layer."""
    pack = zlib.compress if encoding == "deflate" else gzip.compress
    for content, fits in ((b'{"http_code":200}', True), (b" " * MUCH, False)):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with scripted(says(answer(200, pack(content), f"Content-Encoding: {encoding}"))) as upstream:
            clicksend = OneAccount(upstream.settings())
            if fits:
                assert (await clicksend.send(READ)).body == {"http_code": 200}
            else:
                with pytest.raises(OutcomeUnknown, match="larger than 10 MB"):
                    await clicksend.send(READ)
            await clicksend.aclose()
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MUCH / 2


# --- the account's key -------------------------------------------------------------------------------

HALF = len(SECRET) // 2
FIRST, LAST = SECRET[:HALF], SECRET[HALF:]
ODD = {
    "escaped letter": "".join(f"\\u{ord(letter):04x}" if letter.isalpha() else letter for letter in SECRET),
    "all escaped": "".join(f"\\u{ord(letter):04X}" for letter in SECRET),
    "percent": quote(SECRET, safe="").replace("-", "%2D"),
    "all percent": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "hex": SECRET.encode().hex(),
    "base64": b64encode(SECRET.encode()).decode(),
    "inside base64": b64encode(f"k={SECRET}&x".encode()).decode(),
    "the header": f"Basic {BASIC}",
    "small": SECRET.lower(),
    **{
        f"U+{ord(odd):04X} {how}": FIRST + written + LAST
        for odd in "\u200b\u00ad\u0085\ufeff\x7f\u200d\u2028\u202e\x01\n\t\ud800"
        for how, written in (("escaped", f"\\u{ord(odd):04x}"), ("raw", odd))
        if how == "escaped" or (ord(odd) > 0x1F and odd != "\ud800")
    },
}


def bare(text: str) -> str:
    """A text with every encoding of it undone, as an attacker would."""
    text = text.encode("ascii", "backslashreplace").decode()
    for _ in range(2):
        for code in (*range(0x20), 0x7F, 0x85, 0xAD, 0x200B, 0x200D, 0x2028, 0x202E, 0xFEFF, 0xD800):
            text = text.replace(f"\\u{code:04x}", "").replace(f"\\x{code:02x}", "").replace(chr(code), "")
        text = text.replace("\\n", "").replace("\\t", "").replace("\\\\", "\\")
    return text.lower()


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("written", ODD.values(), ids=ODD)
async def test_the_key_reaches_the_model_in_no_encoding(written: str, status: int) -> None:
    """Sanitizing worked on the raw text, and joined parts of the key."""
    raw = f'{{"http_code":{status},"response_code":"A_CODE","response_msg":"- {written} -","data":{{"v":"{written}"'
    raw += f',"{written}":1,"deep":[[{{"n":"a {written} b"}}]]}}}}'
    if status == 200:
        raw = raw.replace("A_CODE", "SUCCESS")
    result = await called(answer(status, raw.encode()))
    text = bare(result.data + (result.error or ""))
    spelt = written if "\\u" not in written.replace("\\u00", "") else SECRET
    for form in (SECRET, FIRST + LAST, BASIC, bare(spelt)):
        assert form.lower() not in text
    assert REMOVED in text


async def test_the_key_is_redacted_without_a_request_to_clicksend() -> None:
    """Wrong input, invalid settings, and the question to a person were not redacted."""
    own = Credentials(USERNAME, SECRET)
    wrong = {**GOOD[SEND.slug], SECRET: 1}
    message = {"to": "+61411111111", "body": f"my key is {FIRST}\u200b{LAST}"}
    async with scripted(says(good({"total_price": "0.08"}))) as upstream:
        asking = Settings(own, base_url=upstream.url, limits=Limits(approval=Approval(always=True)))
        for settings, arguments in (
            (upstream.settings(), wrong),
            (Settings(own, config_error=f"{SECRET} is no key"), GOOD[SEND.slug]),
            (asking, {"messages": [message]}),
        ):
            async with Dispatcher(settings) as dispatcher:
                result = await dispatcher.call(SEND, arguments)
            text = result.text if isinstance(result, Question) else result.error or ""
            assert REMOVED in text
            assert SECRET.lower() not in bare(text)
    assert isinstance(result, Question)


@pytest.mark.parametrize("before", ["", "a", "%", "\\", "\n", "\u200b", "\u00e9"])
@pytest.mark.parametrize("many", [1, 2, 7])
def test_the_key_is_found_wherever_escapes_begin_in_it(before: str, many: int) -> None:
    """The fast search looks only at runs of the key's characters, at any offset."""
    remover = Redactor(Credentials(USERNAME, SECRET))
    for gap in ("\u200b", "\n", "\ud800"):
        for place in range(1, len(SECRET) - many):
            cut = [SECRET[:place], *SECRET[place : place + many - 1], SECRET[place + many - 1 :]]
            text = json.dumps({"v": f"{before}{gap.join(cut)} b"})
            assert remover.is_in(text, json=True), text
    assert not remover.is_in(json.dumps({"v": f"{before}\n{SECRET[:-1]}\n \u200b Caf\u00e9 \U0001f600"}), json=True)


async def test_text_without_the_key_is_unchanged() -> None:
    """Texts with escapes, emoji and newlines."""
    text = 'Grüße 👋🏽 "quoted" \\ back\nslash / 家 \\u0041 ' + SECRET[:-1]
    result = await called(good({"text": text}))
    assert json.loads(result.data)["data"]["text"] == text


def test_a_secret_with_characters_that_json_escapes_is_found_too() -> None:
    """Quotes, slashes and non-ASCII characters."""
    for secret in ('pass"word/1', "Größe-geheim", "a\\nb\\tc\\d\\e", "50%+off=now"):
        remover = Redactor(Credentials("ana", secret))
        for ascii_only in (True, False):
            text = json.dumps({"v": f"x{secret}y"}, ensure_ascii=ascii_only)
            assert remover.is_in(text), text
            assert secret not in json.dumps(remover.cleaned(json.loads(text)), ensure_ascii=False)


async def test_a_forged_price_and_id_reach_neither_log_nor_ledger(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A newline in the price forged a log line; key and price were logged unchanged."""
    escaped = ODD["escaped letter"]
    raw = json.dumps(envelope({"total_price": "1\n2026 INFO clicksend_mcp: made up KEY", "messages": [
        {"to": "+61411111111", "status": "SUCCESS", "message_id": "\x1b[2Jid\u202e KEY" + "x" * 5_000}]}))  # fmt: skip
    configure("INFO")
    try:
        await called(answer(200, raw.replace("KEY", escaped).encode()), SEND.slug)
    finally:
        logging.getLogger().handlers.clear()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "cost" not in lines[0]
    assert SECRET not in lines[0]
    ledger = b"".join(file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file())
    assert SECRET.encode() not in ledger
    assert b"x" * 101 not in ledger
    assert b"id " in ledger


# --- large and odd -----------------------------------------------------------------------------------

ROW = {"body": "Grüße aus Köln 👋 " * 8, "to": "+61411111111", "status": "SUCCESS"}
LARGE = {
    "many names": json.dumps(envelope({f"name{i}": i for i in range(150_000)})),
    "many texts": json.dumps(envelope(["ü" * 90] * 50_000), ensure_ascii=False),
    "many rows": json.dumps(envelope({"data": [ROW] * 35_000}), ensure_ascii=False),
    "one text": json.dumps(envelope("x\u200d" * 1_500_000), ensure_ascii=False),
}


@pytest.mark.parametrize("said", LARGE.values(), ids=LARGE)
async def test_a_large_answer_is_parsed_and_shortened_off_the_event_loop(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of 9 MB blocked the event loop for all calls."""
    assert len(said.encode()) < MAX_ANSWER_BYTES
    turns = 0

    async def takes_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    parsed: list[int] = []
    import server.calls.journey as journey
    import server.clicksend.client as client

    for module, name in ((client, "_accept"), (journey, "render")):
        function = getattr(module, name)

        def watched(*arguments: object, function: object = function) -> object:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()  # not on the loop's thread
            parsed.append(1)
            return function(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(module, name, watched)
    task = asyncio.ensure_future(takes_turns())
    result = await called(answer(200, said.encode()))
    task.cancel()
    assert parsed == [1, 1]
    assert turns > 3
    assert result.successful
    assert len(result.data) < 100_000


async def test_an_answer_stays_large_at_a_later_attempt() -> None:
    """With a note on the attempts, it was shortened on the event loop."""
    answers = [answer(500, envelope(None, 500)), answer(200, LARGE["many rows"].encode())]

    async def script(conversation: Conversation) -> None:
        await conversation.say(answers.pop(0))

    request = ACCOUNT.request(ACCOUNT.input())
    async with scripted(script) as upstream, Dispatcher(upstream.settings(attempts=2)) as dispatcher:
        credentials = Credentials(USERNAME, SECRET)
        delivered = await dispatcher.session.send(request, credentials, Flight(), idempotent=True)
    assert delivered.attempts == 2
    assert delivered.with_note().is_large


async def test_an_answer_of_very_many_values_is_not_parsed() -> None:
    """500,000 names."""
    result = await called(answer(200, json.dumps(envelope({f"n{i}": i for i in range(500_000)})).encode()))
    assert result.error is not None
    assert "the answer has more than 200,000 values" in result.error


@pytest.mark.parametrize("number", ["1e900000", "-1e400", "9" * 5_000, "[" * 90_000 + "]" * 90_000, "9" * 1_000_000])
@pytest.mark.parametrize("slug", [ACCOUNT.slug, SEND.slug])
async def test_unbounded_numbers_and_depths_make_the_outcome_unknown(number: str, slug: str) -> None:
    """A number that cannot be parsed is a fault of the answer, not of this server."""
    raw = json.dumps(envelope({"total_price": "HERE"})).replace('"HERE"', number)
    result = await called(answer(200, raw.encode()), slug)
    assert result.error is not None
    assert "fault inside this server" not in result.error
    assert "no JSON object" in result.error
    assert "Nothing was sent" not in result.error


# --- not reached -------------------------------------------------------------------------------------


@asynccontextmanager
async def untrusted(folder: Path) -> AsyncIterator[int]:
    """A server with a self-signed certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    process = await asyncio.create_subprocess_exec(*command, "-subj", "/CN=localhost", stderr=asyncio.subprocess.PIPE)
    await process.communicate()
    assert process.returncode == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def unreached(base_url: str) -> str:
    clicksend = OneAccount(Settings(Credentials(USERNAME, SECRET), base_url=base_url, connect_timeout=10))
    try:
        with pytest.raises(NotSent) as caught:
            await clicksend.send(READ)
    finally:
        await clicksend.aclose()
    assert SECRET not in caught.value.reason
    return caught.value.reason


async def test_the_error_says_why_a_host_cannot_be_reached(tmp_path: Path) -> None:
    """Unknown host, refused connection and untrusted certificate had the same error."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert await unreached(f"http://127.0.0.1:{port}") == f"127.0.0.1:{port} refuses connections"
    unknown = await unreached("http://clicksend.invalid:8080")
    assert unknown == "the host name of clicksend.invalid:8080 is unknown"
    async with untrusted(tmp_path) as port:
        reason = await unreached(f"https://localhost:{port}")
    assert reason.startswith(f"the certificate or TLS of localhost:{port} is not trusted: ")
    assert "self-signed" in reason or "self signed" in reason
