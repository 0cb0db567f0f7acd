"""Whole days against the sandbox: the real process, both transports, both eras, all 26 actions."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from mcp import Client
from support import offered
from support.days import ANA, CSV, Call, control, own_account, whole_day
from support.hosting import ERAS, PATIENCE, running_http, stdio
from support.scripted import SECRET, answer, good, says, scripted

from server.calls.dispatch import Dispatcher
from server.config.settings import Credentials, Settings
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

pytestmark = pytest.mark.anyio


def account(sandbox: RunningSandbox) -> dict[str, str]:
    return {
        "CLICKSEND_USERNAME": sandbox.username,
        "CLICKSEND_API_KEY": sandbox.api_key,
        "CLICKSEND_BASE_URL": sandbox.url,
    }


@asynccontextmanager
async def connected(transport: str, era: str, *arguments: str, **own: str) -> AsyncIterator[Client]:
    """A client of a real process."""
    async with asyncio.timeout(2 * PATIENCE):
        if transport == "stdio":
            async with Client(stdio(*arguments, **own), mode=era) as client:
                yield client
        else:
            async with running_http(*arguments, **own) as (_, url), Client(url, mode=era) as client:
                yield client


def caller(client: Client, used: set[str]) -> Call:
    """Call actions and return ClickSend's data of a success."""

    async def call(name: str, /, **arguments: Any) -> Any:
        used.add(f"CLICKSEND_{name}")
        result = await client.call_tool(f"CLICKSEND_{name}", arguments)
        envelope = result.structured_content
        assert envelope is not None
        assert envelope["successful"], envelope
        answer = json.loads(envelope["data"])
        assert (answer["http_code"], answer["response_code"]) == (200, "SUCCESS")
        return answer["data"]

    return call


TRANSPORTS = pytest.mark.parametrize("transport", ["stdio", "http"])


@TRANSPORTS
@pytest.mark.parametrize("era", ERAS)
async def test_every_action_does_its_work(transport: str, era: str, sandbox: RunningSandbox) -> None:
    used: set[str] = set()
    async with (
        scripted(says(answer(200, CSV.encode(), kind="text/csv"))) as web,
        connected(transport, era, **account(sandbox)) as client,
    ):
        await whole_day(caller(client, used), sandbox, f"{web.url}/customers.csv")
    assert used == set(offered.SLUGS)
    calls = (await control(sandbox, "GET", "calls"))["calls"]
    assert {call["username"] for call in calls if call["path"].startswith("/v3")} == {sandbox.username}
    assert not [call for call in calls if call["status"] != 200]


@TRANSPORTS
async def test_the_own_sandbox_needs_no_credentials_and_ignores_real_ones(transport: str) -> None:
    async with scripted(says(good({}))) as real:
        own = {"CLICKSEND_USERNAME": "real", "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": real.url}
        for environment in ({}, own):
            async with connected(transport, "auto", "--sandbox", **environment) as client:
                assert client.server_info.name == "clicksend-sandbox"
                assert (client.instructions or "").startswith("SANDBOX")
                call = caller(client, set())
                assert (await call("GET_ACCOUNT"))["username"] == "sandbox"
                list_id = (await call("CREATE_LISTS", list_name="Customers"))["list_id"]
                await call("CREATE_LISTS_CONTACTS", list_id=list_id, phone_number=ANA)
                url = (await call("GET_LISTS_EXPORT", list_id=list_id, filename="customers.csv"))["url"]
                async with httpx.AsyncClient(trust_env=False) as web:
                    assert ANA in (await web.get(url)).text
    assert real.connections == 0


async def test_the_sandbox_flag_may_come_before_the_command() -> None:
    async with connected("stdio", "auto", "--sandbox") as client:
        assert client.server_info.name == "clicksend-sandbox"


# --- without a process: the same journey, faster -------------------------------------------------


