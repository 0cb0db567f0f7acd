"""The preview: what a person wants to know before something goes out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.fields import show
from schemas.text import GSM_BASIC, GSM_EXTENDED, measure
from server.cleaning import without_unseen
from tools.action import Action
from tools.outcome import total_price
from tools.reach import Outgoing

_NAMED = 10  # recipients that are named
_TEXTS = 5  # different texts that are shown
_LONGEST_TEXT = 1_600
_MOST_PARTS = 100  # of one message


@dataclass(frozen=True)
class Quote:
    """What ClickSend would charge, in the currency of the account; `parts` as it counts them, if it says."""

    cost: Decimal
    currency: str
    parts: int | None
    answer: Mapping[str, Any]


def quote_of(answer: Mapping[str, Any], asked: Mapping[str, Any] | None = None) -> Quote | None:
    """Read the answer of a price endpoint; None if it names no price, or not one for all of what was `asked`."""
    data = answer.get("data")
    cost = total_price(answer)
    if not isinstance(data, Mapping) or cost is None or not _covers(data, asked or {}):
        return None
    currency = data.get("_currency")
    unit = currency.get("currency_name_short") if isinstance(currency, Mapping) else None
    if not isinstance(unit, str) or not re.fullmatch("[A-Z]{3}", unit):
        unit = "of the account's currency"
    return Quote(cost, unit, _parts(data.get("messages")), answer)


def _covers(data: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a price mentions as many messages or letters as were asked about."""
    lists = [
        (asked[things], data[things]) for things in ("messages", "recipients") if things in asked and things in data
    ]
    return all(isinstance(told, list) and len(told) >= len(wanted) for wanted, told in lists)


def _parts(messages: object) -> int | None:
    if not isinstance(messages, list):
        return None
    parts = [message.get("message_parts") for message in messages if isinstance(message, Mapping)]
    return sum(part for part in parts if isinstance(part, int) and 0 <= part <= _MOST_PARTS)


def describe(action: Action, outgoing: Sequence[Outgoing], quote: Quote | None, account: str, whole: str = "") -> str:
    """Who, how many, from whom, when, what, how long and for how much; a line each.

    `whole` names the recipients where `outgoing` does not, such as a contact list.
    """
    senders = sorted({one.sender or "the shared number" for one in outgoing})
    times = sorted({show(one.at) if one.at else "now" for one in outgoing})
    lines = [
        f"{action.title} from the account {account}",
        f"To: {whole or _recipients(outgoing)}",
        f"From: {', '.join(senders)}",
        f"When: {', '.join(times[:_TEXTS])}{' and other times' if len(times) > _TEXTS else ''}",
        *_texts(outgoing),
        *_about(outgoing),
    ]
    if quote is not None:
        parts = f", {quote.parts} {'part' if quote.parts == 1 else 'parts'}" if quote.parts else ""
        lines.append(f"Price: {quote.cost} {quote.currency}{parts}")
    return "\n".join(lines)


def _recipients(outgoing: Sequence[Outgoing]) -> str:
    named = [one.to or f"a letter to {one.country}" for one in outgoing[:_NAMED]]
    more = f" and {len(outgoing) - _NAMED} more" if len(outgoing) > _NAMED else ""
    return f"{len(outgoing)}: {', '.join(named)}{more}"


def _texts(outgoing: Sequence[Outgoing]) -> list[str]:
    texts = list(dict.fromkeys(one.text for one in outgoing))
    lines = [f"Text: {_cut(text)}{_length(text)}" for text in texts[:_TEXTS]]
    return [*lines, f"and {len(texts) - _TEXTS} other texts"] if len(texts) > _TEXTS else lines


def _about(outgoing: Sequence[Outgoing]) -> list[str]:
    """What else there is to know, such as a picture or an addressee."""
    known = list(dict.fromkeys(one.about for one in outgoing if one.about))
    lines = [f"Also: {_cut(about)}" for about in known[:_NAMED]]
    return [*lines, f"and {len(known) - _NAMED} more"] if len(known) > _NAMED else lines


def _cut(text: str) -> str:
    """A text, its further lines set in, so that none can be taken for a line of the preview."""
    shown = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return "\n      ".join(without_unseen(shown).splitlines())


def _visible(character: str) -> str:
    return character if character.isprintable() and without_unseen(character) else f"U+{ord(character):04X}"


def _length(text: str) -> str:
    """What a text costs in parts, and which characters make it Unicode: a curly quote can double the price."""
    length = measure(text)
    special = dict.fromkeys(_visible(character) for character in text if character not in GSM_BASIC | GSM_EXTENDED)
    forced = f", Unicode because of {' '.join(list(special)[:20])}" if length.unicode else ""
    return f" ({length.parts} {'part' if length.parts == 1 else 'parts'} each{forced})"
