"""Health: whether the process lives, and whether it can do its work."""

import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.hosting.rate_limits import Traffic
from server.ledger.errors import LedgerUnavailable

HEALTH = ("/healthz", "/readyz")
_FRESH_FOR = 1.0  # seconds; so that asking often does not load the database


def health_routes(problem: str | None, check: Callable[[], Awaitable[None]], traffic: Traffic) -> list[Route]:
    """`/healthz` and `/readyz`; `problem`: what is wrong in the configuration, `check` raises LedgerUnavailable."""
    checked = -float("inf")
    ledger: str | None = None

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> JSONResponse:
        nonlocal checked, ledger
        if time.monotonic() - checked > _FRESH_FOR:
            checked = time.monotonic()
            try:
                await check()
                ledger = None
            except LedgerUnavailable as fault:
                ledger = f"the ledger cannot be used ({fault})"
        ending = "the server is ending" if traffic.draining else None
        problems = [one for one in (problem, ledger, ending) if one]
        if problems:
            return JSONResponse({"status": "not ready", "problems": problems}, 503)
        return JSONResponse({"status": "ready"})

    alive, ready = HEALTH
    return [Route(alive, healthz), Route(ready, readyz)]
