"""The parts of aiohttp and httpx-aiohttp used here that neither documents: this file alone names them.

Read in aiohttp 3.14.5 and httpx-aiohttp 0.2.0. `tests/server/test_aiohttp_internals.py` checks each of them in the
installed versions, so an upgrade that removes one fails there before it fails in a call.
"""

from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

__all__ = [
    "Connection",
    "Protocol",
    "before_writing",
    "disable_resend",
    "holds_partial_response",
    "original_error",
    "set_protocol",
]


class Protocol(ResponseHandler):
    """aiohttp's asyncio protocol of one connection, for subclasses that check what arrives.

    Used: `transport`, `should_close`, `force_close`, `abort`, `is_connected`. Overridden: `data_received`,
    `connection_lost`, and `set_response_params`, which aiohttp calls just before it writes a request.

    Why: aiohttp keeps bytes that arrive on an idle connection and parses them as the response to the next request
    (response desynchronization). Only the protocol sees when they arrive.
    Until: aiohttp closes an idle connection on which anything arrives, and reports a response that begins before its
    request was written.
    """


def set_protocol(connector: aiohttp.BaseConnector, factory: Callable[[], Protocol]) -> None:
    """Let a connector create its connections with our protocol: `BaseConnector._factory`.

    Why: as for Protocol. A subclass of the connector also relies on `connect(req, traces, timeout)`, on
    `Connection.protocol`, and on `Connection.add_callback`, which runs when the connection is released.
    Until: as for Protocol, or a connector takes a protocol factory.
    """
    connector._factory = factory  # type: ignore[assignment]


def holds_partial_response(protocol: Protocol) -> bool:
    """Whether more than one response has arrived, the last of them incomplete: `ResponseHandler._parser`.

    Why: the beginning of a second response lies in the parser. No attribute of the connection shows it.
    Until: `ResponseHandler.should_close` counts bytes that the parser holds.
    """
    try:
        return protocol._parser is not None and protocol._parser.feed_eof() is not None
    except Exception:  # whatever the parser raises for a truncated response
        return True


def disable_resend(session: aiohttp.ClientSession) -> None:
    """Stop a session from resending requests by itself: `ClientSession._retry_connection`.

    Why: when a connection breaks, aiohttp resends every method that HTTP calls idempotent. A PUT here can send a
    campaign, and retries.py decides what may be repeated.
    Until: ClientSession takes an argument for it. aiohttp's own test client sets the same attribute.
    """
    session._retry_connection = False


def before_writing(
    headers: Callable[[], Awaitable[None]], chunk: Callable[[bytes], Awaitable[None]]
) -> aiohttp.TraceConfig:
    """A trace that awaits `headers` and `chunk` before a request's headers and each chunk of its body are written.

    Why: a cancellation raised in `headers` leaves nothing sent, and from then on ClickSend may act. aiohttp names the
    events "sent" and does not document that it awaits them first, nor that a CONNECT to a proxy has none.
    Until: aiohttp documents the order.
    """

    async def on_headers(*_: object) -> None:
        await headers()

    async def on_chunk(_session: object, _context: object, params: aiohttp.TraceRequestChunkSentParams) -> None:
        await chunk(params.chunk)

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(on_headers)
    trace.on_request_chunk_sent.append(on_chunk)
    return trace


def original_error(error: Exception) -> BaseException:
    """The aiohttp error behind httpx-aiohttp's: the `__cause__` of what it raises; `error` itself if there is none.

    Why: httpx-aiohttp turns DNS, TLS and proxy failures into the same few httpx errors.
    Until: httpx has an error for each of them.
    """
    return error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
