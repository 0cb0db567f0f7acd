"""Health: liveness at `/healthz`, readiness at `/readyz`."""

import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.hosting.rate_limits import Traffic
from server.ledger.errors import LedgerUnavailable

HEALTH = ("/healthz", "/readyz")
_FRESH_FOR = 1.0  # seconds for which a check of the ledger is reused: frequent probes must not load the database


def health_routes(problem: str | None, check: Callable[[], Awaitable[None]], traffic: Traffic) -> list[Route]:
    """The two routes.

    `problem`: what is wrong with the configuration, if anything. `check` raises LedgerUnavailable. A server that drains
    is not ready, so that load balancers take it out before its port closes.
    """
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
        problems = [reason for reason in (problem, ledger, ending) if reason]
        if problems:
            return JSONResponse({"status": "not ready", "problems": problems}, 503)
        return JSONResponse({"status": "ready"})

    alive, ready = HEALTH
    return [Route(alive, healthz), Route(ready, readyz)]
