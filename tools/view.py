"""Pictures: what a host that can show one gets to see of an answer, worked out here so that a view only draws it.

Everything in a picture is JSON. Amounts are decimal text, days are ISO dates, and how a text is measured and marked is
said here once, by `schemas/sms_length.py`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from unicodedata import category, normalize

from schemas.base import Arguments
from schemas.sms_length import GSM_BASIC, GSM_EXTENDED, TextLength, measure
from tools.action import ViewOf
from tools.answer import ACCEPTED, Answer
from tools.money import amount

View = dict[str, Any]

_DIRECTIONS = ("outbound", "inbound", "bounced")  # documented
_MOST_DAYS = 400  # our rule; ClickSend gives 30 (documented)
_MOST_TEXTS = 5  # our rule
_MOST_NAMED = 20  # refused recipients, or characters that make a text Unicode; our rule
_LONGEST_NAME = 60  # characters; our rule
_SENDABLE = GSM_BASIC | GSM_EXTENDED
_PLACEHOLDER = re.compile(r"\((?:First Name|Last Name|Custom [1-4])\)")  # the first is documented, the others our rule
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")  # belong to the character before them, such as an emoji
# What word processors write, and what a phone network has for it; the rest follows from Unicode's own tables.
_INSTEAD = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc\u2039\u203a`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022\u00b7", "-"),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad", ""),
        "\t": " ",
        "\u00d7": "x",
        "\u2044": "/",
        "\u00a9": "(c)",
        "\u00ae": "(R)",
    }
)


def view_of(what: ViewOf, arguments: Arguments, answer: Answer) -> View | None:
    """The picture of a call; None if the answer has not the shape that can be shown."""
    of: dict[ViewOf, Callable[[Any, Answer], View | None]]
    of = {"statistics": _statistics, "messages": _messages, "campaign": _campaign}
    return of[what](arguments, answer)


# --- statistics ----------------------------------------------------------------------------------------


def _statistics(_: Arguments, answer: Answer) -> View | None:
    """Messages and their cost by day, and in total."""
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
    found = {name: _object(row.get(name)) for name in _DIRECTIONS}
    return {
        name: {"count": _whole(one.get("count")), "price": _text_of(amount(one.get("price")))}
        for name, one in found.items()
    }


def _day(seconds: object) -> str | None:
    moment = _moment(seconds)
    return None if moment is None else moment.date().isoformat()


# --- prices --------------------------------------------------------------------------------------------


@dataclass
class _Priced:
    """One text that goes to somebody, and what ClickSend says of each message with it."""

    body: str
    sender: str
    at: int | None
    recipients: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    prices: list[Decimal] = field(default_factory=list)
    parts: set[int] = field(default_factory=set)


def _messages(arguments: Any, answer: Answer) -> View | None:
    """The price of messages that each have their own text, recipient and status."""
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
        # Of a shortened answer, what ClickSend refused has stayed.
        "accepted": (len(arguments.messages) if left_out else len(rows)) - len(refused),
        "texts": [_message(text) for text in texts[:_MOST_TEXTS]],
        "more": {
            "texts": len(texts[_MOST_TEXTS:]),
            "messages": sum(len(text.recipients) + len(text.refused) for text in texts[_MOST_TEXTS:]),
        },
        "left_out": left_out,
    }


def _by_text(asked: Sequence[Any], rows: Iterable[Mapping[str, Any]]) -> list[_Priced]:
    """The texts that were asked about, each once, with what the answer says of them; last are those that nobody gets.

    Text comes from what was asked, as in an answer it may have been cut short; the order of rows is not documented.
    """
    texts: dict[tuple[str, str, int | None], _Priced] = {}
    waiting: dict[str, list[_Priced]] = {}
    for message in asked:
        key = (message.body, message.sender or "", message.schedule or None)
        text = texts.setdefault(key, _Priced(*key))
        text.recipients.append(message.to)
        waiting.setdefault(message.to, []).append(text)
    for row in rows:
        same = waiting.get(str(row.get("to")))
        if not same:
            continue
        text = next((one for one in same if one.body == row.get("body")), same[0])
        same.remove(text)
        if row.get("status") != ACCEPTED:
            text.recipients.remove(str(row.get("to")))
            text.refused.append(str(row.get("to")))
        else:
            text.prices += [price] if (price := amount(row.get("message_price"))) is not None else []
            text.parts |= {parts} if (parts := _whole(row.get("message_parts"))) else set()
    return sorted(texts.values(), key=lambda text: not text.recipients)


def _message(text: _Priced) -> View:
    recipients = text.recipients or text.refused
    each = [_text_of(price) for price in (min(text.prices), max(text.prices))] if text.prices else []
    return {
        **_measured(text.body, text.parts),
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
    total, count = answer.price, _whole(answer.fields.get("total_count"))
    if total is None:
        return None
    average = [_text_of((total / count).quantize(Decimal("0.0001")))] if count else []
    text = {
        **_measured(arguments.body, set()),
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


# --- texts ---------------------------------------------------------------------------------------------


def _measured(body: str, counted: set[int]) -> View:
    """A text in its parts, with what makes it Unicode marked. `counted`: the parts that ClickSend charges.

    Where ClickSend counts otherwise than we do, its number is shown, and the text without our cuts. In a script that
    can only be sent as Unicode, marks would tell nothing, and there is nothing to write instead.
    """
    length = measure(body)
    parts = max(counted, default=length.parts)
    clusters = list(_clusters(body))
    script = _is_in_its_own_script(clusters)

    def is_marked(cluster: str) -> bool:
        return not _is_sendable(cluster) and not (script and _visible(cluster) == cluster)

    foreign = Counter(filter(is_marked, clusters))
    plainer = measure(_plain(clusters)).parts
    return {
        "parts": [
            list(_runs(part, is_marked)) for part in (_cut(clusters, length) if parts == length.parts else [clusters])
        ],
        "part_count": parts,
        "unicode": length.unicode,
        "script": script,
        "units": length.units,
        "room": _room(length.unicode, length.parts),
        "foreign": [
            {"text": _visible(text), "instead": _instead(text), "count": count}
            for text, count in foreign.most_common(_MOST_NAMED)
        ],
        "could_be": plainer if plainer < min(parts, length.parts) else None,
    }


def _is_in_its_own_script(clusters: Sequence[str]) -> bool:
    """Whether a good part of the letters have no counterpart in the phone network's alphabet."""
    letters = [cluster for cluster in clusters if cluster[0].isalpha()]
    return 3 * sum(_instead(letter) is None for letter in letters if not _is_sendable(letter)) > len(letters)


