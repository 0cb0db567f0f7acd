"""The demo: an agent's day, played with the real server process, a real MCP client and the sandbox."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import anyio
import httpx
from mcp import Client, StdioServerParameters

from schemas.envelope import Envelope
from server.sandbox.serve import running_sandbox

_CUSTOMERS = b"""\
phone,first_name,last_name,custom_1
+61411111111,Ana,Reyes,gold
+61422222233,Ben,Okafor,silver
+64211234567,Chloe,Ngata,gold
"""
_WIDTH = 240  # characters of a result that are shown; our rule
_PATIENCE = 10  # seconds for an import to finish; our rule
_COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class Disappointed(Exception):
    """A step of the demo did not do what it announced."""


def run() -> int:
    """Play the day; 0 if every step did what it announced, else 1 and the reason on stderr."""
    started = time.monotonic()
    failed = False
    try:
        anyio.run(_day)
    except* Disappointed as group:
        failed = True
        print(f"\nTHE DEMO FAILED: {_first(group)}", file=sys.stderr)
    if failed:
        return 1
    print(f"\nThat was a day in {time.monotonic() - started:.1f} seconds. Nothing was really sent or paid.")
    print("Next: the README's first screen shows how to give these tools to your agent.")
    return 0


def _first(fault: BaseException) -> BaseException:
    """The first exception in nested groups, which is how task groups raise."""
    return _first(fault.exceptions[0]) if isinstance(fault, BaseExceptionGroup) else fault


async def _day() -> None:
    with _served(_CUSTOMERS) as csv_url, TemporaryDirectory(prefix="clicksend-mcp-") as folder:
        async with running_sandbox() as sandbox, httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as world:
            server = StdioServerParameters(
                command=sys.executable,
                args=["-P", "-m", "clicksend_mcp"],  # -P: nothing of the current folder
                env={
                    "CLICKSEND_USERNAME": sandbox.username,
                    "CLICKSEND_API_KEY": sandbox.api_key,
                    "CLICKSEND_BASE_URL": sandbox.url,
                    "CLICKSEND_MCP_LEDGER": f"{folder}/ledger.sqlite3",
                },
            )
            async with Client(server) as host:
                agent = _Agent(host)
                balance = await _morning(agent, csv_url)
                await _noon(agent)
                await _afternoon(agent, world, balance)


class _Agent:
    """Calls tools as an agent does, shows each call with its envelope, and insists on the outcome."""

    def __init__(self, host: Client) -> None:
        self.host = host

    async def call(self, slug: str, arguments: Mapping[str, Any] | None = None, *, fails: bool = False) -> Any:
        """Call a tool, which must be successful unless `fails`; return the `data` of ClickSend's answer."""
        arguments = arguments or {}
        print(f"\n  {_colour(36, '->')} {_colour(1, slug)} {_cut(json.dumps(arguments, ensure_ascii=False))}")
        result = await self.host.call_tool(slug, dict(arguments))
        envelope = Envelope.model_validate(result.structured_content)
        mark = _colour(32, "successful") if envelope.successful else _colour(31, "not successful")
        print(f"  {_colour(36, '<-')} {mark}")
        if envelope.error:
            print(f"     error: {_colour(33, envelope.error)}")
        if envelope.data:
            print(f"     data:  {_colour(2, _cut(envelope.data))}")
        _insist(envelope.successful is not fails, f"{slug} ended otherwise than expected: {envelope}")
        return json.loads(envelope.data)["data"] if envelope.data else None


async def _morning(agent: _Agent, csv_url: str) -> Decimal:
    """Look around, fill a list, send a campaign; returns the balance before anything was spent."""
    _say("An MCP host starts the server and lists its tools.")
    tools = (await agent.host.list_tools()).tools
    _insist(bool(tools), "no tools are offered")
    print(f"     {len(tools)} tools, from {tools[0].name} to {tools[-1].name}")

    _say("Whose account is it, and how much is on it? (ClickSend's answer holds the API key; ours does not.)")
    account = await agent.call("CLICKSEND_GET_ACCOUNT")
    _insist("api_key" not in json.dumps(account), "the API key reached the model")
    _note(f"balance {account['balance']} {_currency(account)}")

    _say("A contact list, filled from a CSV that lies on the web.")
    contacts = await agent.call("CLICKSEND_CREATE_LISTS", {"list_name": "Loyal customers"})
    list_id = contacts["list_id"]
    columns = ["phone_number", "first_name", "last_name", "custom_1"]
    await agent.call("CLICKSEND_GET_LISTS_IMPORT", {"list_id": list_id, "file_url": csv_url, "field_order": columns})
    await _imported(agent, list_id)
    page = await agent.call("CLICKSEND_GET_LISTS_CONTACTS", {"list_id": list_id})
    _insist(page["total"] == 3, f"3 contacts were imported, the list has {page['total']}")
    _note(f"imported: {', '.join(contact['first_name'] for contact in page['data'])}")

    _say("A campaign to all of them: the price first, then the send.")
    campaign = {
        "name": "Spring sale",
        "body": "Hi (First Name), 20% off today. Reply STOP to opt out: StopMsg.me/xxxxx",
        "list_id": list_id,
    }
    price = await agent.call("CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE", campaign)
    _insist(float(price["total_price"]) > 0, "the campaign has no price")
    _note(f"{price['total_count']} messages for {price['total_price']} {_currency(price)}")
    sent = await agent.call("CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND", campaign)
    _note(f"campaign {sent['sms_campaign_id']} is {sent['status']}")
    return Decimal(account["balance"])


