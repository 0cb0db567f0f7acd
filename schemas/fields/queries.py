"""Queries of reads: what to search for, and how to sort. Both forms are documented."""

import re
from typing import Final

from pydantic import AfterValidator

from schemas.problem import invalid

_LONGEST: Final = 500  # characters; a query it becomes part of a URL; our rule

_FILTER = re.compile(r"\s*([A-Za-z_]+)\s*:")  # documented
_ORDER = re.compile(r"([A-Za-z_]+):(asc|desc)")  # documented


def search_by(*fields: str, example: str) -> AfterValidator:
    """The validator of a search; `fields`: those that ClickSend searches there.

    It raises the error of `invalid` for a form other than field:value, and for any other field.
    """

    def check(value: str) -> str:
        if not _FILTER.match(value):
            raise invalid(f"must be field:value, such as {example}; several are joined by commas")
        if len(value) > _LONGEST:
            raise invalid(f"has {len(value)} characters; at most {_LONGEST} are taken")
        names = (match[1] for part in value.split(",") if (match := _FILTER.match(part)))
        if any(name not in fields for name in names):
            raise invalid(f"must be field:value, where field is one that is searched here: {', '.join(fields)}")
        return value

    return AfterValidator(check)


def sorted_by(*fields: str) -> AfterValidator:
    """The validator of an order; `fields`: those that ClickSend sorts by there.

    It raises the error of `invalid` for a form other than field:asc or field:desc, and for any other field.
    """

    def check(value: str) -> str:
        match = _ORDER.fullmatch(value) if len(value) <= _LONGEST else None
        if match is None:
            raise invalid(f"must be field:asc or field:desc, such as {fields[0]}:desc")
        if match[1] not in fields:
            raise invalid(
                f"must be field:asc or field:desc, where field is one that is sorted by here: {', '.join(fields)}"
            )
        return value

    return AfterValidator(check)
