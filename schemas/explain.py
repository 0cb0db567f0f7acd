"""Turns a failed validation into one message for the model: every invalid field, and what would be valid."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError

from schemas.base import Arguments, inputs_of

# Names that models invent, and the inputs they mean; no likeness leads from one to the other. Our rule.
_ALSO_CALLED = {
    "content": ("body",),
    "message": ("body", "messages"),
    "name": ("list_name", "rule_name", "first_name"),
    "number": ("to", "phone_number"),
    "page_size": ("limit",),
    "per_page": ("limit",),
    "phone": ("to", "phone_number"),
    "recipient": ("to", "recipients"),
    "reference": ("custom_string",),
    "send_at": ("schedule",),
    "sender": ("from",),
    "text": ("body",),
    "url": ("file_url", "media_file", "url_to_shorten"),
}
_LONGEST_NAME = 100  # characters of an unknown name that the message repeats; our rule
_MOST_PROBLEMS = 40  # that are spelled out; one that many items share counts once; our rule


def explain(error: ValidationError, model: type[Arguments]) -> str:
    """Name every invalid field of an input and what to send instead, in one line that repeats no value.

    A problem that many items of a list share is named once, with their positions. `model`: the one that raised.
    """
    problems: dict[tuple[str, str | None], tuple[Any, list[int]]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        field, items = _field(detail["loc"])
        # The likeness of an unknown name is costly, and needed only for the problems that are spelled out below.
        reason = None if detail["type"] == "extra_forbidden" else _reason(detail)
        problems.setdefault((field, reason), (detail["loc"], []))[1].extend(items)
    sentences = [
        f"{field.replace('[]', positions(items))} {_unknown_name(location, model) if reason is None else reason}"
        for (field, reason), (location, items) in islice(problems.items(), _MOST_PROBLEMS)
    ]
    if len(problems) > _MOST_PROBLEMS:
        sentences.append(f"and {len(problems) - _MOST_PROBLEMS} more problems like these")
    return " ".join("; ".join(sentences).split())  # an unknown name may hold line breaks


def _field(location: tuple[int | str, ...]) -> tuple[str, list[int]]:
    """A dotted name with [] for each item of a list, and the positions of these items."""
    name = ""
    for step in location:
        step = step if isinstance(step, int) else step[:_LONGEST_NAME]
        name += "[]" if isinstance(step, int) else f".{step}" if name else step
    return name or "arguments", [step for step in location if isinstance(step, int)]


def positions(numbers: Iterable[int]) -> str:
    """Positions in a list, sorted and with runs joined: [0-2,7]."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return f"[{','.join(str(first) if first == last else f'{first}-{last}' for first, last in runs)}]"


def _reason(detail: Any) -> str:
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "refused":
            return str(detail["msg"])
        case "missing":
            return "is missing"
        case "greater_than_equal":
            return f"must be {limits['ge']} or more"
        case "less_than_equal":
            return f"must be {limits['le']} or less"
        case "too_short":
            return f"must have at least {limits['min_length']} item"
        case "too_long":
            return f"has {limits['actual_length']} items; at most {limits['max_length']} go in one call"
        case "literal_error":
            return f"must be one of {limits['expected']}"
        case "string_type":
            return "must be a string"
        case "string_unicode":
            return "is not valid Unicode text"
        case "list_type":
            return "must be a list"
        case _:
            return "must be an object with the fields of the tool's schema"


def _unknown_name(location: tuple[int | str, ...], root: type[Arguments]) -> str:
    name, model = str(location[-1])[:_LONGEST_NAME].lower(), _model_at(location[:-1], root)
    inputs = [field.alias or key for key, field in model.model_fields.items()]
    if not inputs:
        return "is not an input: there are none"
    meant = [candidate for candidate in _ALSO_CALLED.get(name, ()) if candidate in inputs]
    nearest = meant or get_close_matches(name, inputs, n=1)
    if nearest:
        return f"is not an input here; did you mean {nearest[0]}?"
    return f"is not an input here; {inputs_of(model)}"


def _model_at(location: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """The model of the object that a location leads to."""
    for step in location:
        if isinstance(step, str):
            model = _item_model(model.model_fields[step].annotation)
    return model


def _item_model(annotation: Any) -> type[BaseModel]:
    """The model of a list's items."""
    (model,) = get_args(annotation)
    return cast(type[BaseModel], model)
