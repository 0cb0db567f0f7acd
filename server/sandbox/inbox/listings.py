"""What the listings of the page share: the words they are searched for, and the part of them that is asked for."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.sandbox.api.answers import Row, whole_number
from server.sandbox.state.models import Account
from server.sandbox.state.world import World

Item = TypeVar("Item")

MOST_ROWS = 200


def chosen_account(world: World, request: Request) -> Account:
    """The account that the page looks at; the ordinary one also where the one it asks for is gone."""
    return world.accounts.get(request.query_params.get("account", "")) or world.accounts[world.username]


def wanted_words(request: Request) -> str:
    """What a request looks for, in small letters; empty for everything."""
    return request.query_params.get("q", "").strip().casefold()


def mentions(wanted: str, *texts: str | None) -> bool:
    """Whether one of the texts has these words."""
    return any(text and wanted in text.casefold() for text in texts)


def search(request: Request, items: Iterable[Item], texts: Callable[[Item], Iterable[str | None]]) -> list[Item]:
    """The items with the words that a request looks for in one of their texts."""
    wanted = wanted_words(request)
    return [item for item in items if mentions(wanted, *texts(item))] if wanted else list(items)


def page(request: Request, items: Sequence[Item], render: Callable[[Item], Row]) -> Response:
    """The answer with the part of the items that a request asks for."""
    return JSONResponse(paged(request, items, render))


def paged(request: Request, items: Sequence[Item], render: Callable[[Item], Row]) -> dict[str, Any]:
    """The part of the items that a request asks for; the last part where it asks for what is behind."""
    limit = min(max(whole_number(request.query_params.get("limit")) or 50, 1), MOST_ROWS)
    skip = whole_number(request.query_params.get("skip")) or 0
    if skip >= len(items):
        skip = max(len(items) - 1, 0) // limit * limit
    return {"total": len(items), "skip": skip, "rows": [render(item) for item in items[skip : skip + limit]]}
