"""The preview of a call: what a person wants to know before something goes out."""

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

_NAMED = 10  # recipients, or further facts, that are named; our rule
_TEXTS = 5  # different texts that are shown; our rule
_MOST_PARTS = 100  # of one message; our rule, ClickSend sends at most 8 (documented)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # some hosts show questions in a terminal
_IN_LINES = ("to", "from", "body", "schedule", "list_id", "file_url")  # fields with a line of their own


@dataclass(frozen=True)
class Quote:
    """What ClickSend would charge, in account currency; `parts` as it counts them, None if it does not say."""

    cost: Decimal
    currency: str
    parts: int | None
    answer: Answer


def quote_of(answer: Answer, body: Mapping[str, Any] | None = None) -> Quote | None:
    """Read the answer of a price endpoint; None if it names no price for all of the request's `body`."""
    if answer.price is None or not _covers(answer.fields, body or {}):
        return None
    unit = answer.currency or "of the account's currency"
    return Quote(answer.price, unit, _parts(answer.fields.get("messages")), answer)


def _covers(data: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a price lists as many messages or letters as the request."""
    lists = [(items, data[name]) for name, items in body.items() if isinstance(items, list) and name in data]
    return all(isinstance(priced, list) and len(priced) >= len(items) for items, priced in lists)


def _parts(messages: object) -> int | None:
    if not isinstance(messages, list):
        return None
    parts = [message.get("message_parts") for message in messages if isinstance(message, Mapping)]
    return sum(part for part in parts if isinstance(part, int) and 0 <= part <= _MOST_PARTS)


def describe(
    action: Action,
    messages: Sequence[OutboundMessage],
    quote: Quote | None,
    account: str,
    list_label: str = "",
    request: Request | None = None,
) -> str:
    """Recipients, sender, time, text, length and price; a line each.

    `list_label` names the recipients of a contact list, which `messages` do not. With the `request` each field of it is
    shown; without it much is counted rather than named.
    """
    lines = [f"{action.title} from the account {account}"]
    if request is not None:
        alike: dict[tuple[str, int | None, str], list[OutboundMessage]] = {}
        for message in messages:
            alike.setdefault((message.sender, message.at, message.text), []).append(message)
        for group in alike.values():
            lines += _who_gets_what(group, list_label, len(group))
        lines += _details(request)
    else:
        lines += [*_who_gets_what(messages, list_label, _NAMED), *_about(messages)]
    if quote is not None:
        parts = f", {quote.parts} {'part' if quote.parts == 1 else 'parts'}" if quote.parts else ""
        lines.append(f"Price: {quote.cost} {quote.currency}{parts}")
    return "\n".join(lines)


def _who_gets_what(messages: Sequence[OutboundMessage], list_label: str, most: int) -> list[str]:
    senders = sorted({message.sender or "the shared number" for message in messages})
    times = sorted({format_utc(message.at) if message.at else "now" for message in messages})
    more = " and other times" if len(times) > _TEXTS else ""
    return [
        f"To: {list_label or _recipients(messages, most)}",
        f"From: {', '.join(senders)}",
        f"When: {', '.join(times[:_TEXTS])}{more}",
        *_texts(messages),
    ]


def describe_request(action: Action, request: Request) -> str:
    """All values of a request that sends nothing."""
    values = {**_in_path(request), **(request.body or {})}
    return f"{action.title} {_clean(json.dumps(values, ensure_ascii=False, separators=(',', ':')))}"


def _details(request: Request) -> list[str]:
    """The remaining fields of a request, a line each: first those of all items, then those of single ones."""
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
            recipient = _clean(str(item.get("to") or item.get("address_name") or ""))
            lines += [f"Also for {recipient}: {field}" for field in fields]
    return lines


def _fields(values: Mapping[str, Any]) -> list[str]:
    shown = ((name, value) for name, value in values.items() if name not in _IN_LINES and value not in (None, ""))
    return [f"{name} {_clean(str(value))}" for name, value in shown]


def _in_path(request: Request) -> dict[str, int | str]:
    """The values in the path of a request, by their names."""
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", request.template)
    match = re.fullmatch(pattern, request.path)
    values = match.groupdict() if match else {}
    return {name: int(value) if value.isdecimal() else value for name, value in values.items()}


def _recipients(messages: Sequence[OutboundMessage], most: int) -> str:
    named = [message.to or f"a letter to {message.country}" for message in messages[:most]]
    more = f" and {len(messages) - most} more" if len(messages) > most else ""
    return f"{len(messages)}: {', '.join(named)}{more}"


def _texts(messages: Sequence[OutboundMessage]) -> list[str]:
    texts = list(dict.fromkeys(message.text for message in messages))
    lines = [f"Text: {_clean(text)}{_length(text)}" for text in texts[:_TEXTS]]
    return [*lines, f"and {len(texts) - _TEXTS} other texts"] if len(texts) > _TEXTS else lines


def _about(messages: Sequence[OutboundMessage]) -> list[str]:
    """Further facts, such as a picture or an addressee."""
    facts = list(dict.fromkeys(message.about for message in messages if message.about))
    lines = [f"Also: {_clean(fact)}" for fact in facts[:_NAMED]]
    return [*lines, f"and {len(facts) - _NAMED} more"] if len(facts) > _NAMED else lines


def _clean(text: str) -> str:
    """A text without invisible and control characters; its further lines are indented, to forge no line of ours."""
    return "\n      ".join(_CONTROL.sub("", line) for line in strip_invisible(text).splitlines())


def _visible(character: str) -> str:
    return character if character.isprintable() and strip_invisible(character) else f"U+{ord(character):04X}"


def _length(text: str) -> str:
    """A text's number of parts, and the characters that make it Unicode: a curly quote can double the price."""
    length = measure(text)
    special = dict.fromkeys(_visible(character) for character in text if character not in GSM_BASIC | GSM_EXTENDED)
    forced = f", Unicode because of {' '.join(list(special)[:20])}" if length.unicode else ""
    return f" ({length.parts} {'part' if length.parts == 1 else 'parts'} each{forced})"
