"""Reading messages: what is done with one grows with its length, and with nothing else."""

import asyncio
import json

import pytest
from support.hosting import PATIENCE, running_http

from server.protocol.framing import refusal

pytestmark = pytest.mark.anyio

LARGE = 4_000_000  # characters; each of these would take hours if they were looked through again and again
MADE = {
    "a text without an end, full of quotes": "{" + '\\"' * (LARGE // 2),
    "a text without an end, and a long number": '\\"' * (LARGE // 2) + "1" * 4_001,
    "numbers that are just short enough": '{"a":[' + ("1" * 400 + ",") * (LARGE // 401) + "1]}",
    "quotes alone": '"' * LARGE,
    "a backslash at the end": '"' * 30_000 + "\\",
    "ids without a value": "{" + '"id"  ' * (LARGE // 6),
    "blanks after an id": '{"id"' + " " * LARGE,
}


@pytest.mark.parametrize("message", MADE.values(), ids=MADE)
def test_no_message_is_looked_through_again_and_again(message: str) -> None:
    """60 kB held the whole server for 40 s."""
    answer = refusal(message)
    assert answer is not None
    assert answer["error"]["code"] in (-32700, -32600)


async def test_the_server_answers_such_a_message_and_others_too() -> None:
    """Over HTTP, below the size from which on a body is read beside the event loop."""
    async with running_http() as (_, url):
        host, port = url.split("/")[2].split(":")
        for body in (b"{" + b'\\"' * 30_000, b'"' * 60_000, b'{"a":"' + b'\\"' * 2_000_000 + b"1" * 4_001):
            reader, writer = await asyncio.open_connection(host, int(port))
            head = (
                f"POST /mcp HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()
            assert b"HTTP/1.1 400" in answer
            assert b"-32700" in answer


@pytest.mark.parametrize(
    "value",
    [{f"schedul{number}": 1 for number in range(60_000)}, [[]] * 60_000, [0] * 60_000],
    ids=["names", "lists", "numbers"],
)
def test_a_message_of_very_many_pieces_is_refused_with_its_id(value: object) -> None:
    """Four megabytes of names held the event loop for half a second, whatever they were."""
    answer = refusal(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"arguments": value}}))
    assert answer is not None
    assert answer["id"] == 7
    assert answer["error"]["code"] == -32600
    assert "50,000" in answer["error"]["message"]


def test_the_longest_send_that_clicksend_takes_is_no_such_message() -> None:
    """A thousand messages with every field, and with commas in their texts."""
    message = {
        "to": "+61491570156", "from": "+61411111111", "body": "one, two, three, " * 2, "source": "mcp", "schedule": 1,
        "custom_string": "a,b", "list_id": 1, "country": "AU", "from_email": "a@example.com",
    }  # fmt: skip
    params = {"name": "CLICKSEND_CREATE_SMS_SEND", "arguments": {"messages": [message] * 1_000}}
    assert refusal(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params})) is None
