"""Unsolicited data on a connection is never an answer: not to the next call, not to another account's.

The cases run on this Python and on one on the other side of 3.12, where aiohttp begins to write earlier.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from support.scripted import (
    PATIENCE,
    SECRET,
    USERNAME,
    Conversation,
    Script,
    Upstream,
    answer,
    good,
    refusal,
    says,
    scripted,
)

from server.clicksend.client import ClickSend
from server.clicksend.connections import Connector, UnsolicitedData
from server.clicksend.errors import NotSent, OutcomeUnknown
from server.clicksend.flight import Flight
from server.config.settings import Credentials
from tools.route import Request

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.anyio

ANA = Credentials(USERNAME, SECRET)
BO = Credentials("bo", "another-secret")
READ = Request("GET", "/v3/lists")
SEND = Request("POST", "/v3/sms/send", body={"messages": [{"to": "+61411111111", "body": "hi"}]})
FOREIGN = good({"private": "of somebody else"})
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

UNSOLICITED = {
    "a success": FOREIGN,
    "a refusal": refusal(400, "BAD_REQUEST"),
    "a time-out of the server's": answer(408, None),
    "something informational": EARLY,
    "rubbish": b"\x00\x16\x03 rubbish \xff",
    "a line end": b"\r\n",
    "half an answer": FOREIGN[:30],
    "the head of an answer": FOREIGN[: FOREIGN.index(b"\r\n\r\n") + 4],
    "two answers": FOREIGN + FOREIGN,
}


def numbered(number: int) -> bytes:
    return good({"number": number})


def unsolicited(late: bytes, rest: bytes = b"") -> Script:
    """Answer with the number of the request; behind the first answer comes something more, once it is released."""

    async def script(conversation: Conversation) -> None:
        upstream = conversation.upstream
        number = len(upstream.requests)
        if number == 2 and rest:
            await conversation.say(rest)
        await conversation.say(numbered(number))
        if number == 1:
            await upstream.released.wait()
            await conversation.say(late)
            upstream.read_whole.set()

    return script


def at_once(late: bytes) -> Script:
    """The same, with the unsolicited data in one packet with the answer before it."""

    async def script(conversation: Conversation) -> None:
        number = len(conversation.upstream.requests)
        await conversation.say(numbered(number) + (late if number == 1 else b""))

    return script


async def number_of(clicksend: ClickSend, request: Request, account: Credentials) -> int:
    number: int = (await clicksend.send(request, account, Flight())).data["number"]
    return number


async def unsolicited_data_sent(upstream: Upstream) -> None:
    """Wait until the unsolicited data was sent. Whether the client has read it by then must not matter."""
    upstream.released.set()
    await upstream.wait(upstream.read_whole)


@pytest.mark.parametrize("account", [ANA, BO], ids=["same account", "another account"])
@pytest.mark.parametrize("following", [READ, SEND], ids=["read", "send"])
@pytest.mark.parametrize("turns", [0, 20])
@pytest.mark.parametrize("late", UNSOLICITED.values(), ids=UNSOLICITED)
async def test_unsolicited_data_on_an_idle_connection_answers_no_later_call(
    late: bytes, turns: int, following: Request, account: Credentials
) -> None:
    """A late answer is not the next call's."""
    async with scripted(unsolicited(late)) as upstream:
        clicksend = ClickSend(upstream.settings())
        assert await number_of(clicksend, READ, ANA) == 1
        await unsolicited_data_sent(upstream)
        for _ in range(turns):
            await asyncio.sleep(0)
        assert await number_of(clicksend, following, account) == 2
        assert await number_of(clicksend, following, account) == 3
        await clicksend.aclose()
    assert [arrived.line.split()[0] for arrived in upstream.requests] == ["GET", following.method, following.method]


@pytest.mark.parametrize("late", UNSOLICITED.values(), ids=UNSOLICITED)
async def test_unsolicited_data_in_one_packet_with_an_answer_answers_no_later_call(late: bytes) -> None:
    """An answer with another right behind it."""
    async with scripted(at_once(late)) as upstream:
        clicksend = ClickSend(upstream.settings())
        try:
            assert await number_of(clicksend, READ, ANA) == 1
        except OutcomeUnknown:
            assert not late.startswith(b"HTTP")  # it makes the whole packet invalid
        assert await number_of(clicksend, READ, ANA) == 2
        assert await number_of(clicksend, SEND, ANA) == 3
        await clicksend.aclose()
    assert len(upstream.requests) == 3


@pytest.mark.parametrize("cut", [1, 12, 40, -20, -1])
async def test_a_partial_answer_that_is_completed_later_answers_nothing(cut: int) -> None:
    """The first half while nothing is asked, the rest once something is."""
    async with scripted(unsolicited(FOREIGN[:cut], FOREIGN[cut:])) as upstream:
        clicksend = ClickSend(upstream.settings())
        assert await number_of(clicksend, READ, ANA) == 1
        await unsolicited_data_sent(upstream)
        # The rest comes on a new connection, where it is either no answer or one of its own.
        with pytest.raises(OutcomeUnknown):
            await clicksend.send(SEND, ANA, Flight())
        assert await number_of(clicksend, READ, ANA) == 3
        await clicksend.aclose()
    assert upstream.connections >= 2


