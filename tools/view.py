"""Views: what a host that shows views displays of an answer, worked out here for a page that only draws it.

A view is JSON. Amounts are decimal text in account currency, days are ISO dates in UTC, times are ISO 8601. How a text
is cut and marked is worked out in `tools/text_view.py`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from schemas.base import Arguments
from tools.action import ViewOf
from tools.answer import ACCEPTED, Answer
from tools.money import amount
from tools.text_view import View, text_view

_DIRECTIONS = ("outbound", "inbound", "bounced")  # documented
_MOST_DAYS = 400  # our rule; ClickSend gives 30 (documented)
_MOST_TEXTS = 5  # our rule
_MOST_NAMED = 20  # refused recipients; our rule
_LONGEST_NAME = 60  # characters; our rule
_PLACEHOLDER = re.compile(r"\((?:First Name|Last Name|Custom [1-4])\)")  # the first is documented, the others our rule


def view_of(kind: ViewOf, arguments: Arguments, answer: Answer) -> View | None:
    """The view of a call as JSON; None if the answer lacks the documented shape. Never raises."""
    views: dict[ViewOf, Callable[[Any, Answer], View | None]]
    views = {"statistics": _statistics, "messages": _messages, "campaign": _campaign}
    return views[kind](arguments, answer)


# --- statistics ----------------------------------------------------------------------------------------


def _statistics(_: Arguments, answer: Answer) -> View | None:
    """Messages and their cost, by day and in total."""
    data = answer.fields
    rows = data.get("stats", data.get("stat"))  # the second name is in older descriptions of the API; documented
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    days = [{"date": day, **_counts(row)} for row in rows[-_MOST_DAYS:] if (day := _day(row.get("date")))]
    return {
        "kind": "statistics",
        "currency": _short(answer.currency or ""),
        "total": _counts(_object(data.get("total"))),
        "days": days,
        "left_out": _left_out(answer),
    }


def _counts(row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    totals = {name: _object(row.get(name)) for name in _DIRECTIONS}
    return {
        name: {"count": _count(total.get("count")), "price": _text_of(amount(total.get("price")))}
        for name, total in totals.items()
    }


def _day(seconds: object) -> str | None:
    moment = _moment(seconds)
    return None if moment is None else moment.date().isoformat()


# --- prices --------------------------------------------------------------------------------------------


@dataclass
class _Priced:
    """One text, and what ClickSend says of each message that carries it."""

    body: str
    sender: str
    at: int | None
    recipients: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    prices: list[Decimal] = field(default_factory=list)
    parts: set[int] = field(default_factory=set)


def _messages(arguments: Any, answer: Answer) -> View | None:
    """The price of messages, each with its own text, recipient and status."""
    rows = answer.items("messages")
    if rows is None:
        return None
    refused = [row for row in rows if row.get("status") != ACCEPTED]
    texts = _by_text(arguments.messages, rows)
    left_out = _left_out(answer)
    return {
        "kind": "price",
        "currency": _short(answer.currency or ""),
        "total": _text_of(answer.price),
        "messages": len(arguments.messages),
        "refused": [
            {"to": _short(row.get("to")), "status": _short(row.get("status"))} for row in refused[:_MOST_NAMED]
        ],
        "refused_count": len(refused),
        # A shortened answer still has all that ClickSend refused.
        "accepted": (len(arguments.messages) if left_out else len(rows)) - len(refused),
        "texts": [_message(text) for text in texts[:_MOST_TEXTS]],
        "more": {
            "texts": len(texts[_MOST_TEXTS:]),
            "messages": sum(len(text.recipients) + len(text.refused) for text in texts[_MOST_TEXTS:]),
        },
        "left_out": left_out,
    }


def _by_text(asked: Sequence[Any], rows: Iterable[Mapping[str, Any]]) -> list[_Priced]:
    """Each text that was asked about, with what the answer says of it; texts that nobody gets come last.

    The text is that of the call, as the answer may have it shortened. The order of an answer's rows is not documented.
    """
    texts: dict[tuple[str, str, int | None], _Priced] = {}
    waiting: dict[str, list[_Priced]] = {}
    for message in asked:
        key = (message.body, message.sender or "", message.schedule or None)
        text = texts.setdefault(key, _Priced(*key))
        text.recipients.append(message.to)
        waiting.setdefault(message.to, []).append(text)
    for row in rows:
        candidates = waiting.get(str(row.get("to")))
        if not candidates:
            continue
        text = next((candidate for candidate in candidates if candidate.body == row.get("body")), candidates[0])
        candidates.remove(text)
        if row.get("status") != ACCEPTED:
            text.recipients.remove(str(row.get("to")))
            text.refused.append(str(row.get("to")))
        else:
            text.prices += [price] if (price := amount(row.get("message_price"))) is not None else []
            text.parts |= {parts} if (parts := _count(row.get("message_parts"))) else set()
    return sorted(texts.values(), key=lambda text: not text.recipients)


def _message(text: _Priced) -> View:
    recipients = text.recipients or text.refused
    each = [_text_of(price) for price in (min(text.prices), max(text.prices))] if text.prices else []
    return {
        **text_view(text.body, text.parts),
        "to": recipients[:3],
        "count": len(recipients),
        "refused": not text.recipients,
        "from": text.sender,
        "at": _time(text.at),
        "each": each,
        "sum": _text_of(sum(text.prices, Decimal(0))) if len(text.prices) == len(recipients) else None,
    }


def _campaign(arguments: Any, answer: Answer) -> View | None:
    """The price of one text to a whole contact list, for which ClickSend gives the total alone (documented)."""
    total, count = answer.price, _count(answer.fields.get("total_count"))
    if total is None:
        return None
    average = [_text_of((total / count).quantize(Decimal("0.0001")))] if count else []
    text = {
        **text_view(arguments.body, set()),
        "to": [],
        "count": count,
        "refused": False,
        "from": arguments.sender or "",
        "at": _time(arguments.schedule or None),
        "each": average,
        "sum": None,
        "average": True,
        "placeholders": bool(_PLACEHOLDER.search(arguments.body)),
    }
    return {
        "kind": "price",
        "campaign": arguments.name,
        "currency": _short(answer.currency or ""),
        "total": _text_of(total),
        "messages": count,
        "refused": [],
        "refused_count": 0,
        "accepted": count,
        "texts": [text],
        "more": {"texts": 0, "messages": 0},
        "left_out": _left_out(answer),
    }


# --- reading an answer, which may hold anything --------------------------------------------------------


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text_of(money: Decimal | None) -> str | None:
    return None if money is None else f"{money:f}"


def _left_out(answer: Answer) -> str | None:
    note = answer.body.get("_left_out")
    return str(note) if note else None


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _time(seconds: int | None) -> str | None:
    moment = _moment(seconds)
    return None if moment is None else moment.isoformat()


def _short(text: object) -> str:
    return str(text)[:_LONGEST_NAME]
