"""ClickSend's answer, read in one place: what is in it, what it costs, and the ids it gives.

An answer may hold anything anywhere. What has not the shape that is documented reads as None, or as empty.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from tools.money import amount

ACCEPTED: Final = "SUCCESS"  # the status of a message or letter that was accepted (documented)
_ITEMS: Final = ("messages", "recipients")  # what a send answers one by one
_LONGEST_ID = 64
_MOST = 1_000_000  # of anything that is counted


@dataclass(frozen=True)
class Answer:
    """A JSON answer of ClickSend. `body`: the whole of it; `is_large`: too large to be worked on in the event loop."""

    body: Mapping[str, Any]
    is_large: bool = False

    @property
    def data(self) -> Any:
        """What was asked for."""
        return self.body.get("data")

    @property
    def fields(self) -> Mapping[str, Any]:
        """`data`, where it is an object."""
        return self.data if isinstance(self.data, Mapping) else {}

    @property
    def rows(self) -> list[Any] | None:
        """The rows of a page, which is a list inside `data`; None where there is none."""
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
        """A campaign: `data` (documented), or `sms_campaign` in that (read by other integrations)."""
        inner = self.fields.get("sms_campaign")
        return inner if isinstance(inner, Mapping) and "sms_campaign_id" not in self.fields else self.fields

    @property
    def price(self) -> Decimal | None:
        """What all of it costs, in account currency; None if it does not say."""
        return amount(self.fields.get("total_price"))

    @property
    def currency(self) -> str | None:
        """The account's currency, 3 capital letters; None if it does not say."""
        currency = self.fields.get("_currency")
        name = currency.get("currency_name_short") if isinstance(currency, Mapping) else None
        return name if isinstance(name, str) and re.fullmatch("[A-Z]{3}", name) else None

    @property
    def ids(self) -> list[str]:
        """The ids of what it accepts, of messages, letters or a campaign."""
        if "sms_campaign_id" in self.campaign:
            return [number] if (number := id_of(self.campaign["sms_campaign_id"])) else []
        items = [item for name in _ITEMS for item in self.items(name) or []]
        return [
            number for item in items if item.get("status") == ACCEPTED and (number := id_of(item.get("message_id")))
        ]

    @property
    def contacts(self) -> int | None:
        """How many contacts its campaign goes to; None if it does not say."""
        return count_of(self.campaign.get("_total_count"))

    def with_notes(self, **notes: Any) -> "Answer":
        """The answer with something of ours beside ClickSend's."""
        return replace(self, body={**self.body, **notes})


def id_of(value: object) -> str:
    """An id as text: letters, digits and hyphens, as ClickSend's are; "" for whatever else."""
    text = str(value) if isinstance(value, str) or _is_whole(value) else ""
    return text if re.fullmatch(rf"[\w-]{{1,{_LONGEST_ID}}}", text, re.ASCII) else ""


def count_of(value: object) -> int | None:
    """A number of things; None for whatever cannot be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
