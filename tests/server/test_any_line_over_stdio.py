"""Whatever line a host writes, it gets an answer, with its id where that can be read, and the next line is served."""

import json
from typing import Any

import pytest
from support.hosting import HELLO, calling, running

pytestmark = pytest.mark.anyio

READ = "CLICKSEND_GET_LISTS"
MARK = b"\xef\xbb\xbf"


def asking(number: object, arguments: str) -> str:
    """A call whose arguments are given as they stand."""
    params = f'{{"name": "{READ}", "arguments": {arguments}}}'
    return f'{{"jsonrpc": "2.0", "id": {json.dumps(number)}, "method": "tools/call", "params": {params}}}'


def deep(levels: int, opening: str = '{"a":', closing: str = "}") -> str:
    return f'{{"q": {opening * levels}1{closing * levels}}}'


INVALID: dict[str, tuple[bytes, Any, int]] = {
    "no JSON": (b"hello", None, -32700),
    "half a message": (b'{"jsonrpc": "2.0", "id": 7, "method": "tools/ca', 7, -32700),
    "an id after a text that holds one": (b'{"method": "\\"id\\": 1", "x": {"id": 2}, "id": "abc", ]', "abc", -32700),
    "invalid UTF-8": (b'\xff\xfe{"id": 3}', 3, -32700),
    "a batch": (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', None, -32600),
    "an empty batch": (b"[]", None, -32600),
    "a text": (b'"initialize"', None, -32600),
    "null": (b"null", None, -32600),
    "another version": (b'{"jsonrpc": "1.0", "id": 5, "method": "ping"}', 5, -32600),
    "no version": (b'{"id": "five", "method": "ping"}', "five", -32600),
    "no method": (b'{"jsonrpc": "2.0", "id": 6}', 6, -32600),
    "an id that is none": (b'{"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}', None, -32600),
    "an id of null": (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', None, -32600),
    "a broken id": (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', None, -32600),
    "a method that is none": (b'{"jsonrpc": "2.0", "id": 8, "method": 8}', 8, -32600),
    "params in a list": (b'{"jsonrpc": "2.0", "id": 9, "method": "ping", "params": [1]}', 9, -32600),
    "objects 400 deep": (asking(10, deep(400)).encode(), 10, -32700),
    "lists 100,000 deep": (asking("deep", deep(100_000, "[", "]")).encode(), "deep", -32700),
    "a number of 5,000 digits": (asking(11, '{"limit": ' + "9" * 5_000 + "}").encode(), 11, -32700),
    "a fraction of 5,000 digits": (asking(12, '{"limit": 0.' + "1" * 5_000 + "}").encode(), 12, -32700),
    "an id of 5,000 digits": (b'{"jsonrpc": "2.0", "id": ' + b"7" * 5_000 + b', "method": "ping"}', None, -32700),
    "10 MB of nothing": (b'{"jsonrpc": "2.0", "id": 13, "x": "' + b"x" * 10_000_000, 13, -32700),
}


async def test_a_line_that_is_no_message_gets_an_error_with_its_id() -> None:
    """Batches, depth, digits, and what is no JSON-RPC; the server outlives them all."""
    async with running("--sandbox") as program:
        await program.write(*HELLO)
        await program.answer_to(0)
        for name, (line, number, code) in INVALID.items():
            await program.write(line)
            answer = await program.read()
            await program.write(line, calling(99, READ, {}))
            again, served = await program.read(), await program.read()
            assert (answer["jsonrpc"], answer["id"], answer["error"]["code"]) == ("2.0", number, code), name
            assert again == answer, name
            assert served["id"] == 99, name
            assert served["result"]["structuredContent"]["successful"], name


VALID = {
    "190 deep": asking(20, deep(190)),
    "400 digits": asking(21, '{"limit": ' + "9" * 400 + "}"),
    "digits in a text": asking(22, json.dumps({"order_by": "9" * 5_000})),
    "a number that is too large": asking(23, '{"limit": 1e999}'),
    "half a character": asking(24, '{"order_by": "\\ud83d"}'),
    "10 MB of text": asking(25, json.dumps({"order_by": "x" * 10_000_000})),
    "twice the same name": asking(26, '{"limit": 5000, "limit": 6000}'),
}


async def test_a_message_with_odd_arguments_is_answered_by_the_tool() -> None:
    """Below what cannot be read, the input says what is wrong."""
    async with running("--sandbox") as program:
        await program.write(*HELLO)
        for name, line in VALID.items():
            await program.write(line.encode())
            answer = await program.answer_to(json.loads(line[: line.index('"method"') - 2] + "}")["id"])
            envelope = answer["result"]["structuredContent"]
            assert not envelope["successful"], name
            assert envelope["error"].startswith("Wrong input: "), name


async def test_a_byte_order_mark_is_dropped_from_the_start_of_any_line() -> None:
    """Some systems begin a text with it, or each line."""
    async with running("--sandbox") as program:
        for message in (HELLO[0], HELLO[1], calling(1, READ, {}), calling(2, READ, {"limit": 15})):
            await program.write(MARK + json.dumps(message).encode())
        await program.write(MARK * 2 + b" " + json.dumps(calling(3, READ, {})).encode() + b"\r")
        for number in (0, 1, 2, 3):
            assert "result" in await program.answer_to(number)


async def test_the_arguments_of_call_may_begin_with_one() -> None:
    """On stdin and on the command line."""
    async with running("call", READ, "-", "--sandbox") as program:
        await program.write(MARK + b'{"limit": 15}')
        await program.close_stdin()
        assert await program.ended() == 0
    async with running("call", READ, '\ufeff{"limit": 15}', "--sandbox") as program:
        assert await program.ended() == 0
