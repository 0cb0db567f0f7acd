"""Contact files: the name of an export, and the columns of an import."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from schemas.problem import invalid

_LONGEST_NAME: Final = 200  # characters; our rule


def _csv_name(value: str) -> str:
    """ClickSend documents a file name, and answers with a CSV. Its form is our rule."""
    if len(value) > _LONGEST_NAME:
        raise invalid(f"has {len(value)} characters; at most {_LONGEST_NAME} are taken")
    if not re.fullmatch(r"[^/\\]+\.csv", value, re.IGNORECASE) or not value.isprintable():
        raise invalid("must be a file name without slashes that ends in .csv, such as customers.csv")
    return value


CsvName = Annotated[str, AfterValidator(_csv_name), Field(description="Ends in .csv")]

SKIPPED: Final = "skip"  # our rule
_CLICKSEND_COLUMNS: Final = {  # the keys are our rule; the values are documented
    SKIPPED: "",  # our rule
    "phone_number": "phone",
    "custom_1": "custom1",
    "custom_2": "custom2",
    "custom_3": "custom3",
    "custom_4": "custom4",
}


def clicksend_column(column: str) -> str:
    """ClickSend's name for a column of an import, which differs from the name of some contact fields."""
    return _CLICKSEND_COLUMNS.get(column, column)


ImportColumn = Annotated[
    Literal[  # documented, but for the keys of _CLICKSEND_COLUMNS
        "phone",
        "phone_number",
        "first_name",
        "last_name",
        "email",
        "fax_number",
        "address_line_1",
        "address_line_2",
        "address_city",
        "address_state",
        "address_postal_code",
        "address_country",
        "organization_name",
        "custom_1",
        "custom_2",
        "custom_3",
        "custom_4",
        "skip",
    ],
    BeforeValidator(lambda value: SKIPPED if value is None or value == "" else value),
    PlainSerializer(clicksend_column, return_type=str),
]