async def _imported(agent: _Agent, list_id: int) -> None:
    """Wait, without showing it, until the import has finished."""
    with anyio.fail_after(_PATIENCE):
        while True:
            result = await agent.host.call_tool("CLICKSEND_GET_LISTS", {})
            lists = json.loads(Envelope.model_validate(result.structured_content).data)["data"]["data"]
            if not any(row["list_id"] == list_id and row["_import_in_progress"] for row in lists):
                return
            await anyio.sleep(0.05)


async def _noon(agent: _Agent) -> None:
    """Send SMS: one partly refused, one refused before it leaves, one scheduled and cancelled."""
    _say("Three reminders, one to a number that cannot be. HTTP says 200; the envelope says what is true.")
    messages = [
        {"to": to, "body": "Your parcel is ready.", "custom_string": "parcel-17"}
        for to in ("+61422222233", "+61400990404", "+64211234567")
    ]
    answer = await agent.call("CLICKSEND_CREATE_SMS_SEND", {"messages": messages}, fails=True)
    _insist(answer["queued_count"] == 2, "two of the three should have been queued")

    _say("A model writes last year by mistake. It is told so, and nothing leaves.")
    year = 365 * 86_400
    tomorrow = int(time.time()) + 86_400
    late = {"to": "+61422222233", "body": "See you tomorrow", "schedule": tomorrow - year}
    await agent.call("CLICKSEND_CREATE_SMS_SEND", {"messages": [late]}, fails=True)

    _say("Scheduled for tomorrow, with a reference; then the plan changes, and just that one is cancelled.")
    planned = {**late, "schedule": tomorrow, "custom_string": "visit-9"}
    await agent.call("CLICKSEND_CREATE_SMS_SEND", {"messages": [planned]})
    cancelled = await agent.call("CLICKSEND_SMS_CANCEL_ALL_PUT", {"custom_string": "visit-9"})
    _insist(cancelled["count"] == 1, "exactly one message should have been cancelled")
    _note("1 cancelled, and its price is back on the balance")


async def _afternoon(agent: _Agent, world: httpx.AsyncClient, balance: Decimal) -> None:
    """Receive a reply, read what became of everything, and check the bill."""
    _say("A rule keeps inbound messages for the agent. Ben replies from his phone.")
    rule = {
        "rule_name": "For the agent",
        "dedicated_number": "*",
        "message_search_type": 0,
        "action": "POLL",
        "action_address": "",
        "enabled": 1,
    }
    await agent.call("CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND", rule)
    await _control(world, "inbound", {"from": "+61422222233", "body": "Thanks, I will come at five!"})
    inbound = await agent.call("CLICKSEND_GET_SMS_INBOUND")
    _insist(inbound["total"] == 1, "Ben's reply did not arrive")
    _note(f"Ben wrote: {inbound['data'][0]['body']}")

    _say("A minute later: what became of the reminders, and what did the day cost?")
    await _control(world, "clock", {"advance": 60})
    history = await agent.call("CLICKSEND_GET_SMS_HISTORY", {"q": "to:+61422222233", "order_by": "date:desc"})
    reminder = next(row for row in history["data"] if row["custom_string"] == "parcel-17")
    receipt = await agent.call("CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET", {"message_id": reminder["message_id"]})
    _insist(receipt["status_code"] == 201, "the reminder was not delivered")
    _note(f"Ben's reminder: {receipt['status_text']}")
    await agent.call("CLICKSEND_GET_SMS_RECEIPTS", {"limit": 15})
    total = (await agent.call("CLICKSEND_GET_STATISTICS_SMS"))["total"]
    _insist(total["inbound"]["count"] == 1, "the statistics miss Ben's reply")
    account = await agent.call("CLICKSEND_GET_ACCOUNT")
    spent = balance - Decimal(account["balance"])
    _insist(spent == Decimal(str(total["outbound"]["price"])), "balance and statistics disagree on what was spent")
    _note(
        f"{total['outbound']['count']} messages for {spent.normalize()} {_currency(account)}, which the balance misses"
    )


async def _control(world: httpx.AsyncClient, name: str, order: Mapping[str, Any]) -> None:
    """Use a control of the sandbox: a person replies, time passes."""
    (await world.post(f"/_sandbox/{name}", json=order)).raise_for_status()


@contextmanager
def _served(csv: bytes) -> Iterator[str]:
    """Serve a CSV on this machine for the import to fetch; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Length", str(len(csv)))
            self.end_headers()
            self.wfile.write(csv)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/customers.csv"
    finally:
        server.shutdown()
        server.server_close()


def _currency(data: Mapping[str, Any]) -> str:
    return str(data["_currency"]["currency_name_short"])


def _note(text: str) -> None:
    print(f"     {_colour(32, '=')} {text}")


def _say(text: str) -> None:
    print(f"\n{_colour(1, '*')} {_colour(1, text)}")


def _insist(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Disappointed(otherwise)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]} ... ({len(text) - _WIDTH} more characters)"


def _colour(code: int, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if _COLOURS else text
