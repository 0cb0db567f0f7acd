"""Turns a failed validation into one message for the model: every wrong field, and what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError

from schemas.base import Arguments, told_names

# What models call an input whose name nothing resembles.
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
_LONGEST_NAME = 100  # characters of an unknown name that are repeated
_LINES = 40  # distinct problems that are spelt out; equal ones in many items are one


def explain(error: ValidationError, model: type[Arguments]) -> str:
    """Name every wrong field of a rejected input and what to send instead, without repeating the values.

    The same problem in many items of a list is told once, with the items' positions.
    """
    found: dict[tuple[str, str | None], tuple[Any, list[int]]] = {}
    for problem in error.errors(include_url=False, include_input=False):
        field, at = _field(problem["loc"])
        # What an unknown name may have been is looked for below, for those that are told.
        reason = None if problem["type"] == "extra_forbidden" else _reason(problem)
        found.setdefault((field, reason), (problem["loc"], []))[1].extend(at)
    lines = [
        f"{field.replace('[]', positions(at))} {_unknown_name(location, model) if reason is None else reason}"
        for (field, reason), (location, at) in islice(found.items(), _LINES)
    ]
    if len(found) > _LINES:
        lines.append(f"and {len(found) - _LINES} more problems like these")
    return " ".join("; ".join(lines).split())  # an unknown name may hold line breaks


def _field(location: tuple[int | str, ...]) -> tuple[str, list[int]]:
    """A dotted name with [] for an item of a list, and the item's position."""
    name = ""
    for step in location:
        step = step if isinstance(step, int) else step[:_LONGEST_NAME]
        name += "[]" if isinstance(step, int) else f".{step}" if name else step
    return name or "arguments", [step for step in location if isinstance(step, int)]


def positions(numbers: Iterable[int]) -> str:
    """Positions in a list, runs joined: [0-2,7]."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return f"[{','.join(str(a) if a == b else f'{a}-{b}' for a, b in runs)}]"


def _reason(problem: Any) -> str:
    limits = problem.get("ctx", {})
    match problem["type"]:
        case "refused":
            return str(problem["msg"])
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


def _unknown_name(location: tuple[int | str, ...], arguments: type[Arguments]) -> str:
    name, model = str(location[-1])[:_LONGEST_NAME].lower(), _model_at(location[:-1], arguments)
    known = [field.alias or key for key, field in model.model_fields.items()]
    if not known:
        return "is not an input: there are none"
    meant = [other for other in _ALSO_CALLED.get(name, ()) if other in known]
    nearest = meant or get_close_matches(name, known, n=1)
    if nearest:
        return f"is not an input here; did you mean {nearest[0]}?"
    return f"is not an input here; {told_names(model)}"


def _model_at(location: tuple[int | str, ...], model: type[BaseModel]) -> type[BaseModel]:
    """The model of the object that a location points into."""
    for step in location:
        if isinstance(step, str):
            model = _item_model(model.model_fields[step].annotation)
    return model


def _item_model(annotation: Any) -> type[BaseModel]:
    """The model of a list's items."""
    (model,) = get_args(annotation)
    return cast(type[BaseModel], model)
