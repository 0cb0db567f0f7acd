"""What was mangled on its way changes nothing at ClickSend, shown with the real process over stdio and the sandbox."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.settings import Credentials, Settings
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

SEND = "CLICKSEND_CREATE_SMS_SEND"
CANCEL_ALL = "CLICKSEND_SMS_CANCEL_ALL_PUT"
HISTORY = "CLICKSEND_GET_SMS_HISTORY"
LIST, IMPORT = "CLICKSEND_CREATE_LISTS", "CLICKSEND_GET_LISTS_IMPORT"


@asynccontextmanager
async def host_of(sandbox: RunningSandbox, state: Path) -> AsyncIterator[Client]:
    environment = {
        "CLICKSEND_USERNAME": sandbox.username,
        "CLICKSEND_API_KEY": sandbox.api_key,
        "CLICKSEND_BASE_URL": sandbox.url,
        "CLICKSEND_MCP_LEDGER": str(state / "ledger.db"),
    }
    async with Client(StdioServerParameters(command=sys.executable, args=["-m", "server"], env=environment)) as host:
        yield host


async def called(host: Client, slug: str, arguments: dict[str, Any]) -> Envelope:
    return Envelope.model_validate((await host.call_tool(slug, arguments)).structured_content)


async def statuses(sandbox: RunningSandbox) -> list[str]:
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as world:
        rows = await world.get("/v3/sms/history", auth=(sandbox.username, sandbox.api_key))
    return [row["status"] for row in rows.json()["data"]["data"]]


async def test_nothing_but_a_reference_or_nothing_at_all_cancels(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """Three SMS wait, and only what was clearly meant takes any away."""
    at = int(time.time()) + 86_400
    waiting = [
        {"to": "+61491570156", "body": f"Order {n}", "schedule": at, "custom_string": f"order-{n}"} for n in range(3)
    ]
    async with host_of(sandbox, tmp_path) as host:
        assert (await called(host, SEND, {"messages": waiting})).successful
        for mangled in (
            {'{"custom_string": "order-1"}': None},
            {"customstring": None},
            {"Custom_String": None},
            {"custom_string": None},
            {"custom_string": ""},
            {"custom_string": "null"},
        ):
            envelope = await called(host, CANCEL_ALL, mangled)
            assert not envelope.successful
            assert envelope.error
            assert envelope.error.endswith("Nothing was changed.")
        assert await statuses(sandbox) == ["Scheduled"] * 3

        assert (await called(host, CANCEL_ALL, {"custom_string": "order-1"})).successful
        assert sorted(await statuses(sandbox)) == ["Cancelled", "Scheduled", "Scheduled"]


async def test_a_text_goes_to_one_phone_once_as_e164(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """In whichever spellings."""
    twice = [
        {"to": "0491 570 156", "country": "AU", "body": "Hello"},
        {"to": "+61 (0)491.570.156", "body": "Hello"},
    ]
    async with host_of(sandbox, tmp_path) as host:
        refused = await called(host, SEND, {"messages": twice})
        assert refused.error
        assert refused.error.startswith("Wrong input: messages[0-1] say the same to one phone")
        assert refused.error.endswith("Nothing was sent.")
        assert (await called(host, SEND, {"messages": twice[:1]})).successful

    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as world:
        sent = (await world.get("/_sandbox/sent")).json()
    assert [message["to"] for message in sent["sent"]] == ["+61491570156"]


async def test_a_proxy_that_fills_in_every_field_can_read(sandbox: RunningSandbox, tmp_path: Path) -> None:
    filled = {"q": "", "page": 0, "limit": "", "date_from": 0, "date_to": "", "order_by": "null"}
    async with host_of(sandbox, tmp_path) as host:
        assert (await called(host, HISTORY, filled)).successful


async def test_the_sandbox_fetches_from_this_machine(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with host_of(sandbox, tmp_path) as host:
        assert (await called(host, LIST, {"list_name": "VIP"})).successful
        file = {"list_id": 1, "file_url": "http://127.0.0.1:9/a.csv", "field_order": ["skip", "phone"]}
        envelope = await called(host, IMPORT, file)
    assert "only this machine" not in (envelope.error or "")


@pytest.mark.parametrize("base_url", ["https://rest.clicksend.com", "https://gateway.example"])
async def test_the_real_service_is_not_asked_to_fetch_from_this_machine(base_url: str) -> None:
    """Refused before anything leaves, so nothing has to be reached here."""
    settings = Settings(credentials=Credentials("ana", "key"), base_url=base_url, total_timeout=1.0)
    file = {"list_id": 1, "file_url": "http://127.0.0.1:9/a.csv", "field_order": ["phone"]}
    async with Dispatcher(settings) as dispatcher:
        envelope = await dispatcher.call(catalog()[IMPORT], file)

    assert isinstance(envelope, Envelope)
    assert envelope.error
    assert envelope.error.startswith("Wrong input: file_url names a place that only this machine or its network")


@pytest.mark.parametrize(
    ("slug", "arguments"),
    [
        (HISTORY, {"q": "status:" + "x" * 3_000_000}),
        (HISTORY, {"order_by": "x" * 3_000_000}),
        ("CLICKSEND_GET_LISTS_EXPORT", {"list_id": 1, "filename": "x" * 3_000_000 + ".csv"}),
        (SEND, {"messages": [{"to": "+61491570156", "body": "x", **{f"schedul{n}": 1 for n in range(40_000)}}]}),
        (SEND, {"messages": [{"to": "+61491570156", "body": "x" * 3_000_000}]}),
        (HISTORY, {"page": "0" * 5000 + "1"}),
    ],
    ids=["q", "order_by", "filename", "names", "body", "digits"],
)
async def test_much_input_is_refused_in_words(
    slug: str, arguments: dict[str, Any], sandbox: RunningSandbox, tmp_path: Path
) -> None:
    async with host_of(sandbox, tmp_path) as host:
        envelope = await called(host, slug, arguments)

    assert envelope.error
    assert envelope.error.startswith("Wrong input: ")
    assert len(envelope.error) < 1000


async def test_a_giant_name_of_an_argument_does_not_flood_the_error() -> None:
    settings = Settings(Credentials("ana", "key"), base_url="http://127.0.0.1:1")
    async with Dispatcher(settings) as dispatcher:
        for arguments in ({"n" * 1_000_000: 1}, {"messages": [{"n" * 1_000_000: 1}]}):
            result = await dispatcher.call(catalog()[SEND], arguments)
            assert isinstance(result, Envelope)
            assert "nnn is not an input here" in (result.error or "")
            assert len(result.error or "") < 600
