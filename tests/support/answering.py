"""A ClickSend whose answers and records a test dictates, to see what the server makes of them."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from support.guarding import Call, Place, dispatching, settings
from support.scripted import USERNAME, Conversation, good, scripted


@dataclass
class Service:
    """A ClickSend that answers a send with `send`, shows `records` of what was sent, and prices it at `price`."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    username: str = USERNAME
    api_key: str = "5EC2E7-of-ana"
    send: bytes = b""  # the answer to a send; the records below show it or not
    records: Callable[[list[dict[str, Any]]], list[Any]] = lambda _: []
    price: object = 0.07

    async def talk(self, conversation: Conversation) -> None:
        """Answer one request."""
        request = conversation.request
        method, path, _ = request.line.split()
        if path.endswith("/price"):
            messages = [{**message, "status": "SUCCESS"} for message in request.json.get("messages", [])]
            priced = {"total_price": self.price, **({"messages": messages} if messages else {})}
            await conversation.say(good(priced))
        elif method == "GET":
            await conversation.say(good({"data": self.records(self.sent), "last_page": 1}))
        else:
            self.sent.append(request.json)
            await conversation.say(self.send)


@asynccontextmanager
async def calling(service: Service, ledger: Place, **limits: Any) -> AsyncIterator[Call]:
    """Call actions of a server whose ClickSend is this service."""
    async with scripted(service.talk) as upstream:
        service.url = upstream.url
        async with dispatching(settings(service, ledger, limits=limits)) as call:  # type: ignore[arg-type]
            yield call


def messages(*rows: Mapping[str, Any], **more: Any) -> bytes:
    """The answer to a send with these messages."""
    return good({"messages": list(rows), **more})


def history(*ids: str) -> Callable[[list[dict[str, Any]]], list[Any]]:
    """Records of the messages sent, in their order, under these ids."""

    def records(sent: list[dict[str, Any]]) -> list[Any]:
        rows = [message for body in sent for message in body["messages"]]
        return [
            {**row, "message_id": number, "date": 2**40, "custom_string": row.get("custom_string", "")}
            for row, number in zip(rows, ids, strict=False)
        ]

    return records