@asynccontextmanager
async def dispatching(sandbox: RunningSandbox, **changes: Any) -> AsyncIterator[Call]:
    """Call actions in this process; returns the envelope."""
    credentials = Credentials(sandbox.username, sandbox.api_key)
    settings = Settings(credentials=credentials, base_url=sandbox.url, reconcile_after=(), **changes)
    async with Dispatcher(settings) as dispatcher:

        async def call(name: str, /, **arguments: Any) -> Any:
            return await dispatcher.call(catalog()[f"CLICKSEND_{name}"], arguments)

        yield call


def data(envelope: Any) -> Any:
    assert envelope.successful, envelope
    return json.loads(envelope.data)["data"]


def only(row: dict[str, Any], slug: str) -> dict[str, Any]:
    """The entries of a row that an action has inputs for, as an agent would copy them."""
    names = catalog()[f"CLICKSEND_{slug}"].input_schema["properties"]
    return {name: value for name, value in row.items() if name in names}


async def test_what_one_action_returns_the_next_accepts_unchanged(sandbox: RunningSandbox) -> None:
    async with dispatching(sandbox) as call:
        made = data(await call("CREATE_LISTS", list_name="Customers"))
        data(await call("CREATE_LISTS_CONTACTS", list_id=made["list_id"], phone_number=ANA, first_name="Ana"))
        (contact,) = data(await call("GET_LISTS_CONTACTS", **only(made, "GET_LISTS_CONTACTS")))["data"]
        copy = data(await call("CREATE_LISTS_CONTACTS", **only(contact, "CREATE_LISTS_CONTACTS")))
        assert copy["first_name"] == "Ana"
        data(await call("UPDATE_LISTS_CONTACTS", **only(contact, "UPDATE_LISTS_CONTACTS")))

        message_inputs = catalog()["CLICKSEND_CREATE_SMS_SEND"].input_schema["properties"]["messages"]["items"]
        sent = data(await call("CREATE_SMS_SEND", messages=[{"to": contact["phone_number"], "body": "Hello"}]))
        await control(sandbox, "POST", "clock", {"advance": 10})
        (row,) = data(await call("GET_SMS_HISTORY", q=f"message_id:{sent['messages'][0]['message_id']}"))["data"]
        data(await call("SMS_RECEIPTS_BY_MESSAGE_ID_GET", message_id=row["message_id"]))
        again = {name: row[name] for name in message_inputs["properties"] if name in row and name != "schedule"}
        assert again["to"] == ANA
        data(await call("CREATE_SMS_SEND", messages=[again]))
        assert data(await call("SMS_PRICE_POST", messages=[again]))["total_price"] == 0.0792


async def test_a_campaign_can_be_changed_with_what_the_list_shows(sandbox: RunningSandbox) -> None:
    async with dispatching(sandbox) as call:
        list_id = data(await call("CREATE_LISTS", list_name="Customers"))["list_id"]
        data(await call("CREATE_LISTS_CONTACTS", list_id=list_id, phone_number=ANA))
        campaign = {"list_id": list_id, "name": "Sale", "body": "20% off", "schedule": int(time.time()) + 86_400}
        data(await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign))
        (row,) = data(await call("GET_SMS_CAMPAIGNS3"))["data"]
        changed = data(await call("UPDATE_SMS_CAMPAIGNS", **only(row, "UPDATE_SMS_CAMPAIGNS") | {"name": "Big sale"}))
    assert (changed["name"], changed["schedule"], changed["status"]) == ("Big sale", row["schedule"], "Scheduled")


async def test_a_partial_send_says_the_same_as_the_sandbox_did(sandbox: RunningSandbox) -> None:
    good_ones = [{"to": f"+6149157{n:04}", "body": "Hello"} for n in range(3)]
    refused = [{"to": "+61400990404", "body": "Hello"}, {"to": "+61400990403", "body": "Hello"}]
    async with dispatching(sandbox) as call:
        envelope = await call("CREATE_SMS_SEND", messages=[good_ones[0], refused[0], *good_ones[1:], refused[1]])
    assert not envelope.successful
    assert envelope.error.startswith("3 of 5 were accepted and queued: do NOT send those again.")
    assert "+61400990404: INVALID_RECIPIENT" in envelope.error
    assert "+61400990403: COUNTRY_NOT_ENABLED" in envelope.error
    assert (await own_account(sandbox))["sms"] == 3


