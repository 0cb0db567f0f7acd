"""Contact lists: create, read, delete, import into and export."""

from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.base import Arguments, Query
from schemas.fields.files import SKIPPED, CsvName, ImportColumn, clicksend_column
from schemas.fields.numbers import Id, Limit, PageNumber
from schemas.fields.texts import ListName
from schemas.fields.urls import FileUrl
from schemas.json_text import ArrayFromText
from schemas.problem import invalid


class CreateList(Arguments):
    """Create an empty contact list. Names may repeat."""

    list_name: ListName


class Lists(Query):
    """Contact lists with ids, names and numbers of contacts."""

    page: PageNumber | None = None
    limit: Limit | None = None


class DeleteList(Arguments):
    """Delete a contact list and all its contacts, for good."""

    list_id: Id


def _each_once(columns: list[str]) -> list[str]:
    """Our rule: no column is named twice, and at least one is imported."""
    imported = [clicksend_column(column) for column in columns if column != SKIPPED]
    if not imported:
        raise invalid("skips every column: name those to be imported")
    if len(set(imported)) < len(imported):
        raise invalid("names a column twice")
    return columns


class ImportList(Arguments):
    """Import contacts into a list from a CSV or Excel file. Goes on after the answer: CLICKSEND_GET_LISTS shows
    _import_in_progress 0 when done."""

    list_id: Id
    file_url: FileUrl = Field(description="Public URL")
    field_order: Annotated[
        list[ImportColumn],
        Field(min_length=1, max_length=200, description="The file's columns, left to right"),  # our rule
        AfterValidator(_each_once),
        ArrayFromText,
    ]


class ExportList(Arguments):
    """Export a contact list; the answer has the URL of the CSV."""

    list_id: Id
    filename: CsvName
