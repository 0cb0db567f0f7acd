"""What the tests of the guard share: ledgers read from outside, calls in this process and in real ones."""

import json
import os
import re
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.ledger import LedgerSettings
from server.config.limits import Limits
from server.config.settings import Credentials, Settings
from server.sandbox.serve import RunningSandbox
from support.hosting import HELLO, PATIENCE, Program, calling, running
from tools.catalog import catalog

ANA = "+61491570156"
BO = "+61491570157"
SMS_TO_AU = Decimal("0.0792")  # the sandbox's price of a part
POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"


# --- ledgers -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A ledger by its location as the operator sets it, read and changed over another connection."""

    text: str

    def run(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Execute one statement with values as `:name`; its rows, if it has any."""
        if "://" in self.text:
            named = re.sub(r":(\w+)", r"%(\1)s", statement)
            with psycopg.connect(self.text, row_factory=dict_row) as link:
                result = link.execute(named, values)
                return result.fetchall() if result.description else []
        with closing(sqlite3.connect(self.text, isolation_level=None)) as file:
            file.row_factory = sqlite3.Row
            return [dict(row) for row in file.execute(statement, values)]

    def rows(self) -> list[dict[str, Any]]:
        """Its sends, the oldest first."""
        return self.run("SELECT * FROM sends ORDER BY at")

    def row(self) -> dict[str, Any]:
        """Its only send."""
        (row,) = self.rows()
        return row

    async def become(self, connections: int) -> None:
        """Wait until it has a number of connections besides the one that counts; PostgreSQL's take time to end."""
        ours = self.text.rpartition("=")[2]
        query = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = :ours AND pid <> pg_backend_pid()"
        with anyio.fail_after(PATIENCE):
            while self.run(query, ours=ours)[0]["n"] != connections:  # noqa: ASYNC110 - bounded above
                await anyio.sleep(0.01)

    def age(self, seconds: float) -> None:
        """Move all of its sends into the past."""
        self.run("UPDATE sends SET at = at - :seconds", seconds=seconds)

    def reopen(self) -> None:
        """Make the sends look as if their processes had died before they could settle them."""
        self.run("UPDATE sends SET state = 'started', message_ids = '[]'")


@contextmanager
def sqlite_place(file: Path) -> Iterator[Place]:
    """A ledger in a file that does not exist yet."""
    yield Place(str(file))


@contextmanager
def postgres_place() -> Iterator[Place]:
    """A ledger in a PostgreSQL schema of its own, which is dropped afterwards."""
    schema = f"guard_{uuid.uuid4().hex}"
    try:
        link = psycopg.connect(POSTGRES, connect_timeout=30, autocommit=True)
    except psycopg.OperationalError:
        assert os.environ.get("REQUIRE_SERVICES") != "1", "REQUIRE_SERVICES=1, and PostgreSQL is not there"
        pytest.skip("needs PostgreSQL at 127.0.0.1:5432")
    with link:
        link.execute(f"CREATE SCHEMA {schema}")
        try:
            yield Place(f"{POSTGRES}?options=-csearch_path%3D{schema}&application_name={schema}")
        finally:
            link.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


# --- calls -------------------------------------------------------------------------------------------

Call = Callable[..., Awaitable[Any]]  # an action's slug without CLICKSEND_, and its arguments by name


def settings(
    sandbox: RunningSandbox, ledger: Place, *, limits: Mapping[str, Any] | None = None, **more: Any
) -> Settings:
    """Settings of the sandbox's account, without retries and with one immediate search for a lost send."""
    base: dict[str, Any] = {
        "credentials": Credentials(sandbox.username, sandbox.api_key),
        "base_url": sandbox.url,
        "attempts": 1,
        "reconcile_after": (0,),
    }
    own = dict(limits or {})
    kept = LedgerSettings(own.pop("location", ledger.text), own.pop("keeps_texts", False))
    return Settings(**{**base, **more}, limits=Limits(**own), ledger=kept)


@asynccontextmanager
async def dispatching(chosen: Settings) -> Any:
    """Call actions in this process; a call returns the envelope, or the question to a person."""
    async with Dispatcher(chosen) as dispatcher:

        async def call(name: str, /, **arguments: Any) -> Any:
            return await dispatcher.call(catalog()[f"CLICKSEND_{name}"], arguments)

        yield call


def guarded(sandbox: RunningSandbox, ledger: Place, **limits: Any) -> AbstractAsyncContextManager[Call]:
    """Call actions in this process within limits."""
    return dispatching(settings(sandbox, ledger, limits=limits))


def sms(*numbers: str, body: str = "Hello", **more: Any) -> dict[str, Any]:
    """The arguments of a send of one text to some numbers."""
    return {"messages": [{"to": number, "body": body, **more} for number in numbers or (ANA,)]}


def data(envelope: Envelope) -> Any:
    """ClickSend's data of a success."""
    assert envelope.successful, envelope
    return json.loads(envelope.data)["data"]


async def contact_list(call: Call, *numbers: str) -> int:
    """The id of a new list of these numbers."""
    list_id: int = data(await call("CREATE_LISTS", list_name="Customers"))["list_id"]
    for number in numbers:
        data(await call("CREATE_LISTS_CONTACTS", list_id=list_id, phone_number=number))
    return list_id


def campaign(list_id: int, **more: Any) -> dict[str, Any]:
    """The arguments of a campaign."""
    return {"list_id": list_id, "name": "Sale", "body": "20% off", **more}


MMS = {
    "media_file": "https://files.example/menu.gif",
    "messages": [{"to": ANA, "subject": "Menu", "body": "Today"}],
}


def letter(country: str = "AU", **more: Any) -> dict[str, Any]:
    """The arguments of one letter; the first return address of a new sandbox account is 1001."""
    address = {
        "address_name": "Ana",
        "address_line_1": "1 Sandpit Lane",
        "address_city": "Perth",
        "address_state": "WA",
        "address_postal_code": "6000",
        "address_country": country,
        "return_address_id": 1001,
    }
    return {"file_url": "https://files.example/letter.pdf", "recipients": [{**address, **more}]}


# --- what the sandbox knows --------------------------------------------------------------------------


def control(sandbox: RunningSandbox, method: str, name: str, body: Any = None) -> Any:
    """Use a control endpoint of the sandbox."""
    with httpx.Client(trust_env=False, verify=False) as web:  # certificates take long to load, and are not needed
        response = web.request(method, f"{sandbox.url}/_sandbox/{name}", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def join(sandbox: RunningSandbox, list_id: int, number: str) -> None:
    """Put a number on a list past the server under test, as somebody may do in the dashboard."""
    with httpx.Client(trust_env=False, verify=False, auth=(sandbox.username, sandbox.api_key)) as web:
        web.post(f"{sandbox.url}/v3/lists/{list_id}/contacts", json={"phone_number": number}).raise_for_status()


def fault(sandbox: RunningSandbox, kind: str, **more: Any) -> None:
    """Order a fault."""
    control(sandbox, "POST", "faults", {"kind": kind, **more})


def sent(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """What the sandbox has sent, the oldest first."""
    everything: list[dict[str, Any]] = control(sandbox, "GET", "sent")["sent"]
    return everything


def spent(sandbox: RunningSandbox) -> Decimal:
    """What the sandbox has charged."""
    return sum((Decimal(entry["price"]) for entry in sent(sandbox)), Decimal(0))


def asked(sandbox: RunningSandbox, path: str) -> int:
    """How many requests to a path the sandbox has received."""
    return sum(call["path"] == path for call in control(sandbox, "GET", "calls")["calls"])


# --- real processes ----------------------------------------------------------------------------------


@dataclass
class Host:
    """A real server over stdio, and the JSON-RPC that a host speaks with it."""

    program: Program
    _last: int = 0

    async def start(self, slug: str, arguments: Mapping[str, Any]) -> int:
        """Call a tool without waiting; the id of the request."""
        self._last += 1
        await self.program.write(calling(self._last, f"CLICKSEND_{slug}", dict(arguments)))
        return self._last

    async def answers(self, *numbers: int) -> list[dict[str, Any]]:
        """The envelopes of some requests, in the order in which they come."""
        waiting, envelopes = set(numbers), []
        while waiting:
            message = await self.program.read()
            if message.get("id") in waiting:
                waiting.remove(message["id"])
                envelopes.append(message["result"]["structuredContent"])
        return envelopes

    async def call(self, slug: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool; the envelope."""
        (envelope,) = await self.answers(await self.start(slug, arguments))
        return envelope


def account(sandbox: RunningSandbox, ledger: Place) -> dict[str, str]:
    """The environment of a server with the sandbox's account and a ledger."""
    return {
        "CLICKSEND_USERNAME": sandbox.username,
        "CLICKSEND_API_KEY": sandbox.api_key,
        "CLICKSEND_BASE_URL": sandbox.url,
        "CLICKSEND_MCP_LEDGER": ledger.text,
    }


@asynccontextmanager
async def hosts(count: int, **environment: str) -> Any:
    """Real servers, initialized, started at the same moment."""
    async with AsyncExitStack() as stack:
        programs = [await stack.enter_async_context(running(**environment)) for _ in range(count)]
        for program in programs:
            await program.write(*HELLO)
        for program in programs:
            await program.answer_to(0)
        yield [Host(program) for program in programs]


@asynccontextmanager
async def host(**environment: str) -> Any:
    """A real server, initialized."""
    async with hosts(1, **environment) as (server,):
        yield server
