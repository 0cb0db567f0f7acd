"""Reads files of contacts as rows of text: CSV as spreadsheets save it, and Excel workbooks.

Libraries that detect encodings and separators were tried, and fail on short files: a name with one umlaut is not enough
for them. This module knows more: how spreadsheets encode, and which rows make a contact.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

MAX_ROWS = 200_000
MAX_COLUMNS = 100
MAX_UNPACKED = 50 * 1024 * 1024  # bytes of all parts of a workbook
MAX_RECORD_LINES = 50  # an unclosed quotation mark must not swallow the rest of the file
SAMPLE_ROWS = 50  # that decide between separators

SEPARATORS = (",", ";", "\t", "|")
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_UNSUPPORTED = (
    (b"\xd0\xcf\x11\xe0", "an Excel file of the old kind (.xls): save it as .xlsx or CSV"),
    (b"%PDF", "a PDF: save the table as CSV or .xlsx"),
    (b"\x1f\x8b", "a compressed file: unpack it first"),
)

Cells = list[str]


class Unreadable(Exception):
    """A file cannot be read; the reason."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file with their line numbers; None for a row that cannot be read."""

    rows: list[tuple[int, Cells | None]]
    read_as: str


def read(content: bytes, is_wanted: Callable[[Cells], bool]) -> Table:
    """Read a file; `is_wanted` says whether a row is of the kind that the file should have. Raises Unreadable."""
    if content.startswith(b"PK\x03\x04"):
        return Table(_filled(_workbook_rows(content)), "Excel workbook, its first sheet")
    for signature, description in _UNSUPPORTED:
        if content.startswith(signature):
            raise Unreadable(f"the file is {description}")
    text, encoding = _decoded(content)
    if text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        raise Unreadable("the file is a web page: give the address of the file itself")
    lines = list(io.StringIO(text, newline=""))  # splits lines at CR, LF and CRLF
    separator, start = _declared_separator(lines)
    if separator is None:
        separator = max(SEPARATORS, key=lambda candidate: _score(lines, candidate, is_wanted))
    return Table(_filled(_records(lines, separator, start)), f"CSV in {encoding}, separated by {_NAMES[separator]}")


def _filled(rows: Iterator[tuple[int, Cells | None]]) -> list[tuple[int, Cells | None]]:
    filled = [row for row in islice(rows, MAX_ROWS + 1) if row[1] is None or any(map(str.strip, row[1]))]
    if len(filled) > MAX_ROWS:
        raise Unreadable(f"the file has more than {MAX_ROWS:,} rows")
    return filled


# CSV


def _decoded(content: bytes) -> tuple[str, str]:
    """The text of a file and the name of its encoding."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in content[:100]:  # the high byte of each ASCII character
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    else:
        try:
            return content.decode("utf-8-sig"), "utf-8"
        except UnicodeDecodeError:
            encoding = max(
                ("cp1252", "mac_roman"), key=lambda candidate: _accented_letters(content.decode(candidate, "replace"))
            )
    try:
        return content.decode(encoding, "strict" if encoding.startswith("utf") else "replace"), encoding
    except UnicodeDecodeError:
        raise Unreadable(f"the file is neither UTF-8 nor {encoding.upper()}") from None


def _accented_letters(text: str) -> int:
    """The number of accented western European letters in a text; the right encoding gives most."""
    return sum("\u00c0" <= character <= "\u00ff" for character in text)


def _declared_separator(lines: list[str]) -> tuple[str | None, int]:
    """The separator declared in a first line such as `sep=;`, which Excel understands, and where the rows begin."""
    first = lines[0].strip("\r\n ") if lines else ""
    separator = first[4:].strip('"') or "\t"
    return (separator, 1) if first.lower().startswith("sep=") and separator in SEPARATORS else (None, 0)


def _score(lines: list[str], separator: str, is_wanted: Callable[[Cells], bool]) -> tuple[int, int]:
    rows = [cells for _, cells in islice(_records(lines, separator, 0), SAMPLE_ROWS) if cells]
    return sum(map(is_wanted, rows)), sum(len(cells) > 1 for cells in rows)


def _records(lines: list[str], separator: str, index: int) -> Iterator[tuple[int, Cells | None]]:
    """Each record with the number of its first line. A badly quoted record loses only that line."""
    while index < len(lines):
        reader = csv.reader(lines[index : index + MAX_RECORD_LINES], delimiter=separator, strict=True)
        try:
            yield index + 1, next(reader)
            index += reader.line_num
        except csv.Error:
            yield index + 1, None
            index += 1


# Excel


def _workbook_rows(content: bytes) -> Iterator[tuple[int, Cells | None]]:
    """The rows of the first sheet, read one by one: a sheet may claim 17 billion cells."""
    try:
        from openpyxl import load_workbook  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        raise Unreadable(
            "to read Excel files the sandbox needs openpyxl: pip install 'clicksend-mcp[excel]', or save it as CSV"
        ) from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if "xl/workbook.xml" not in parts.namelist():
                raise Unreadable("the file is an archive, but no Excel workbook (.xlsx): save it as .xlsx or CSV")
            if sum(part.file_size for part in parts.infolist()) > MAX_UNPACKED:
                raise Unreadable("the workbook is too large")
        workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for number, row in enumerate(
            workbook.worksheets[0].iter_rows(max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS, values_only=True), 1
        ):
            if row.count(None) < len(row):
                yield number, [_cell(value) for value in row]
    except Unreadable:
        raise
    except Exception as error:  # a damaged workbook makes openpyxl raise anything
        raise Unreadable(f"the file is a damaged Excel workbook ({type(error).__name__})") from None


def _cell(value: Any) -> str:
    """A cell as a person reads it; Excel stores every number as a float."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)
