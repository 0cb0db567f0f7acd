"""Requests to the web, bounded in size and time, and only to allowed addresses.

A sandbox that serves strangers must not reach private networks for them (SSRF). A name may resolve differently the next
time (DNS rebinding), so each request, redirects included, connects to the address that was checked.
"""

import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import anyio
import httpx

from server.sandbox.state.world import Address, MayReach

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_REDIRECTS = 5
CONNECT_SECONDS = 5  # also between two reads

_NAT64 = IPv6Network("64:ff9b::/96")


class NotFetched(Exception):
    """There is no answer; the reason in a few words."""


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet; an IPv4 address embedded in IPv6 decides for it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address.scope_id or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def fetch(url: str, may_reach: MayReach | None, seconds: float) -> bytes:
    """The content of a web address. Raises NotFetched if it is too large, or does not arrive within so many seconds."""
    try:
        with anyio.fail_after(seconds):
            return await _follow(url, may_reach)
    except TimeoutError:
        raise NotFetched(f"the file took longer than {seconds:g} seconds") from None


async def request(method: str, url: str, may_reach: MayReach | None, seconds: float, **content: Any) -> int:
    """Send one request; the status of the answer. Raises NotFetched if there is none."""
    try:
        with anyio.fail_after(seconds):
            async with _client() as client, _answer(client, method, httpx.URL(url), may_reach, content) as response:
                return response.status_code
    except TimeoutError:
        raise NotFetched("no answer in time") from None
    except httpx.InvalidURL:
        raise NotFetched("no web address") from None


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=CONNECT_SECONDS, trust_env=False)


async def _follow(url: str, may_reach: MayReach | None) -> bytes:
    async with _client() as client:
        try:
            target = httpx.URL(url)
            for _ in range(MAX_REDIRECTS + 1):
                headers = {"headers": {"accept-encoding": "identity"}}
                async with _answer(client, "GET", target, may_reach, headers) as response:
                    if not response.has_redirect_location:
                        return await _content(response)
                    target = target.join(response.headers["location"])
        except httpx.InvalidURL:
            raise NotFetched("the file has no web address") from None
    raise NotFetched(f"more than {MAX_REDIRECTS} redirects")


@asynccontextmanager
async def _answer(
    client: httpx.AsyncClient, method: str, target: httpx.URL, may_reach: MayReach | None, content: dict[str, Any]
) -> AsyncIterator[httpx.Response]:
    """The answer to one request, its body unread and its redirect not followed. Raises NotFetched."""
    if target.scheme not in ("http", "https") or not target.host:
        raise NotFetched("only http and https addresses are fetched")
    try:
        response = await _send(client, method, target, may_reach, content)
    except httpx.HTTPError as error:
        raise NotFetched(f"{target.host} could not be reached ({type(error).__name__})") from None
    try:
        yield response
    except httpx.HTTPError as error:
        raise NotFetched(f"the connection to {target.host} broke ({type(error).__name__})") from None
    finally:
        await response.aclose()


async def _send(
    client: httpx.AsyncClient, method: str, target: httpx.URL, may_reach: MayReach | None, content: dict[str, Any]
) -> httpx.Response:
    if may_reach is None:
        return await client.send(client.build_request(method, target, **content), stream=True)
    failure: httpx.TransportError | None = None
    for address in await _allowed_addresses(target, may_reach):
        request = client.build_request(method, target.copy_with(host=address), **content)
        request.headers["host"] = target.netloc.decode("ascii")
        request.extensions["sni_hostname"] = target.host  # the certificate must match the name
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failure = error
    raise failure or NotFetched(f"{target.host} has no address")


async def _allowed_addresses(target: httpx.URL, may_reach: MayReach) -> list[str]:
    """The addresses of a host. Raises NotFetched if there is none, or one that is not allowed."""
    try:
        entries = await anyio.getaddrinfo(target.host, target.port or 80, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotFetched(f"{target.host} is not known") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    if not all(may_reach(ip_address(address)) for address in addresses):
        raise NotFetched(f"{target.host} is not on the public internet, and nothing else is fetched here")
    return addresses


async def _content(response: httpx.Response) -> bytes:
    """The body, with at most one layer of compression removed. Raises NotFetched beyond the size limit."""
    if response.status_code != 200:
        raise NotFetched(f"HTTP {response.status_code} instead of the file")
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise NotFetched("the file is compressed in a way that is not read here")
    decompressor = None if encoding in ("", "identity") else zlib.decompressobj(zlib.MAX_WBITS | 32)
    content = bytearray()
    try:
        async for chunk in response.aiter_raw():
            content += (
                chunk if decompressor is None else decompressor.decompress(chunk, MAX_FILE_BYTES + 1 - len(content))
            )
            if len(content) > MAX_FILE_BYTES:
                raise NotFetched(f"the file is larger than {MAX_FILE_BYTES // 1024**2} MB")
    except zlib.error:
        raise NotFetched("the compressed file is damaged") from None
    if decompressor is not None and not decompressor.eof:
        raise NotFetched("the compressed file is damaged")
    return bytes(content)
