"""The network below httpx: aiohttp's pool of connections, which stays quick while many calls are under way.

httpx's own pool looks through all its connections for every request; `make bench` shows the difference.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
from anyio.lowlevel import checkpoint_if_cancelled
from httpx_aiohttp import AiohttpTransport

_IDLE_FOR = 15  # seconds that a connection is kept for the next call
_ADDRESS_FOR = 60  # seconds that an address is kept


@dataclass
class Departure:
    """How far a request has come: waiting for a connection of a full pool, or leaving on one."""

    leaving: Callable[[], None]
    queued: bool = False
    left: bool = False


_departure: ContextVar[Departure] = ContextVar("departure")


@contextmanager
def watched(leaving: Callable[[], None]) -> Iterator[Departure]:
    """Watch the request that is made inside; `leaving` is called when it begins to leave."""
    departure = Departure(leaving)
    token = _departure.set(departure)
    try:
        yield departure
    finally:
        _departure.reset(token)


def network(connections: int, verify: ssl.SSLContext, *, proxies: bool) -> AiohttpTransport:
    """A transport for httpx. `proxies`: whether a proxy of the environment is used."""

    def session() -> aiohttp.ClientSession:
        opened = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, keepalive_timeout=_IDLE_FOR, ttl_dns_cache=_ADDRESS_FOR, ssl=verify
            ),
            cookie_jar=aiohttp.DummyCookieJar(),  # the connections are shared by accounts
            trace_configs=[_tracing()],
            trust_env=proxies,
        )
        # It would send a PUT again by itself where a kept connection breaks; what may be repeated is decided elsewhere.
        opened._retry_connection = False
        return opened

    return AiohttpTransport(verify=verify, client=session)


def _tracing() -> aiohttp.TraceConfig:
    async def queued(*_: Any) -> None:
        _departure.get().queued = True

    async def had(*_: Any) -> None:
        _departure.get().queued = False

    async def leaves(*_: Any) -> None:
        # A cancellation reaches a task where it waits, and so far it may have waited for nothing.
        await checkpoint_if_cancelled()
        departure = _departure.get()
        departure.left = True
        departure.leaving()

    config = aiohttp.TraceConfig()
    config.on_connection_queued_start.append(queued)
    config.on_connection_queued_end.append(had)
    config.on_request_headers_sent.append(leaves)  # called before they are written, and not for a CONNECT to a proxy
    return config
