"""Calls the upstream without MCP: httpx with its own pool, or over our connections.

`python bare.py own|ours` reads work as JSON lines from stdin, and answers each with what `load.run` measured.
"""

import asyncio
import json
import os
import sys
from typing import Any

import httpx
from load import Work, calls_of, run

from server.clicksend.flight import Flight, under_way
from server.clicksend.transport import ACCOUNT, make_transport


def client(kind: str) -> httpx.AsyncClient:
    """An httpx client with at most 100 connections, of either kind."""
    account = (os.environ["CLICKSEND_USERNAME"], os.environ["CLICKSEND_API_KEY"])
    transport = make_transport(100, httpx.create_ssl_context(), proxies=False) if kind == "ours" else None
    return httpx.AsyncClient(
        base_url=os.environ["CLICKSEND_BASE_URL"], auth=account, timeout=60, transport=transport, trust_env=False
    )


async def main(kind: str) -> None:
    """Do the work from stdin until it ends."""
    async with client(kind) as http:

        async def call(slug: str, arguments: dict[str, Any]) -> None:
            with under_way(Flight()):
                if slug == "CLICKSEND_CREATE_SMS_SEND":
                    answer = await http.post("/v3/sms/send", json=arguments)
                else:
                    answer = await http.get("/v3/sms/history", params=arguments, extensions={ACCOUNT: kind})
            if answer.status_code != 200 or b'"SUCCESS"' not in answer.content:
                raise RuntimeError(f"HTTP {answer.status_code}: {answer.text[:200]}")

        while line := await asyncio.to_thread(sys.stdin.readline):
            work = Work(**json.loads(line))
            measured = await run(call, calls_of(work.kind), work)
            sys.stdout.write(f"{json.dumps(vars(measured))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
