"""The same thing to the same person twice in one call, which is a slip unless a reference says that it is meant."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from schemas.base import Problem
from schemas.explain import positions
from schemas.phone import phone_key

_LONGEST = 80  # characters
_TOLD = 15  # positions


def same_messages(messages: Iterable[Any], *texts: str) -> Iterator[Problem]:
    """For messages by phone: one phone, in whichever spelling, and the same in all fields named by `texts`."""

    def key(message: Any) -> Hashable:
        return (phone_key(message.to), message.custom_string, *(_words(getattr(message, text)) for text in texts))

    return _repeated("messages", messages, key, "say the same to one phone")


def same_letters(recipients: Iterable[Any]) -> Iterator[Problem]:
    """For letters, which all have one file: one address, whichever way it is written."""
    lines = ("name", "line_1", "line_2", "city", "state", "postal_code", "country")

    def key(recipient: Any) -> Hashable:
        address = (_words(getattr(recipient, f"address_{line}") or "").casefold() for line in lines)
        return (recipient.custom_string, *address)

    return _repeated("recipients", recipients, key, "go to the same address")


def _repeated(field: str, items: Iterable[Any], key: Callable[[Any], Hashable], what: str) -> Iterator[Problem]:
    groups: dict[Hashable, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(key(item), []).append(position)
    for at in groups.values():
        if len(at) > 1:
            reason = f"{what}: keep one of them, or give each its own custom_string if all are meant"
            yield Problem((f"{field}{_first(at)}",), reason)


def _first(at: list[int]) -> str:
    """Positions as they are told elsewhere; of many that are scattered, the first."""
    told = positions(at)
    return told if len(told) <= _LONGEST else f"{positions(at[:_TOLD])[:-1]},...]"


def _words(text: str) -> str:
    """A text without what its layout adds: a blank at its end makes no other text."""
    return " ".join(text.split())
