"""The network below httpx: aiohttp's connections, which stay quick while many calls are under way.

httpx's own pool looks through all its connections for every request; `make bench` shows the difference.

An answer carries no mark of the request that it answers: it belongs to whatever was asked last on its connection. So
only reads go out on a connection that was used before, each account has its own, and one on which anything came
unasked is closed. Everything else goes out on a new connection.
"""

import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import aiohttp
import anyio
import httpx
from anyio.lowlevel import checkpoint_if_cancelled
from httpx_aiohttp import AiohttpTransport

from server.clicksend.connections import Connector, Kept
from server.clicksend.flight import current_flight

ACCOUNT = "clicksend_account"  # the extension of a request that says whose it is

_ADDRESS_FOR = 60  # seconds that an address is kept
_MOST_POOLS = 200  # accounts with connections of their own


def network(connections: int, verify: ssl.SSLContext, *, proxies: bool) -> httpx.AsyncBaseTransport:
    """A transport for httpx with so many connections at once, and as many kept.

    `proxies`: whether a proxy of the environment is used. A GET has to say in its extension ACCOUNT whose it is.
    """
    return _Network(connections, partial(_transport, verify, proxies))


class _Network(httpx.AsyncBaseTransport):
    def __init__(self, connections: int, transport: Callable[[Kept | None], AiohttpTransport]) -> None:
        self._places = anyio.Semaphore(connections)
        self._kept = Kept(connections)
        self._transport = transport
        self._fresh = transport(None)
        self._pools: OrderedDict[object, _Pool] = OrderedDict()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._place(request.extensions.get("timeout", {}).get("pool"))
        pool = None
        try:
            if request.method == "GET":
                pool = await self._pool(request.extensions[ACCOUNT])
            else:
                request.headers["Connection"] = "close"
            response = await (pool.transport if pool else self._fresh).handle_async_request(request)
        except BaseException:
            self._free(pool)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Stream(response.stream, partial(self._free, pool))
        return response

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.transport.aclose()
        self._pools.clear()
        await self._fresh.aclose()

    async def _place(self, patience: float | None) -> None:
        """Wait until one connection more may be in use."""
        try:
            self._places.acquire_nowait()
            return
        except anyio.WouldBlock:
            pass
        flight = current_flight.get()
        flight.queued = True
        try:
            with anyio.fail_after(patience):
                await self._places.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection became free") from None
        flight.queued = False

    def _free(self, pool: "_Pool | None") -> None:
        self._places.release()
        if pool is not None:
            pool.under_way -= 1

    async def _pool(self, account: object) -> "_Pool":
        """The connections of an account; those of the accounts that were quiet the longest make room for it."""
        pool = self._pools.get(account)
        if pool is None:
            pool = self._pools[account] = _Pool(self._transport(self._kept))
        pool.under_way += 1
        self._pools.move_to_end(account)
        if len(self._pools) > _MOST_POOLS:
            quiet = [name for name, one in self._pools.items() if not one.under_way]
            gone = [self._pools.pop(name) for name in quiet[: len(self._pools) - _MOST_POOLS]]
            for one in gone:
                await one.transport.aclose()
        return pool


class _Pool:
    def __init__(self, transport: AiohttpTransport) -> None:
        self.transport = transport
        self.under_way = 0


class _Stream(httpx.AsyncByteStream):
    """The bytes of an answer; its place is free again as soon as it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, free: Callable[[], None]) -> None:
        self._stream = stream
        self._free: Callable[[], None] | None = free

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        free, self._free = self._free, None
        try:
            await self._stream.aclose()
        finally:
            if free is not None:
                free()


def _transport(verify: ssl.SSLContext, proxies: bool, kept: Kept | None) -> AiohttpTransport:
    """One account's connections, which are kept for its next read; or, without `kept`, a new one for every request."""

    def session() -> aiohttp.ClientSession:
        opened = aiohttp.ClientSession(
            connector=Connector(kept, ttl_dns_cache=_ADDRESS_FOR, ssl=verify),
            cookie_jar=aiohttp.DummyCookieJar(),  # an account may have several callers
            trace_configs=[_tracing()],
            trust_env=proxies,
        )
        # It would send a PUT again by itself where a kept connection breaks; what may be repeated is decided elsewhere.
        opened._retry_connection = False
        return opened

    return AiohttpTransport(verify=verify, client=session)


def _tracing() -> aiohttp.TraceConfig:
    async def leaves(*_: Any) -> None:
        # A cancellation reaches a task where it waits, and so far it may have waited for nothing.
        await checkpoint_if_cancelled()
        current_flight.get().departed = True

    async def writes(_session: object, _context: object, written: aiohttp.TraceRequestChunkSentParams) -> None:
        current_flight.get().unwritten -= len(written.chunk)

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(leaves)  # called before they are written, and not for a CONNECT to a proxy
    config.on_request_chunk_sent.append(writes)  # called just before the chunk is handed to the socket
    return config
