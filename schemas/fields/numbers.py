"""Whole numbers: ids, pages, limits, choices and flags."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.problem import invalid

_LARGEST: Final = 2**63 - 1  # our rule

_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]{1,19}\s*")  # our rule
_ID_AS_TEXT = re.compile(r"[1-9][0-9]{0,17}")  # documented: an id as text; our rule: its length


def is_whole_number(text: str) -> bool:
    """Whether a text is a whole number of up to 19 ASCII digits; blanks around it are allowed."""
    return _WHOLE_NUMBER.fullmatch(text) is not None


def whole_number(value: object) -> int:
    """A whole number, also written as text ("5") or as a float (5.0).

    Raises the error of `invalid` for anything else, such as true and 1.5, and for numbers beyond 64 bits.
    """
    if (isinstance(value, str) and is_whole_number(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid("must be a whole number")
    if abs(value) > _LARGEST:
        raise invalid("is too large to be real")
    return value


_Whole = BeforeValidator(whole_number)


def _positive(value: int) -> int:
    """Ids are documented as whole numbers. That the lowest is 1 is our rule."""
    if value < 1:
        raise invalid("must be 1 or more")
    return value


def is_list_id(text: str) -> bool:
    """Whether a text is the id of a contact list."""
    return _ID_AS_TEXT.fullmatch(text) is not None


Id = Annotated[int, _Whole, AfterValidator(_positive)]
PageNumber = Annotated[int, Field(ge=1), _Whole]  # documented
# Documented, with 15 as the least; that fewer are allowed is our rule.
Limit = Annotated[int, Field(ge=1, le=100, description="Rows, 15 if left out"), _Whole]
CampaignLimit = Annotated[int, Field(ge=15, le=100, description="Rows, 15 if left out"), _Whole]  # documented
Choice = Annotated[int, Field(ge=0), _Whole]  # documented


def _flag(value: object) -> int:
    """ClickSend documents 0 and 1. That true and false are taken for them is our rule."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return int(value.lower() == "true")
    if value not in (0, 1, "0", "1"):
        raise invalid("must be 0 or 1")
    return int(value)


Flag = Annotated[int, Field(ge=0, le=1), BeforeValidator(_flag)]  # documented
