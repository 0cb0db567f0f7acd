"""The ClickSend of one run: an account of the sandbox, its faults, and what was really sent and charged."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from fault_plan import OLD_TEXT, SECRET, UPDATE, Call, Plan

from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

_HOUR = 3600


class Proxy:
    """Stands before the sandbox on a port that refuses connections until it `listen`s."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._port = int(sandbox.url.rpartition(":")[2])
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Accept connections from now on."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=self._socket)

    def close(self) -> None:
        """Cut everything."""
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", self._port)
        for course in (_copy(reader, to_there), self._answer(there, writer)):
            task = asyncio.create_task(course)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        await _copy(source, target)


LATE = {"http_code": 400, "response_code": "BAD_REQUEST", "response_msg": "for somebody else", "data": None}
_LATE_BODY = json.dumps(LATE).encode()
_LATE = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
    + f"Content-Length: {len(_LATE_BODY)}\r\n\r\n".encode()
    + _LATE_BODY
)
_AFTER = 0.01  # seconds without a byte, by which an answer has ended


class LateProxy(Proxy):
    """Says one answer too many on each connection that is kept."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        super().__init__(sandbox)
        self.answers = 0

    async def _answer(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        said = False
        with suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AFTER):
                        while data := await source.read(65536):
                            target.write(data)
                if data and not said:
                    target.write(_LATE)
                    self.answers += 1
                    said = True
                await target.drain()
        target.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.close()


@dataclass(frozen=True)
class Effect:
    """What became of one call at ClickSend: how often it took effect, and the ids of what it was accepted for."""

    times: int
    ids: tuple[str, ...]
    asked: int


class Upstream:
    """One account of a sandbox, for one run."""

    def __init__(self, sandbox: RunningSandbox, control: httpx.AsyncClient, plan: Plan) -> None:
        self._plan = plan
        self._http = control
        self.username = f"account-{plan.number}"
        self._auth = (self.username, SECRET)
        self._refusing = Proxy(sandbox) if plan.fault.where == "connection" else None
        self._late = LateProxy(sandbox) if plan.fault.where == "late" else None
        proxy = self._refusing or self._late
        self.url = proxy.url if proxy else sandbox.url
        self._path = ""
        self._list = self._campaign = self._return_address = 0

    async def prepare(self) -> tuple[Call, Call | None]:
        """Open the account with all that the calls of the plan need; the calls with the ids they refer to."""
        if self._late:
            await self._late.listen()
        await self._control("POST", "reset")
        account = {"username": self.username, "api_key": SECRET, "balance": str(self._plan.balance)}
        await self._control("POST", "accounts", account)
        call, rival = self._plan.call, self._plan.rival
        if any(one and "CAMPAIGN" in one.slug for one in (call, rival)):
            await self._make_list()
        if call.slug == UPDATE:
            body = {"list_id": self._list, "name": "old", "body": OLD_TEXT}
            made = await self._ask("POST", "/v3/sms-campaigns/send", body | {"schedule": await self._now() + _HOUR})
            self._campaign = made["sms_campaign_id"]
        addresses = await self._ask("GET", "/v3/post/return-addresses")
        self._return_address = addresses["data"][0]["return_address_id"]
        return self._with_ids(call), rival and self._with_ids(rival)

    async def break_(self, call: Call) -> None:
        """Order the fault of the plan, for the request that the call makes."""
        request = catalog()[call.slug].request(catalog()[call.slug].input.model_validate(call.arguments))
        order = self._plan.fault.order
        if order is not None:
            about = {"method": request.method, "path": request.path}
            await self._control("POST", "faults", order | about | {"times": self._plan.fault_times})
            self._path = request.path
        if self._plan.records_fail:
            for path in ("/v3/sms/history", "/v3/sms-campaigns"):
                about = {"kind": "status", "status": 500, "method": "GET", "path": path, "times": 50}
                await self._control("POST", "faults", about)

    async def heal(self) -> None:
        """Let nothing go wrong any more."""
        await self._control("DELETE", "faults")
        if self._refusing:
            await self._refusing.listen()

    async def hits(self) -> int:
        """How many requests the fault of the plan has met."""
        left = [one for one in await self._faults() if one["path"] == self._path and one["method"] != "GET"]
        return self._plan.fault_times - (left[0]["times"] if left else 0) if self._path else 0

    @property
    def late_answers(self) -> int:
        """How many answers came that nobody had asked for."""
        return self._late.answers if self._late else 0

    async def met(self) -> None:
        """Wait until the fault has met a request."""
        await _until(self.hits)

    async def answered_too_often(self) -> None:
        """Wait until a connection has had an answer that nobody asked for."""

        async def late() -> int:
            return self.late_answers

        await _until(late)

    def close(self) -> None:
        """Cut what stands between."""
        for proxy in (self._refusing, self._late):
            if proxy:
                proxy.close()

    async def quiet(self, hits: int) -> None:
        """Wait until ClickSend has finished all requests that it has begun; `hits` is how many the fault met."""
        if (self._plan.fault.order or {}).get("kind") != "delay":
            return

        async def all_done() -> bool:
            return sum(one["fault"] == "delay" for one in await self._calls()) >= hits

        await _until(all_done)

    async def effect(self, call: Call) -> Effect:
        """What became of a call."""
        action = catalog()[call.slug]
        request = action.request(action.input.model_validate(call.arguments))
        answers = [
            [row for row in _rows(one["answer"]["data"]) if _accepted(row)]
            for one in await self._calls()
            if one["path"] == request.path and one["body"] == request.body and one["status"] == 200
        ]
        asked = len(call.arguments.get("messages") or call.arguments.get("recipients") or [1])
        ids = tuple(str(row.get("message_id") or row["sms_campaign_id"]) for rows in answers for row in rows)
        return Effect(sum(map(bool, answers)), ids, asked)

    async def sent(self) -> list[dict[str, Any]]:
        """Everything that the account has sent, but for the campaign that was there before."""
        found = (await self._control("GET", "sent"))["sent"]
        return [one for one in found if one["account"] == self.username and one["body"] != OLD_TEXT]

    async def campaigns(self) -> list[dict[str, Any]]:
        """The campaigns of the account."""
        return list((await self._ask("GET", "/v3/sms-campaigns?limit=100"))["data"])

    async def charged(self) -> Decimal:
        """What it has cost once everything scheduled has been sent."""
        await self._control("POST", "clock", {"advance": 3 * _HOUR})
        return sum((Decimal(one["price"]) for one in await self.sent()), Decimal(0))

    async def _make_list(self) -> None:
        self._list = (await self._ask("POST", "/v3/lists", {"list_name": "Guests"}))["list_id"]
        for number in self._plan.contacts:
            await self._ask("POST", f"/v3/lists/{self._list}/contacts", {"phone_number": number})

    def _with_ids(self, call: Call) -> Call:
        known = {
            "list_id": self._list,
            "sms_campaign_id": self._campaign,
            "return_address_id": self._return_address,
        }
        filled = {name: known[name] if value is None else value for name, value in call.arguments.items()}
        for recipient in filled.get("recipients", ()):
            recipient["return_address_id"] = self._return_address
        return Call(call.slug, filled)

    async def _now(self) -> int:
        return int((await self._control("GET", "state"))["now"])

    async def _faults(self) -> list[dict[str, Any]]:
        return list((await self._control("GET", "faults"))["faults"])

    async def _calls(self) -> list[dict[str, Any]]:
        return [one for one in (await self._control("GET", "calls"))["calls"] if one["username"] == self.username]

    async def _control(self, method: str, name: str, body: Any = None) -> Any:
        response = await self._http.request(method, f"/_sandbox/{name}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        response = await self._http.request(method, path, json=body, auth=self._auth)
        assert response.status_code == 200, response.text
        return response.json()["data"]


async def _until(holds: Callable[[], Awaitable[int]]) -> None:
    """Ask the sandbox until something holds; it has no way to tell by itself."""
    while not await holds():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def _rows(answer: Any) -> list[dict[str, Any]]:
    return list(answer.get("messages") or answer.get("recipients") or [answer])


def _accepted(row: dict[str, Any]) -> bool:
    """Whether a row of the sandbox's own answer says that it was taken on."""
    if "sms_campaign_id" in row:
        return row["status"] not in ("Failed", "Cancelled")
    return bool(row["status"] == "SUCCESS")


@asynccontextmanager
async def upstream(sandbox: RunningSandbox, control: httpx.AsyncClient, plan: Plan) -> AsyncIterator[Upstream]:
    """The ClickSend of a run."""
    found = Upstream(sandbox, control, plan)
    try:
        yield found
    finally:
        found.close()


def told_rows(data: str) -> list[dict[str, Any]]:
    """The rows of an envelope's data which it says were accepted."""
    answer = json.loads(data)["data"] if data else {}
    return [row for row in _rows(answer) if row.get("status") == "SUCCESS" or "sms_campaign_id" in row]
