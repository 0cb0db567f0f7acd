"""Progress of much, against the sandbox: thousands of contacts imported and checked, a thousand messages sent."""

import json
import time
from typing import Any

import pytest
from mcp import Client
from support.guarding import asked, control, sent
from support.hosting import stdio
from support.reports import CAMPAIGN, IMPORT, SEND, Reports, batch
from support.scripted import answer, says, scripted

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

MANY = 5_000
CSV = "phone\n" + "".join(f"+6149157{number:04}\n" for number in range(MANY))


def program(sandbox: RunningSandbox, **own: str) -> Any:
    account = {"CLICKSEND_USERNAME": sandbox.username, "CLICKSEND_API_KEY": sandbox.api_key}
    return stdio(**account, CLICKSEND_BASE_URL=sandbox.url, CLICKSEND_MCP_ALLOWED_COUNTRIES="AU", **own)


async def succeed(client: Client, slug: str, arguments: dict[str, Any], reports: Reports | None = None) -> Any:
    """ClickSend's data of a call that must be successful."""
    result = await client.call_tool(slug, arguments, progress_callback=reports)
    assert result.structured_content["successful"], result.structured_content
    return json.loads(result.structured_content["data"])["data"]


async def test_thousands_of_contacts_are_imported_and_checked_in_the_open(sandbox: RunningSandbox) -> None:
    importing, checking = Reports(), Reports()
    control(sandbox, "PATCH", "settings", {"balance": 1_000})  # for all of them
    async with (
        scripted(says(answer(200, CSV.encode(), kind="text/csv"))) as web,
        Client(program(sandbox)) as client,
    ):
        list_id = (await succeed(client, "CLICKSEND_CREATE_LISTS", {"list_name": "Everybody"}))["list_id"]
        file = {"list_id": list_id, "file_url": f"{web.url}/everybody.csv", "field_order": ["phone"]}
        await succeed(client, IMPORT, file, importing)
        _, row = (await succeed(client, "CLICKSEND_GET_LISTS", {}))["data"]  # the first is for those who opt out
        assert (row["_contacts_count"], row["_import_in_progress"]) == (MANY, 0)  # it was followed to its end

        begun = time.monotonic()
        await succeed(client, CAMPAIGN, {"list_id": list_id, "name": "Sale", "body": "20% off"}, checking)
        seconds = time.monotonic() - begun
    assert importing.heard
    assert checking.heard
    assert checking.are_sound(seconds)
    assert {total for _, total, message in checking.heard if message.startswith("Read ")} <= {MANY}
    assert asked(sandbox, f"/v3/lists/{list_id}/contacts") == MANY // 100
    assert len(sent(sandbox)) == MANY


async def test_a_batch_of_a_thousand_is_sent_in_the_open(sandbox: RunningSandbox) -> None:
    reports = Reports()
    begun = time.monotonic()
    async with Client(program(sandbox, CLICKSEND_MCP_MAX_COST_PER_CALL="100")) as client:
        accepted = await succeed(client, SEND, batch(1_000), reports)
    assert accepted["queued_count"] == 1_000
    assert reports.heard
    assert reports.are_sound(time.monotonic() - begun)
    assert len(sent(sandbox)) == 1_000
