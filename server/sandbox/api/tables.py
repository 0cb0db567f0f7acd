"""Files of contacts as rows of text: CSV as spreadsheets save it, and Excel workbooks.

The libraries that guess encodings and separators were tried and guess wrong on short files: a name with one umlaut is
too little for them. What is known here helps more: how spreadsheets encode, and which rows make a contact.
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
MAX_UNPACKED = 50 * 1024 * 1024  # bytes of all the parts of a workbook
LONGEST_RECORD = 50  # lines: a quotation mark that is never closed must not take in the rest of the file
TRIED_ROWS = 50

SEPARATORS = (",", ";", "\t", "|")
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ELSE = (
    (b"\xd0\xcf\x11\xe0", "an Excel file of the old kind (.xls): save it as .xlsx or CSV"),
    (b"%PDF", "a PDF: save the table as CSV or .xlsx"),
    (b"\x1f\x8b", "a compressed file: unpack it first"),
)

Cells = list[str]


class Unreadable(Exception):
    """Why a file cannot be read."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file by their number in it; None for a row that cannot be read."""

    rows: list[tuple[int, Cells | None]]
    read_as: str


def read(content: bytes, is_good: Callable[[Cells], bool]) -> Table:
    """Read a file; `is_good` tells whether a row is one that is looked for. Raises Unreadable."""
    if content.startswith(b"PK\x03\x04"):
        return Table(_filled(_workbook_rows(content)), "Excel workbook, its first sheet")
    for beginning, what in _ELSE:
        if content.startswith(beginning):
            raise Unreadable(f"the file is {what}")
    text, encoding = _decoded(content)
    if text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        raise Unreadable("the file is a web page: give the address of the file itself")
    lines = list(io.StringIO(text, newline=""))  # which ends a line at CR, LF and both
    separator, start = _declared(lines)
    if separator is None:
        separator = max(SEPARATORS, key=lambda one: _score(lines, one, is_good))
    return Table(_filled(_records(lines, separator, start)), f"CSV in {encoding}, separated by {_NAMES[separator]}")


def _filled(rows: Iterator[tuple[int, Cells | None]]) -> list[tuple[int, Cells | None]]:
    found = [row for row in islice(rows, MAX_ROWS + 1) if row[1] is None or any(map(str.strip, row[1]))]
    if len(found) > MAX_ROWS:
        raise Unreadable(f"the file has more than {MAX_ROWS:,} rows")
    return found


# CSV


def _decoded(content: bytes) -> tuple[str, str]:
    """A text and the name of its encoding."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in content[:100]:  # the upper half of each ASCII character
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    else:
        try:
            return content.decode("utf-8-sig"), "utf-8"
        except UnicodeDecodeError:
            encoding = max(("cp1252", "mac_roman"), key=lambda one: _letters(content.decode(one, "replace")))
    try:
        return content.decode(encoding, "strict" if encoding.startswith("utf") else "replace"), encoding
    except UnicodeDecodeError:
        raise Unreadable(f"the file is neither UTF-8 nor {encoding.upper()}") from None


def _letters(text: str) -> int:
    """How many letters with accents of western Europe a text has; the right encoding has most."""
    return sum("\u00c0" <= character <= "\u00ff" for character in text)


def _declared(lines: list[str]) -> tuple[str | None, int]:
    """The separator in a first line such as `sep=;`, which Excel reads and hides, and where the rows begin."""
    first = lines[0].strip("\r\n ") if lines else ""
    separator = first[4:].strip('"') or "\t"
    return (separator, 1) if first.lower().startswith("sep=") and separator in SEPARATORS else (None, 0)


def _score(lines: list[str], separator: str, is_good: Callable[[Cells], bool]) -> tuple[int, int]:
    rows = [cells for _, cells in islice(_records(lines, separator, 0), TRIED_ROWS) if cells]
    return sum(map(is_good, rows)), sum(len(cells) > 1 for cells in rows)


def _records(lines: list[str], separator: str, at: int) -> Iterator[tuple[int, Cells | None]]:
    """Each record with the number of its first line. One that is not well quoted costs this line, and no other."""
    while at < len(lines):
        reader = csv.reader(lines[at : at + LONGEST_RECORD], delimiter=separator, strict=True)
        try:
            yield at + 1, next(reader)
            at += reader.line_num
        except csv.Error:
            yield at + 1, None
            at += 1


# Excel


def _workbook_rows(content: bytes) -> Iterator[tuple[int, Cells | None]]:
    """The rows of the first sheet. They are read one by one: a sheet may say that it has 17 billion cells."""
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
    except Exception as error:  # a damaged workbook makes this library raise anything
        raise Unreadable(f"the file is a damaged Excel workbook ({type(error).__name__})") from None


def _cell(value: Any) -> str:
    """A cell as a person reads it; Excel keeps every number as a fraction."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)