async def test_a_send_whose_answer_is_lost_is_made_once_and_found_in_the_history(sandbox: RunningSandbox) -> None:
    await control(sandbox, "POST", "faults", {"kind": "drop", "when": "after"})
    async with dispatching(sandbox) as call:
        envelope = await call("CREATE_SMS_SEND", messages=[{"to": ANA, "body": "Hello"}])
        assert envelope.error.startswith("OUTCOME UNKNOWN")
        assert "CLICKSEND_GET_SMS_HISTORY" in envelope.error
        (row,) = data(await call("GET_SMS_HISTORY", q=f"to:{ANA}"))["data"]
    assert row["body"] == "Hello"
    assert (await own_account(sandbox))["sms"] == 1


async def test_an_account_without_credit_is_told_to_top_up(sandbox: RunningSandbox) -> None:
    await control(sandbox, "PATCH", "settings", {"balance": "0.05"})
    async with dispatching(sandbox) as call:
        envelope = await call("CREATE_SMS_SEND", messages=[{"to": ANA, "body": "Hello"}])
    assert envelope.error.startswith("0 of 1 were accepted. Nothing was sent.")
    assert "top up" in envelope.error


async def test_too_many_calls_are_told_when_to_go_on(sandbox: RunningSandbox) -> None:
    async with dispatching(sandbox, attempts=1) as call:
        envelopes = [await call("GET_ACCOUNT") for _ in range(21)]
    assert all(envelope.successful for envelope in envelopes[:20])
    assert "Too many calls: call again in" in envelopes[20].error


async def test_a_thousand_messages_are_one_call_of_bounded_size(sandbox: RunningSandbox) -> None:
    many = [{"to": f"+61491{n:06}", "body": "Hello", "custom_string": f"order-{n}"} for n in range(1000)]
    async with dispatching(sandbox) as call:
        envelope = await call("CREATE_SMS_SEND", messages=many)
    assert envelope.successful
    assert len(envelope.data.encode()) <= 60_000
    shown = json.loads(envelope.data)
    assert (shown["data"]["total_count"], shown["data"]["queued_count"]) == (1000, 1000)
    assert "CLICKSEND_GET_SMS_HISTORY" in shown["_left_out"]
    assert (await own_account(sandbox))["sms"] == 1000


async def test_a_read_that_meets_a_fault_is_repeated_and_says_so(sandbox: RunningSandbox) -> None:
    await control(sandbox, "POST", "faults", {"kind": "status", "status": 502})
    async with dispatching(sandbox) as call:
        envelope = await call("GET_ACCOUNT")
    assert data(envelope)["username"] == sandbox.username
    assert json.loads(envelope.data)["_attempts"].startswith("2")


async def test_a_deletion_whose_answer_is_lost_is_repeated_and_not_told_as_nothing(sandbox: RunningSandbox) -> None:
    async with dispatching(sandbox) as call:
        list_id = data(await call("CREATE_LISTS", list_name="Customers"))["list_id"]
        await control(sandbox, "POST", "faults", {"kind": "drop", "when": "after", "method": "DELETE"})
        envelope = await call("DELETE_LISTS", list_id=list_id)
        assert "OUTCOME UNKNOWN: an earlier attempt may have taken effect; CLICKSEND_GET_LISTS" in envelope.error
        assert list_id not in [row["list_id"] for row in data(await call("GET_LISTS"))["data"]]


async def test_a_send_that_meets_a_fault_is_made_once_at_most(sandbox: RunningSandbox) -> None:
    await control(sandbox, "POST", "faults", {"kind": "status", "status": 500, "when": "after", "times": 9})
    async with dispatching(sandbox) as call:
        envelope = await call("CREATE_SMS_SEND", messages=[{"to": ANA, "body": "Hello"}])
    assert envelope.error.startswith("OUTCOME UNKNOWN: HTTP 500")
    assert "attempts" not in envelope.error
    assert (await own_account(sandbox))["sms"] == 1
