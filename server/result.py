"""The `data` of an envelope: ClickSend's whole answer as compact JSON text, without secrets, of bounded size."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import accumulate
from operator import getitem
from typing import Any

from schemas.base import Arguments
from tools.action import Action
from tools.outcome import ACCEPTED

_BYTES_PER_TOKEN = 3  # of JSON full of numbers and ids, as measured with the o200k tokenizer; English has 4
_LONGEST_STRING = 2_000  # characters that stay of a text, where the whole is too large
_ROOM_FOR_NOTE = 300
_DEFAULT_LIMIT = 15

_SECRET_NAMES = ("apikey", "password", "secret", "token", "authorization")

# What a reader cannot see but a model reads: zero-width, direction-changing and tag characters, lone halves of
# a surrogate pair.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
    "\x7f-\x9f]"
)
# Joiners and variation selectors stay where emoji and scripts need them: singly, or as the one pair that emoji
# have, after a character that is not ASCII; and in a keycap.
_JOINERS = "[\u200c\u200d\ufe0e\ufe0f]"
_MISPLACED = re.compile(f"(?<![^\x00-\x7f])(?!\ufe0f\u20e3){_JOINERS}+|(?!\ufe0f\u200d(?!{_JOINERS})){_JOINERS}{{2,}}")
_ESSENTIAL = ("to", "address_name", "status", "custom_string")


def compact(value: Any) -> str:
    """JSON without a needless character, texts as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def without_unseen(text: str) -> str:
    """A text without the characters that hide something from people or turn its direction."""
    return _MISPLACED.sub("", _UNSEEN.sub("", text))


def without_secrets(value: Any) -> Any:
    """A JSON value without any entry whose name says that it is a key or a password, at any depth."""
    if isinstance(value, dict):
        return {name: without_secrets(item) for name, item in value.items() if not _is_secret(name)}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def _is_secret(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()).endswith(_SECRET_NAMES)


def render(answer: Mapping[str, Any] | None, action: Action, arguments: Arguments, max_tokens: int) -> str:
    """The text of an answer for the model; "" where there was no answer.

    Above `max_tokens` (about) the shape stays, the longest list is shortened, and `_left_out` says by how
    much and how to get the rest. What ClickSend refused of a send stays in any case.
    """
    if not answer:
        return ""
    clean = without_secrets(answer)
    limit = max_tokens * _BYTES_PER_TOKEN
    text = without_unseen(compact(clean))
    if _weight(text) <= limit:
        return text
    return without_unseen(_shortened(_with_short_strings(clean), action, arguments, limit))


def _weight(text: str) -> int:
    """Bytes of a text as the model receives it: inside JSON, quotes escaped."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace"))


def _with_short_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_short_strings(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_short_strings(item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST_STRING:
        return f"{value[:_LONGEST_STRING]} ... ({len(value) - _LONGEST_STRING} more characters)"
    return value


def _shortened(answer: dict[str, Any], action: Action, arguments: Arguments, limit: int) -> str:
    path = max(_lists(answer), key=lambda path: len(compact(_at(answer, path))), default=None)
    if path is None:
        return compact(answer)
    items = _at(answer, path)
    budget = limit - _weight(compact(_replaced(answer, path, []))) - _ROOM_FOR_NOTE
    if "limit" in action.input.model_fields:
        kept, note = _whole_pages(_fitting(items, budget), len(items), action, arguments)
    else:
        kept, note = _refused_first(items, budget)
        if action.shown_by:
            note += f"; {action.shown_by} has them all"
    return compact({**_replaced(answer, path, kept), "_left_out": note})


def _lists(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of names to every list in nested objects."""
    for name, value in node.items():
        if isinstance(value, list):
            yield (*path, name)
        elif isinstance(value, dict):
            yield from _lists(value, (*path, name))


def _at(node: Mapping[str, Any], path: tuple[str, ...]) -> list[Any]:
    return reduce(getitem, path, node)  # type: ignore[arg-type]


def _replaced(node: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy of nested objects with another value at the end of the path."""
    if not path:
        return value
    return {**node, path[0]: _replaced(node[path[0]], path[1:], value)}


def _fitting(items: Sequence[Any], budget: int) -> list[Any]:
    """As many items from the front as fit into a number of bytes."""
    weights = accumulate(_weight(compact(item)) for item in items)
    return [item for item, weight in zip(items, weights, strict=True) if weight <= budget]


def _refused_first(items: list[Any], budget: int) -> tuple[list[Any], str]:
    """All that was refused, cut to the essential if need be, and as much of the accepted as fits beside it."""
    refused = [item for item in items if _is_refused(item)]
    left = budget - _weight(compact(refused))
    if left < 0:
        kept = [{name: item[name] for name in _ESSENTIAL if item.get(name)} for item in refused]
        return kept, f"details of the refused, and {len(items) - len(kept)} of {len(items)} entries, none refused"
    accepted = _fitting([item for item in items if not _is_refused(item)], left)
    kept = [*refused, *accepted]
    return kept, f"{len(items) - len(kept)} of {len(items)} entries, none refused"


def _is_refused(item: Any) -> bool:
    return isinstance(item, dict) and item.get("status", ACCEPTED) != ACCEPTED


def _whole_pages(kept: list[Any], rows: int, action: Action, arguments: Arguments) -> tuple[list[Any], str]:
    """Cut a page of rows where smaller pages begin, so that the next call can go on from there."""
    asked = getattr(arguments, "limit", None) or _DEFAULT_LIMIT
    page = getattr(arguments, "page", None) or 1
    smallest = action.input_schema["properties"]["limit"]["minimum"]
    limit = next((size for size in range(len(kept), smallest - 1, -1) if size and asked % size == 0), None)
    if limit is None:
        return kept, f"{rows - len(kept)} of {rows} rows of this page; ask for fewer with limit"
    pages = len(kept) // limit
    following = (page - 1) * asked // limit + pages + 1
    left = rows - pages * limit
    return kept[: pages * limit], f"{left} of {rows} rows of this page; go on with limit {limit}, page {following}"