def _room(unicode: bool, parts: int) -> int:
    """How many units fit into that many parts."""
    single, joined = (70, 67) if unicode else (160, 153)  # documented
    return single if parts == 1 else joined * parts


def _cut(clusters: Iterable[str], length: TextLength) -> list[list[str]]:
    """The characters of each part, as `measure` counts them; a cluster stands where its first character is sent."""
    width = _room(length.unicode, length.parts) // length.parts
    parts: list[list[str]] = [[] for _ in range(length.parts)]
    part = used = 0
    for cluster in clusters:
        begins_in = None
        for units in (_units(character, length.unicode) for character in cluster):
            if used + units > width:
                part, used = part + 1, 0
            used += units
            begins_in = part if begins_in is None else begins_in
        parts[begins_in or 0].append(cluster)
    return parts


def _units(character: str, unicode: bool) -> int:
    return 1 + (character > "\uffff" if unicode else character in GSM_EXTENDED)


def _clusters(body: str) -> Iterator[str]:
    """What people see as one character: an accent, joiner or selector stays with what it changes."""
    cluster = ""
    for character in body:
        joined = cluster and not cluster.isascii() and (character in _JOINERS or cluster[-1] == "\u200d")
        if joined or (cluster and cluster not in _SENDABLE_CONTROLS and category(character) in ("Mn", "Me")):
            cluster += character
            continue
        if cluster:
            yield cluster
        cluster = character
    if cluster:
        yield cluster


_SENDABLE_CONTROLS = frozenset("\n\r\f")


def _runs(clusters: Iterable[str], is_marked: Callable[[str], bool]) -> Iterator[View]:
    """Neighbours that are alike as one run."""
    for marked, run in groupby(clusters, is_marked):
        if marked:
            yield {"text": "".join(map(_visible, run)), "mark": True}
        else:
            yield {"text": "".join(run)}


def _is_sendable(cluster: str) -> bool:
    return all(character in _SENDABLE for character in cluster)


def _visible(cluster: str) -> str:
    """A marked character so that people see it: what has no shape, or would turn its surroundings, by its number."""
    if len(cluster) > 1 or (cluster.isprintable() and category(cluster) not in ("Mn", "Me")):
        return cluster
    return "\u00a0" if category(cluster) == "Zs" else f"U+{ord(cluster):04X}"


def _instead(cluster: str) -> str | None:
    """What to write for a character that forces Unicode; "" to leave it out, None where nothing obvious does."""
    composed = normalize("NFC", cluster).translate(_INSTEAD)
    compatible = normalize("NFKC", composed).translate(_INSTEAD)
    bare = "".join(one for one in normalize("NFD", compatible) if category(one) != "Mn")
    candidates = (composed, compatible, bare)
    return next((one for one in candidates if _is_sendable(one)), None)


def _plain(clusters: Iterable[str]) -> str:
    """The text with everything obvious written instead."""
    written = ((cluster, None if _is_sendable(cluster) else _instead(cluster)) for cluster in clusters)
    return "".join(cluster if instead is None else instead for cluster, instead in written)


# --- reading what ClickSend says, which may be anything ------------------------------------------------


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
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
