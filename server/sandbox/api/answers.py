"""What operations receive and return: the call, the envelope, refusals and pages."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from server.sandbox.state.models import Account
from server.sandbox.state.world import World

DEFAULT_LIMIT = 15
MAX_LIMIT = 100
SUBSTRING_FIELDS = frozenset({"body", "name", "list_name", "template_name"})

Item = TypeVar("Item")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request to the API."""

    world: World
    account: Account
    path: Mapping[str, str]  # the values of its placeholders
    query: Mapping[str, str]
    body: dict[str, Any]
    origin: str  # "http://host:port", as the client wrote it
    url: str  # origin and path, without the query

    def path_id(self, name: str) -> int:
        """An id in the path; 0, which no record has, if it is not a number."""
        return whole_number(self.path[name]) or 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The data of a successful operation, and what runs once the answer has been sent."""

    data: Any
    message: str = "Done."
    afterwards: Callable[[], Awaitable[None]] | None = None


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is refused as a whole; its data is null, as recorded from the live service."""

    status: int
    code: str | int
    message: str
    headers: dict[str, str] = field(default_factory=dict)


def bad_request(message: str, code: str | int = "BAD_REQUEST") -> Refusal:
    """HTTP 400."""
    return Refusal(400, code, message)


def forbidden(message: str) -> Refusal:
    """HTTP 403, for contact lists that do not exist or belong to another account."""
    return Refusal(403, "FORBIDDEN", message)


def not_found(message: str) -> Refusal:
    """HTTP 404."""
    return Refusal(404, "NOT_FOUND", message)


Handler = Callable[[Call], Answer]
Operation = tuple[str, str, Handler]  # method, path


def envelope(status: int, code: str | int, message: str, data: Any) -> Row:
    """The four fields of every answer."""
    return {"http_code": status, "response_code": code, "response_msg": message, "data": data}


def whole_number(value: object) -> int | None:
    """An integer, or one written in digits; None for anything else, booleans included."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value, re.ASCII):
        return int(value)
    return None


def text_of(body: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    """A text in a body. Raises Refusal (400) if it is not a text, or is absent without a default."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise bad_request(f"{name} must be a text.")
    return value


def required_text(body: Mapping[str, Any], name: str) -> str:
    """A text in a body. Raises Refusal (400) if it is not a text, absent or blank."""
    value = text_of(body, name)
    if not value.strip():
        raise bad_request(f"{name} must not be empty.")
    return value


def file_type(url: str) -> str | None:
    """The file extension in a web address, such as ".pdf" or ""; None if it is not a web address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    is_web_address = parts.scheme in ("http", "https") and bool(parts.netloc)
    return PurePosixPath(parts.path).suffix.lower() if is_web_address else None


def send_time(schedule: object, now: int) -> int | None:
    """When something with this schedule is sent: now if it is absent, 0 or past; None if it is not a time."""
    if schedule is None or schedule == "":
        return now
    moment = whole_number(schedule)
    return None if moment is None else max(moment, now)


def date_range(call: Call) -> tuple[float, float]:
    """The first and last moment, inclusive, from `date_from` and `date_to`. Raises Refusal (400)."""
    bounds = {"date_from": -math.inf, "date_to": math.inf}
    for name in bounds:
        if value := call.query.get(name):
            moment = whole_number(value)
            if moment is None:
                raise bad_request(f"{name} must be in Unix seconds.")
            bounds[name] = moment
    return bounds["date_from"], bounds["date_to"]


def listing(
    call: Call,
    items: Sequence[Item],
    render: Callable[[Item], Row],
    *,
    fields: Mapping[str, str] | None = None,
    min_limit: int = 1,
) -> Row:
    """The page of items that the query requests, searched by `q` and sorted by `order_by`. Raises Refusal (400).

    `fields` maps the names that the query may use to keys of a rendered row. Without `order_by` the items keep their
    order. Ids, states and numbers match as a whole, names and bodies in part; case does not matter. The rule of the
    live service is unknown.
    """
    if fields and (query := call.query.get("q")):
        matches = _matcher(query, call.query.get("operator", "AND"), fields)
        items = [item for item in items if matches(render(item))]
    if fields and (order := call.query.get("order_by")):
        key, descending = _order(order, fields)
        items = sorted(items, key=lambda item: _sortable(render(item)[key]), reverse=descending)
    return _page(call, items, render, min_limit)


def _matcher(query: str, operator: str, fields: Mapping[str, str]) -> Callable[[Row], bool]:
    # A comma separates conditions only before a known field and a colon.
    names = "|".join(map(re.escape, fields))
    conditions = [part.partition(":") for part in re.split(rf",(?=(?:{names}):)", query)]
    for name, colon, _ in conditions:
        if not colon or name not in fields:
            raise bad_request(f"q cannot search in {name!r}.")
    combine = any if operator.upper() == "OR" else all

    def matches(row: Row) -> bool:
        return combine(_matches(name, term, row[fields[name]]) for name, _, term in conditions)

    return matches


def _matches(name: str, term: str, value: object) -> bool:
    text = "" if value is None else str(value).casefold()
    term = term.strip().casefold()
    return not term or (term in text if name in SUBSTRING_FIELDS else term == text)


def _order(order: str, fields: Mapping[str, str]) -> tuple[str, bool]:
    name, _, direction = order.partition(":")
    if name not in fields or direction not in ("", "asc", "desc"):
        raise bad_request(f"order_by cannot be {order!r}.")
    return fields[name], direction == "desc"


def _sortable(value: Any) -> tuple[bool, Any]:
    return value is not None, value


def _page(call: Call, items: Sequence[Item], render: Callable[[Item], Row], min_limit: int) -> Row:
    limit = whole_number(call.query.get("limit")) or DEFAULT_LIMIT
    limit = min(max(limit, min_limit), MAX_LIMIT)
    page = whole_number(call.query.get("page")) or 1
    total = len(items)
    last = math.ceil(total / limit)  # 0 for an empty result, as recorded
    start = (page - 1) * limit
    rows = [render(item) for item in items[start : start + limit]]
    return {
        "total": total,
        "per_page": limit,
        "current_page": page,
        "last_page": last,
        "next_page_url": f"{call.url}?page={page + 1}" if page < last else None,
        "prev_page_url": f"{call.url}?page={page - 1}" if page > 1 else None,
        "from": start + 1 if rows else None,
        "to": start + len(rows) if rows else None,
        "data": rows,
    }


def with_links(call: Call, page: Row) -> Row:
    """A page with the additional links that contact lists and automations have."""
    current, last = page["current_page"], max(page["last_page"], 1)
    numbered = [_link(f"{call.url}?page={number}", str(number), number, current) for number in range(1, last + 1)]
    previous = _link(page["prev_page_url"], "&laquo; Previous", current - 1 if current > 1 else None, current)
    following = _link(page["next_page_url"], "Next &raquo;", current + 1 if current < last else None, current)
    return page | {
        "first_page_url": f"{call.url}?page=1",
        "last_page_url": f"{call.url}?page={last}",
        "path": call.url,
        "links": [previous, *numbered, following],
    }


def _link(url: str | None, label: str, page: int | None, current: int) -> Row:
    return {"url": url, "label": label, "page": page, "active": page == current}
