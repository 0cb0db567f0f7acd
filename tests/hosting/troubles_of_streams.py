"""Event streams of the older protocol that are held open."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx


@asynccontextmanager
async def events(url: str, headers: Mapping[str, str]) -> AsyncIterator[int]:
    """Hold a stream of a session open; the status it was answered with."""
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as web,
        web.stream("GET", url, headers=dict(headers)) as response,
    ):
        yield response.status_code
