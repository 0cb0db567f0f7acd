"""What there is to see: real results of the real program, and a month of messages in the sandbox."""

import random
from typing import Any

import httpx
from mcp import Client, StdioServerParameters
from mcp.client import ClientExtension, advertise
from support.hosting import stdio

from server.protocol.apps import EXTENSION, MIME_TYPE, URI
from server.sandbox.serve import RunningSandbox

STATISTICS = "CLICKSEND_GET_STATISTICS_SMS"
PRICE = "CLICKSEND_SMS_PRICE_POST"
CAMPAIGN = "CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE"
SHOWING = {STATISTICS, PRICE, CAMPAIGN}

BODY = (
    "Hi Ana, your parcel\u2019s on its way — it arrives between 9 and 11 tomorrow… "
    "Reply STOP and we won\u2019t text again. “Acme”"
)
MESSAGES = {
    "messages": [
        {"to": "+61400550001", "from": "Acme", "body": BODY},
        {"to": "+61400550002", "from": "Acme", "body": BODY},
        {"to": "+61400990404", "from": "Acme", "body": BODY},
        {"to": "+61400550003", "from": "Acme", "body": "Your code is 4712 👋"},
    ]
}

_FAILS = "990301"  # how numbers end that fail after they were accepted
_DAY = 86_400


def shows() -> list[ClientExtension]:
    """What a host declares that shows views."""
    return [advertise(EXTENSION, {"mimeTypes": [MIME_TYPE]})]


def program(sandbox: RunningSandbox, **own: str) -> StdioServerParameters:
    """The program over stdio, with the sandbox as its ClickSend."""
    account = {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}
    return stdio(**(account | {"CLICKSEND_BASE_URL": sandbox.url} | own))


PageAndResult = tuple[str, dict[str, Any]]


async def page_and_result(sandbox: RunningSandbox, slug: str, arguments: dict[str, Any], **own: str) -> PageAndResult:
    """The view's page and what a call came to, as a host that shows views gets them."""
    async with Client(program(sandbox, **own), extensions=shows()) as client:
        read = await client.read_resource(URI)
        result = await client.call_tool(slug, arguments)
    page: str = getattr(read.contents[0], "text", "")
    return page, result.model_dump(mode="json", by_alias=True, exclude_none=True)


def live_a_month(sandbox: RunningSandbox) -> None:
    """Messages on most of the last thirty days: sent, failed, and answered."""
    by_chance = random.Random(11)
    with httpx.Client(
        base_url=sandbox.url, auth=(sandbox.username, sandbox.api_key), timeout=30, trust_env=False
    ) as clicksend:

        def control(name: str, **order: Any) -> None:
            clicksend.post(f"/_sandbox/{name}", json=order).raise_for_status()

        clicksend.patch("/_sandbox/settings", json={"balance": "10000", "rate_limit": False}).raise_for_status()
        for day in range(30):
            weekend = day % 7 in (2, 3)
            volume = 0 if weekend and by_chance.random() < 0.4 else by_chance.randint(2, 9 if weekend else 34 + day)
            messages = [
                {"to": f"+6140055{one:04}" if by_chance.random() > 0.05 else f"+61400{_FAILS}", "body": "Your parcel"}
                for one in range(volume)
            ]
            if messages:
                clicksend.post("/v3/sms/send", json={"messages": messages}).raise_for_status()
            for one in range(volume // 6):
                control("inbound", **{"from": f"+6140055{one:04}", "body": "Thanks"})
            if day < 29:
                control("clock", advance=_DAY)
