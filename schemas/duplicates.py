"""Duplicates in one call: the same thing to the same person twice is a slip, unless a reference makes it deliberate.

Our rule throughout: ClickSend may send and charge both.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from schemas.explain import positions
from schemas.phone import phone_key
from schemas.problem import Problem

_LONGEST = 80  # characters of positions in a message; our rule
_MOST_SCATTERED = 15  # positions that are listed where they join into no runs; our rule


def same_messages(messages: Iterable[Any], *texts: str) -> Iterator[Problem]:
    """Messages to one phone, however its number is spelled, that agree in every field named by `texts`.

    Each must have `to`, in E.164, and `custom_string`.
    """

    def key(message: Any) -> Hashable:
        return (phone_key(message.to), message.custom_string, *(_words(getattr(message, text)) for text in texts))

    return _repeated("messages", messages, key, "say the same to one phone")


def same_letters(recipients: Iterable[Any]) -> Iterator[Problem]:
    """Letters to one address, whatever the case and the layout of its lines; one call has one file for all."""
    lines = ("name", "line_1", "line_2", "city", "state", "postal_code", "country")

    def key(recipient: Any) -> Hashable:
        address = (_words(getattr(recipient, f"address_{line}") or "").casefold() for line in lines)
        return (recipient.custom_string, *address)

    return _repeated("recipients", recipients, key, "go to the same address")


def _repeated(field: str, items: Iterable[Any], key: Callable[[Any], Hashable], complaint: str) -> Iterator[Problem]:
    groups: dict[Hashable, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(key(item), []).append(position)
    for group in groups.values():
        if len(group) > 1:
            reason = f"{complaint}: keep one of them, or give each its own custom_string if all are meant"
            yield Problem((f"{field}{_bounded(group)}",), reason)


def _bounded(group: list[int]) -> str:
    """The positions of a group; if they are many and scattered, the first of them."""
    joined = positions(group)
    return joined if len(joined) <= _LONGEST else f"{positions(group[:_MOST_SCATTERED])[:-1]},...]"


def _words(text: str) -> str:
    """A text with each run of white space as one blank: layout does not make another text."""
    return " ".join(text.split())
