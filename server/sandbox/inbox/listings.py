"""What the listings of the page share: the account, the search and the paging."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.sandbox.api.answers import Row, whole_number
from server.sandbox.state.models import Account
from server.sandbox.state.world import World

Item = TypeVar("Item")

MAX_ROWS = 200  # per answer
DEFAULT_ROWS = 50


def chosen_account(world: World, request: Request) -> Account:
    """The account that the page shows; the ordinary one if the requested one does not exist."""
    return world.accounts.get(request.query_params.get("account", "")) or world.accounts[world.username]


def search_text(request: Request) -> str:
    """The text that a request searches for, case-folded; empty for everything."""
    return request.query_params.get("q", "").strip().casefold()


def mentions(query: str, *texts: str | None) -> bool:
    """Whether one of the texts contains a case-folded query."""
    return any(text and query in text.casefold() for text in texts)


def search(request: Request, items: Iterable[Item], texts: Callable[[Item], Iterable[str | None]]) -> list[Item]:
    """The items with the text that a request searches for in one of their texts."""
    query = search_text(request)
    return [item for item in items if mentions(query, *texts(item))] if query else list(items)


def page(request: Request, items: Sequence[Item], render: Callable[[Item], Row]) -> Response:
    """An answer with the requested part of the items."""
    return JSONResponse(paged(request, items, render))


def paged(request: Request, items: Sequence[Item], render: Callable[[Item], Row]) -> dict[str, Any]:
    """The requested part of the items; the last part if the request skips them all."""
    limit = min(max(whole_number(request.query_params.get("limit")) or DEFAULT_ROWS, 1), MAX_ROWS)
    skip = whole_number(request.query_params.get("skip")) or 0
    if skip >= len(items):
        skip = max(len(items) - 1, 0) // limit * limit
    return {"total": len(items), "skip": skip, "rows": [render(item) for item in items[skip : skip + limit]]}
