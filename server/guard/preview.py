"""The preview: what a person wants to know before something goes out."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.fields.times import format_utc
from schemas.sms_length import GSM_BASIC, GSM_EXTENDED, measure
from server.clicksend.sanitize import strip_invisible
from tools.action import Action
from tools.answer import Answer
from tools.audience import OutboundMessage
from tools.route import Request

_NAMED = 10  # recipients that are named; our rule
_TEXTS = 5  # different texts that are shown; our rule
_MOST_PARTS = 100  # of one message; our rule, ClickSend sends at most 8 (documented)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # some hosts show questions in a terminal
_IN_LINES = ("to", "from", "body", "schedule", "list_id", "file_url")  # which have a line of their own


@dataclass(frozen=True)
class Quote:
    """What ClickSend would charge, in the currency of the account; `parts` as it counts them, if it says."""

    cost: Decimal
    currency: str
    parts: int | None
    answer: Answer


def quote_of(answer: Answer, asked: Mapping[str, Any] | None = None) -> Quote | None:
    """Read the answer of a price endpoint; None if it names no price, or not one for all of what was `asked`."""
    if answer.price is None or not _covers(answer.fields, asked or {}):
        return None
    unit = answer.currency or "of the account's currency"
    return Quote(answer.price, unit, _parts(answer.fields.get("messages")), answer)


def _covers(data: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a price mentions as many messages or letters as were asked about."""
    lists = [(wanted, data[name]) for name, wanted in asked.items() if isinstance(wanted, list) and name in data]
    return all(isinstance(priced, list) and len(priced) >= len(wanted) for wanted, priced in lists)


def _parts(messages: object) -> int | None:
    if not isinstance(messages, list):
        return None
    parts = [message.get("message_parts") for message in messages if isinstance(message, Mapping)]
    return sum(part for part in parts if isinstance(part, int) and 0 <= part <= _MOST_PARTS)


def describe(
    action: Action,
    outgoing: Sequence[OutboundMessage],
    quote: Quote | None,
    account: str,
    whole: str = "",
    request: Request | None = None,
) -> str:
    """Who, how many, from whom, when, what, how long and for how much; a line each.

    `whole` names the recipients where `outgoing` does not, such as a contact list. With the `request` nothing that
    leaves is left out; without it much is counted rather than named.
    """
    lines = [f"{action.title} from the account {account}"]
    if request is not None:
        alike: dict[tuple[str, int | None, str], list[OutboundMessage]] = {}
        for one in outgoing:
            alike.setdefault((one.sender, one.at, one.text), []).append(one)
        for group in alike.values():
            lines += _who_gets_what(group, whole, len(group))
        lines += _details(request)
    else:
        lines += [*_who_gets_what(outgoing, whole, _NAMED), *_about(outgoing)]
    if quote is not None:
        parts = f", {quote.parts} {'part' if quote.parts == 1 else 'parts'}" if quote.parts else ""
        lines.append(f"Price: {quote.cost} {quote.currency}{parts}")
    return "\n".join(lines)


def _who_gets_what(outgoing: Sequence[OutboundMessage], whole: str, most: int) -> list[str]:
    senders = sorted({one.sender or "the shared number" for one in outgoing})
    times = sorted({format_utc(one.at) if one.at else "now" for one in outgoing})
    more = " and other times" if len(times) > _TEXTS else ""
    return [
        f"To: {whole or _recipients(outgoing, most)}",
        f"From: {', '.join(senders)}",
        f"When: {', '.join(times[:_TEXTS])}{more}",
        *_texts(outgoing),
    ]


def describe_request(action: Action, request: Request) -> str:
    """All that a request consists of, for what sends nothing."""
    values = {**_in_path(request), **(request.body or {})}
    return f"{action.title} {_clean(json.dumps(values, ensure_ascii=False, separators=(',', ':')))}"


def _details(request: Request) -> list[str]:
    """What leaves beside recipients, sender, time and text, a line a field: what all share, and what each has alone."""
    body = request.body or {}
    shared = {**_in_path(request), **{name: value for name, value in body.items() if not isinstance(value, list)}}
    lines = [f"Also: {field}" for field in _fields(shared)]
    for value in body.values():
        items = [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
        own = [_fields(item) for item in items]
        if own and all(fields == own[0] for fields in own):
            lines += [f"Also: {field}" for field in own[0]]
            continue
        for item, fields in zip(items, own, strict=True):
            who = _clean(str(item.get("to") or item.get("address_name") or ""))
            lines += [f"Also for {who}: {field}" for field in fields]
    return lines


def _fields(values: Mapping[str, Any]) -> list[str]:
    shown = ((name, value) for name, value in values.items() if name not in _IN_LINES and value not in (None, ""))
    return [f"{name} {_clean(str(value))}" for name, value in shown]


def _in_path(request: Request) -> dict[str, int | str]:
    """The values in the path of a request, by their names."""
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", request.template)
    found = re.fullmatch(pattern, request.path)
    values = found.groupdict() if found else {}
    return {name: int(value) if value.isdecimal() else value for name, value in values.items()}


def _recipients(outgoing: Sequence[OutboundMessage], most: int) -> str:
    named = [one.to or f"a letter to {one.country}" for one in outgoing[:most]]
    more = f" and {len(outgoing) - most} more" if len(outgoing) > most else ""
    return f"{len(outgoing)}: {', '.join(named)}{more}"


def _texts(outgoing: Sequence[OutboundMessage]) -> list[str]:
    texts = list(dict.fromkeys(one.text for one in outgoing))
    lines = [f"Text: {_clean(text)}{_length(text)}" for text in texts[:_TEXTS]]
    return [*lines, f"and {len(texts) - _TEXTS} other texts"] if len(texts) > _TEXTS else lines


def _about(outgoing: Sequence[OutboundMessage]) -> list[str]:
    """What else there is to know, such as a picture or an addressee."""
    known = list(dict.fromkeys(one.about for one in outgoing if one.about))
    lines = [f"Also: {_clean(about)}" for about in known[:_NAMED]]
    return [*lines, f"and {len(known) - _NAMED} more"] if len(known) > _NAMED else lines


def _clean(text: str) -> str:
    """A text without what nobody sees, its further lines set in, so that none can be taken for a line of ours."""
    return "\n      ".join(_CONTROL.sub("", line) for line in strip_invisible(text).splitlines())


def _visible(character: str) -> str:
    return character if character.isprintable() and strip_invisible(character) else f"U+{ord(character):04X}"


def _length(text: str) -> str:
    """What a text costs in parts, and which characters make it Unicode: a curly quote can double the price."""
    length = measure(text)
    special = dict.fromkeys(_visible(character) for character in text if character not in GSM_BASIC | GSM_EXTENDED)
    forced = f", Unicode because of {' '.join(list(special)[:20])}" if length.unicode else ""
    return f" ({length.parts} {'part' if length.parts == 1 else 'parts'} each{forced})"
