"""The errors that rules raise and yield, in the words that the model reads."""

from typing import NamedTuple

from pydantic_core import PydanticCustomError


class Problem(NamedTuple):
    """What a rule over several fields finds wrong at one location.

    `location`: names and positions, outermost first. `reason` completes a sentence that begins with the location, such
    as "must not be empty".
    """

    location: tuple[int | str, ...]
    reason: str


def invalid(reason: str) -> PydanticCustomError:
    """The error that a rule raises; `reason` completes a sentence that begins with the field's name."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason})