async def test_only_reads_of_one_account_share_a_connection() -> None:
    """Reads stay fast, and what may cost money has a connection of its own."""

    seen: list[object] = []

    async def script(conversation: Conversation) -> None:
        if conversation.writer not in seen:
            seen.append(conversation.writer)
        await conversation.say(numbered(seen.index(conversation.writer) + 1))

    async with scripted(script) as upstream:
        clicksend = ClickSend(upstream.settings())
        assert [await number_of(clicksend, READ, ANA) for _ in range(5)] == [1] * 5
        assert await number_of(clicksend, READ, BO) == 2
        assert [await number_of(clicksend, SEND, ANA) for _ in range(2)] == [3, 4]
        assert [await number_of(clicksend, READ, account) for account in (ANA, BO)] == [1, 2]
        await clicksend.aclose()
    asked = [arrived.headers["connection"] for arrived in upstream.requests if arrived.line.startswith("POST")]
    assert asked == ["close", "close"]


Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def outcome_of_one_send(accept: Accept, body: str) -> tuple[Exception | None, dict[str, object]]:
    """The outcome of one send to a server that does this with its connection."""
    server = await asyncio.start_server(accept, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    upstream = Upstream(says(b""), url=f"http://127.0.0.1:{port}")
    clicksend = ClickSend(upstream.settings())
    request = Request("POST", "/v3/sms/send", body={"messages": [{"to": "+61411111111", "body": body}]})
    try:
        return None, dict((await clicksend.send(request, ANA, Flight())).body)
    except (OutcomeUnknown, NotSent) as fault:
        return fault, {}
    finally:
        await clicksend.aclose()
        server.close()


@pytest.mark.parametrize(
    "said", [good({"messages": []}), refusal(400, "NO"), EARLY + good({})], ids=["yes", "no", "103"]
)
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_an_answer_that_begins_before_the_request_is_fully_written_is_no_answer(said: bytes) -> None:
    """A server that answers early may have acted on a part of the request, or on another one."""
    over = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await over.wait()
        writer.transport.abort()

    fault, _ = await outcome_of_one_send(accept, "x" * 30_000_000)  # more than any socket takes at once
    over.set()
    assert isinstance(fault, OutcomeUnknown)
    assert fault.reason == "the answer began before the whole request had left"
    assert not fault.transient


@pytest.mark.parametrize("said", UNSOLICITED.values(), ids=UNSOLICITED)
async def test_nothing_is_sent_on_a_new_connection_where_the_server_speaks_first(said: bytes) -> None:
    """Data that precedes any request cannot be an answer."""
    heard: list[bytes] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        spoken.set()
        with suppress(ConnectionError):
            heard.append(await reader.read())
        writer.close()
        gone.set()

    async def once_it_has_spoken(*_: object) -> None:
        await spoken.wait()

    spoken, gone = asyncio.Event(), asyncio.Event()
    slow = aiohttp.TraceConfig()
    slow.on_connection_create_end.append(once_it_has_spoken)
    server = await asyncio.start_server(accept, "127.0.0.1")
    async with aiohttp.ClientSession(connector=Connector(None), trace_configs=[slow]) as session:
        with pytest.raises(UnsolicitedData):
            await session.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", data=b"{}")
        await asyncio.wait_for(gone.wait(), PATIENCE)
    server.close()
    assert not any(heard)


OTHER = [(3, 12), (3, 13), (3, 14)] if sys.version_info < (3, 12) else [(3, 11)]


def other_python() -> str | None:
    """A Python on the other side of 3.12, where aiohttp begins to write at once."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for major, minor in OTHER:
        name = f"python{major}.{minor}"
        installed = [path for path in (shutil.which(name), *map(str, versions.glob(f"*/bin/{name}"))) if path]
        for python in installed:
            if subprocess.run([python, "-c", "import ssl, venv"], capture_output=True, check=False).returncode == 0:
                return python
    return None


@pytest.mark.timeout(600)  # it installs
def test_all_this_holds_on_another_python(tmp_path: Path) -> None:
    """It did harm on 3.12 and by luck none on 3.11."""
    if os.environ.get("OUT_OF_TURN_ON"):
        pytest.skip("this is the other Python")
    python = other_python()
    if python is None:
        pytest.skip(f"needs one of the Pythons {OTHER}")
    subprocess.run([python, "-m", "venv", tmp_path / "other"], check=True)
    there = tmp_path / "other" / "bin" / "python"
    tests = ("pytest", "pytest-timeout", "coverage")
    command = [there, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", ROOT, *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        assert os.environ.get("REQUIRE_SERVICES") != "1", done.stderr[-2_000:]
        pytest.skip(f"what the other Python needs cannot be installed: {done.stderr[-300:]}")
    command = [there, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", __file__]
    environment = {**os.environ, "OUT_OF_TURN_ON": python}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout[-4_000:]
    assert " passed" in done.stdout
