"""The transport below httpx: aiohttp's connections, which stay fast while many calls are in flight.

httpx's own pool scans all its connections for every request; `make bench` shows the difference.

A response carries no mark of its request; it belongs to the last request on its connection. So only reads reuse a
connection, every account has its own pool, and a connection that received unsolicited bytes is closed. Everything else
goes out on a new connection.
"""

import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial

import aiohttp
import anyio
import httpx
from anyio.lowlevel import checkpoint_if_cancelled
from httpx_aiohttp import AiohttpTransport

from server.clicksend.aiohttp_internals import before_writing, disable_resend
from server.clicksend.connections import Connector, IdleConnections
from server.clicksend.flight import current_flight

ACCOUNT = "clicksend_account"  # the request extension that names the account

_DNS_TTL = 60  # seconds
_MAX_POOLS = 200  # accounts with a pool of their own


def make_transport(connections: int, verify: ssl.SSLContext, *, proxies: bool) -> httpx.AsyncBaseTransport:
    """A transport for httpx with at most `connections` in use, and as many idle.

    `proxies`: whether to use a proxy from the environment. A GET must name its account in the extension ACCOUNT.
    Raises httpx.PoolTimeout if no connection becomes free within the request's `pool` timeout.
    """
    return _PooledTransport(connections, partial(_transport, verify, proxies))


class _PooledTransport(httpx.AsyncBaseTransport):
    def __init__(self, connections: int, make_transport: Callable[[IdleConnections | None], AiohttpTransport]) -> None:
        self._slots = anyio.Semaphore(connections)
        self._idle_connections = IdleConnections(connections)
        self._make_transport = make_transport
        self._unpooled = make_transport(None)
        self._pools: OrderedDict[object, _Pool] = OrderedDict()  # by account, the least recently used first

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._acquire_slot(request.extensions.get("timeout", {}).get("pool"))
        pool = None
        try:
            if request.method == "GET":
                pool = await self._pool(request.extensions[ACCOUNT])
            else:
                request.headers["Connection"] = "close"
            transport = pool.transport if pool else self._unpooled
            response = await transport.handle_async_request(request)
        except BaseException:
            self._release(pool)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Stream(response.stream, partial(self._release, pool))
        return response

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.transport.aclose()
        self._pools.clear()
        await self._unpooled.aclose()

    async def _acquire_slot(self, timeout: float | None) -> None:  # noqa: ASYNC109 - httpx's pool timeout
        """Wait until one more connection may be in use."""
        try:
            self._slots.acquire_nowait()
            return
        except anyio.WouldBlock:
            pass
        flight = current_flight.get()
        flight.queued = True
        try:
            with anyio.fail_after(timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection became free") from None
        flight.queued = False

    def _release(self, pool: "_Pool | None") -> None:
        self._slots.release()
        if pool is not None:
            pool.in_flight -= 1

    async def _pool(self, account: object) -> "_Pool":
        """The pool of an account, in use; beyond the maximum, the least recently used idle pools are closed."""
        pool = self._pools.get(account)
        if pool is None:
            pool = self._pools[account] = _Pool(self._make_transport(self._idle_connections))
        pool.in_flight += 1
        self._pools.move_to_end(account)
        excess = len(self._pools) - _MAX_POOLS
        if excess > 0:
            idle = [owner for owner, candidate in self._pools.items() if not candidate.in_flight]
            for evicted in [self._pools.pop(owner) for owner in idle[:excess]]:
                await evicted.transport.aclose()
        return pool


class _Pool:
    def __init__(self, transport: AiohttpTransport) -> None:
        self.transport = transport
        self.in_flight = 0  # requests


class _Stream(httpx.AsyncByteStream):
    """The bytes of a response; closing it releases its slot, once."""

    def __init__(self, stream: httpx.AsyncByteStream, release: Callable[[], None]) -> None:
        self._stream = stream
        self._release: Callable[[], None] | None = release

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        release, self._release = self._release, None
        try:
            await self._stream.aclose()
        finally:
            if release is not None:
                release()


def _transport(verify: ssl.SSLContext, proxies: bool, idle_connections: IdleConnections | None) -> AiohttpTransport:
    """A transport that keeps connections for reuse; with None it makes a new one for every request."""

    def session() -> aiohttp.ClientSession:
        opened = aiohttp.ClientSession(
            connector=Connector(idle_connections, ttl_dns_cache=_DNS_TTL, ssl=verify),
            cookie_jar=aiohttp.DummyCookieJar(),  # an account may have several callers
            trace_configs=[before_writing(_depart, _count_written)],
            trust_env=proxies,
        )
        disable_resend(opened)
        return opened

    return AiohttpTransport(verify=verify, client=session)


async def _depart() -> None:
    # A cancellation reaches a task only where it waits, and until now it may not have waited.
    await checkpoint_if_cancelled()
    current_flight.get().departed = True


async def _count_written(chunk: bytes) -> None:
    current_flight.get().unwritten -= len(chunk)
