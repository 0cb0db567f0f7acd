"""A client of a running sandbox, and a small web server."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from server.sandbox.serve import RunningSandbox

ANA = "+61400000001"
BEN = "+61400000002"
HOUR = 3600
MAX_WAIT = 60  # seconds to wait for what happens in the background


class Sandbox:
    """A client of a running sandbox. Its verbs return the data of a success and fail the test otherwise."""

    def __init__(self, running: RunningSandbox) -> None:
        self.url = running.url
        self.http = self.as_user(running.username, running.api_key)

    def as_user(self, username: str, api_key: str) -> httpx.Client:
        auth = (username, api_key)
        # Nothing to verify on plain HTTP, and not loading certificates makes the suite twice as fast.
        return httpx.Client(base_url=self.url, auth=auth, timeout=MAX_WAIT, trust_env=False, verify=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.data(self.http.get(path, params=query))

    def post(self, path: str, body: Any) -> Any:
        return self.data(self.http.post(path, json=body))

    def put(self, path: str, body: Any = None) -> Any:
        return self.data(self.http.put(path, json=body) if body is not None else self.http.put(path))

    def delete(self, path: str) -> Any:
        return self.data(self.http.delete(path))

    @staticmethod
    def data(response: httpx.Response) -> Any:
        envelope = response.json()
        assert (response.status_code, envelope["http_code"]) == (200, 200), response.text
        assert envelope["response_code"] == "SUCCESS"
        return envelope["data"]

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str | int]:
        """The status and response code of a request that must fail."""
        response = self.http.request(method, path, json=body, params=query)
        envelope = response.json()
        assert response.status_code >= 400
        assert envelope["http_code"] == response.status_code
        assert envelope["data"] is None
        return response.status_code, envelope["response_code"]

    def send(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.post("/v3/sms/send", {"messages": list(messages)})["messages"]
        return rows

    def send_one(self, to: str = ANA, body: str = "Hello", **rest: Any) -> dict[str, Any]:
        return self.send({"to": to, "body": body, **rest})[0]

    def history(self, **query: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get("/v3/sms/history", **query)["data"]
        return rows

    def new_list(self, *numbers: str, name: str = "Customers") -> int:
        list_id: int = self.post("/v3/lists", {"list_name": name})["list_id"]
        for number in numbers:
            self.post(f"/v3/lists/{list_id}/contacts", {"phone_number": number})
        return list_id

    def control(self, method: str, name: str, body: Any = None, **query: Any) -> Any:
        response = self.http.request(method, f"/_sandbox/{name}", json=body, params=query, auth=None)
        assert response.status_code == 200, response.text
        return response.json()

    def account(self, username: str = "sandbox") -> dict[str, Any]:
        accounts = self.control("GET", "state")["accounts"]
        return next(account for account in accounts if account["username"] == username)

    def balance(self, username: str = "sandbox") -> Decimal:
        return Decimal(self.account(username)["balance"])

    def sent(self, kind: str = "all") -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control("GET", "sent", kind=kind)["sent"]
        return entries

    def now(self) -> int:
        now: int = self.control("GET", "state")["now"]
        return now

    def advance(self, seconds: int) -> None:
        self.control("POST", "clock", {"advance": seconds})

    def fault(self, kind: str, **rest: Any) -> None:
        self.control("POST", "faults", {"kind": kind, **rest})


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in the background."""
    give_up = time.monotonic() + MAX_WAIT
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.01)


@dataclass
class Web:
    """A small web server that serves files and records its requests."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path with query, body
    gate: threading.Event = field(default_factory=threading.Event)  # answers wait until it is open

    def serve(self, path: str, content: str | bytes) -> str:
        """Serve content at a path; its URL."""
        self.files[path] = content.encode() if isinstance(content, str) else content
        return self.url + path
