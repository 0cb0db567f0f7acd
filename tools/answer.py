"""ClickSend's answer, read in one place: what is in it, what it costs, and the ids it gives.

An answer may hold anything anywhere: whatever lacks the documented shape reads as None, or as empty. No reader raises.

Each limit, word and rule in these packages names its source: `documented` (ClickSend's API description, its developer
site or its SDK), `recorded` (seen in real answers), `other integrations` (read or handled by other people's code), or
`our rule`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from tools.money import amount

ACCEPTED: Final = "SUCCESS"  # the status of a message or letter that was accepted; documented
_ITEMS: Final = ("messages", "recipients")  # the lists that a send answers item by item; documented
_LONGEST_ID = 64  # characters; message ids have 36 (recorded), the bound is our rule
_MOST = 1_000_000  # of anything that is counted; our rule


@dataclass(frozen=True)
class Answer:
    """A JSON answer of ClickSend. `body`: all of it; `is_large`: too large to be worked on in the event loop."""

    body: Mapping[str, Any]
    is_large: bool = False

    @property
    def data(self) -> Any:
        """What was asked for: an object, a list or null (documented); None if it is missing."""
        return self.body.get("data")

    @property
    def fields(self) -> Mapping[str, Any]:
        """`data`, where it is an object."""
        return self.data if isinstance(self.data, Mapping) else {}

    @property
    def rows(self) -> list[Any] | None:
        """The rows of a page, the list `data` inside `data` (documented); None if there is no such list."""
        rows = self.fields.get("data")
        return rows if isinstance(rows, list) else None

    def items(self, name: str) -> list[Mapping[str, Any]] | None:
        """The objects in the list `name` of `data`; None if it is no such list, or holds anything else."""
        items = self.fields.get(name)
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            return None
        return items

    @property
    def campaign(self) -> Mapping[str, Any]:
        """A campaign: `data` (documented), or `sms_campaign` inside it (other integrations)."""
        inner = self.fields.get("sms_campaign")
        return inner if isinstance(inner, Mapping) and "sms_campaign_id" not in self.fields else self.fields

    @property
    def price(self) -> Decimal | None:
        """`total_price` in account currency: a number, text for campaigns (documented); None if it is no amount."""
        return amount(self.fields.get("total_price"))

    @property
    def currency(self) -> str | None:
        """The account's currency, 3 capital letters, from `_currency` (documented, recorded); None if it names none."""
        currency = self.fields.get("_currency")
        name = currency.get("currency_name_short") if isinstance(currency, Mapping) else None
        return name if isinstance(name, str) and re.fullmatch("[A-Z]{3}", name) else None

    @property
    def ids(self) -> list[str]:
        """The ids of the messages, letters or the campaign that it accepts (documented)."""
        if "sms_campaign_id" in self.campaign:
            return [number] if (number := id_of(self.campaign["sms_campaign_id"])) else []
        items = [item for name in _ITEMS for item in self.items(name) or []]
        return [
            number for item in items if item.get("status") == ACCEPTED and (number := id_of(item.get("message_id")))
        ]

    @property
    def contacts(self) -> int | None:
        """How many contacts its campaign goes to, from `_total_count` (documented); None if it names no count."""
        return count_of(self.campaign.get("_total_count"))

    def with_notes(self, **notes: Any) -> "Answer":
        """The answer with something of ours beside ClickSend's."""
        return replace(self, body={**self.body, **notes})


def id_of(value: object) -> str:
    """An id as text: letters, digits and hyphens, as ClickSend's are (recorded); "" for anything else."""
    text = str(value) if isinstance(value, str) or _is_whole(value) else ""
    return text if re.fullmatch(rf"[\w-]{{1,{_LONGEST_ID}}}", text, re.ASCII) else ""


def count_of(value: object) -> int | None:
    """A count from 0 to a million; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
