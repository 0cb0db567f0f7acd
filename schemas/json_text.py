"""Arrays and objects that a host sent as JSON text: decoded, within bounds."""

import json
import re
from string import digits
from typing import Final

from pydantic import BeforeValidator
from pydantic_core import from_json

from schemas.problem import invalid

MOST_DIGITS: Final = 400  # of a number in JSON; none of ClickSend's has thirty; our rule
# Possessive, and an unterminated string reads to the end: otherwise each quote would start another search.
JSON_STRING: Final = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'  # with re.DOTALL
_STRING = re.compile(JSON_STRING, re.DOTALL)
_MOST_CHARACTERS = 3_500_000  # 1,000 messages of eight parts, escaped, fit; our rule


def decoded(value: object, opening: str) -> object:
    """Decode an array (`opening` is "[") or object ("{") that a host sent as text; any other value is returned as is.

    Raises the error of `invalid` if the text is too long, holds too long a number or is no valid JSON.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(opening):
        return value
    if len(value) > _MOST_CHARACTERS:
        raise invalid(f"is too long as JSON text: {_MOST_CHARACTERS} characters are read")
    if has_long_number(value):
        raise invalid(f"is no valid JSON (a number has more than {MOST_DIGITS} digits)")
    try:
        return from_json(value)
    except TypeError:  # half a surrogate pair, which cannot be read as UTF-8
        return value
    except ValueError as error:
        return _decoded_with_raw_breaks(value, str(error))


def _decoded_with_raw_breaks(text: str, reason: str) -> object:
    """Decode JSON whose strings hold raw line breaks and tabs, which JSON wants escaped."""
    if reason.startswith("control character"):
        try:
            return json.loads(text, strict=False)
        except ValueError as error:
            reason = str(error)
        except RecursionError:
            reason = "nested too deeply"
    raise invalid(f"is no valid JSON ({reason})")


# For a list field: takes an array that a host sent as JSON text.
ArrayFromText = BeforeValidator(lambda value: decoded(value, "["))


def has_long_number(text: str) -> bool:
    """Whether JSON text holds a number of more than MOST_DIGITS digits, which is slow to parse.

    Digits inside strings do not count. The work grows with the length of the text, whatever it holds.
    """
    return _has_long_run(text) and _has_long_run(_STRING.sub("", text))


def _has_long_run(text: str) -> bool:
    """Whether more than MOST_DIGITS digits follow one another: each such run holds one of the sampled characters."""
    for place in range(MOST_DIGITS, len(text), MOST_DIGITS + 1):
        if text[place] in digits:
            before, after = text[place - MOST_DIGITS : place], text[place : place + MOST_DIGITS + 1]
            digits_before = len(before) - len(before.rstrip(digits))
            digits_after = len(after) - len(after.lstrip(digits))
            if digits_before + digits_after > MOST_DIGITS:
                return True
    return False
