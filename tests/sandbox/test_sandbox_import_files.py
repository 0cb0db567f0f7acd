"""Files of contacts as people have them: each row is one right phone, or a row that is refused and told."""

import csv
import io
import sys
import zipfile
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest
from support.sandbox_client import ANA, Sandbox, Web, until

COLUMNS = ("phone", "first_name", "last_name")
PEOPLE = [("+491701234567", "Jürgen", "Weiß"), ("+33612345678", "Zoë", "Lévêque")]


def imported(sandbox: Sandbox, url: str, *columns: str, list_id: int | None = None) -> tuple[dict[str, Any], list[Any]]:
    """What the list tells of an import that has ended, and its contacts: phone, first and last name."""
    list_id = list_id or sandbox.new_list()
    sandbox.post(f"/v3/lists/{list_id}/import", {"file_url": url, "field_order": list(columns or COLUMNS)})
    until(lambda: sandbox.get(f"/v3/lists/{list_id}")["_import_in_progress"] == 0)
    told: dict[str, Any] = sandbox.get(f"/v3/lists/{list_id}")["_last_import"]
    rows = sandbox.get(f"/v3/lists/{list_id}/contacts", limit=100)["data"]
    return told, [(row["phone_number"], row["first_name"], row["last_name"]) for row in rows]


def lines(*rows: tuple[str, ...], separator: str = ",", end: str = "\n") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    return file.getvalue()


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.create_sheet("Notes").append(("not", "for", "import"))
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "mac_roman"]
)
@pytest.mark.parametrize("header", [("Telefon", "Vorname", "Nachname"), None])
def test_the_encodings_of_spreadsheets_are_read(
    sandbox: Sandbox, web: Web, encoding: str, header: tuple[str, ...] | None
) -> None:
    """W8: ANSI, UTF-16 and Mac files vanished without a word."""
    text = lines(*([header] if header else []), *PEOPLE)
    told, contacts = imported(sandbox, web.serve("/people.csv", text.encode(encoding)))
    assert contacts == PEOPLE
    assert (told["status"], told["rows_taken"], told["rows_refused"], told["error"]) == ("done", 2, 0, None)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_ends_of_lines_are_recognised(sandbox: Sandbox, web: Web, separator: str, end: str) -> None:
    """W8, D5: whole rows became phone numbers, and bare CR was not read."""
    rows = [("+61400000001", "Ana, the first; or not", "Reyes\nNovak"), ("+61400000002", "Bo", "")]
    _, contacts = imported(sandbox, web.serve("/people.csv", lines(*rows, separator=separator, end=end)))
    assert contacts == rows


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'.strip('"'), "sep=;\r"])
def test_the_line_that_names_the_separator_is_no_contact(sandbox: Sandbox, web: Web, first: str) -> None:
    """D5: `sep=;` became a contact."""
    _, contacts = imported(sandbox, web.serve("/people.csv", f"{first}\n{ANA};Ana;Reyes\n"))
    assert contacts == [(ANA, "Ana", "Reyes")]


def test_one_column_of_several_is_enough(sandbox: Sandbox, web: Web) -> None:
    """D5: with the phone alone imported, a row of tabs became the phone number."""
    _, contacts = imported(sandbox, web.serve("/people.tsv", f"Phone\tName\n{ANA}\tAna\n"), "phone")
    assert contacts == [(ANA, None, None)]


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("61400000001.0", None),
        ("+61400000001.00", None),
        ("61400000001,0", None),
        ("6.14E+10", None),
        ("6,14E+10", None),
        ("6.14e10", None),
        ("+61400000001 / +61400000002", None),
        ("+61400000001;+61400000002", None),
        ("0400000001 0400000002", None),
        ("+61400000001+61400000002", None),
        ("0400 000 001 or 002", None),
        ("0061400000005", "+61400000005"),
        ("00 44 7700 900123", "+447700900123"),
        ("0011 44 7700 900123", "+447700900123"),
        ("400000001", "+61400000001"),
        ("100000001", None),
        ("061400000005", None),
        ("0400 000 002", "+61400000002"),
        ("61400000004", "+61400000004"),
        ("447400123456", "+447400123456"),
        ("+447700900123", "+447700900123"),
        ("+44 (0)7700 900123", "+447700900123"),
        ("+390612345678", "+390612345678"),
        ("\u202a+61400000003\u202c", "+61400000003"),
        ("+6834002", "+6834002"),
        ("+400000001", None),
        ("call me", None),
        ("12", None),
    ],
)
def test_a_phone_is_the_one_that_is_meant_or_its_row_is_refused(
    sandbox: Sandbox, web: Web, cell: str, phone: str | None
) -> None:
    """W9, D7: other phones than those in the file were messaged and charged, as far away as Romania."""
    text = lines(("+61400000099", "First", ""), (cell, "Ana", "Reyes"), ("+61400000098", "Last", ""))
    told, contacts = imported(sandbox, web.serve("/people.csv", text))
    assert [number for number, first, _ in contacts if first == "Ana"] == ([phone] if phone else [])
    assert (told["rows_taken"], told["rows_refused"]) == ((3, 0) if phone else (2, 1))
    assert [reason.startswith("row 2: ") for reason in told["reasons"]] == ([] if phone else [True])


def test_a_column_of_countries_says_how_local_numbers_are_read(sandbox: Sandbox, web: Web) -> None:
    """W9: ClickSend's help has a column of countries for lists of several."""
    text = lines(("021 123 4567", "NZ"), ("0400000001", "AU"), ("0400000002", "Atlantis"), ("07700 900123", "gb"))
    _, contacts = imported(sandbox, web.serve("/people.csv", text), "phone", "address_country")
    assert [number for number, _, _ in contacts] == ["+64211234567", "+61400000001", "+61400000002", "+447700900123"]


@pytest.mark.parametrize("broken", ['+61400000002,"Bo" Jr,Ng', '+61400000002,"Bo Jr,Ng', '"+61400000002,Bo,Ng'])
def test_a_stray_quotation_mark_costs_one_row(sandbox: Sandbox, web: Web, broken: str) -> None:
    """D6: one stray quote, and the whole file was lost unseen."""
    text = f'+61400000001,Ana,6" Pipe\n{broken}\n+61400000003,"Cy, Jr",Lee\n+61400000004,Di,"Ma"\n'
    told, contacts = imported(sandbox, web.serve("/people.csv", text))
    assert [first for _, first, _ in contacts] == ["Ana", "Cy, Jr", "Di"]
    assert told["reasons"] == ["row 2: a quotation mark is out of place"]


@pytest.mark.parametrize("header", ["Phone 1 - Value,Given Name,x", "Telefon,Vorname,x", "E-mail,b,c", "电话,名,姓"])
def test_a_header_of_other_words_is_no_contact(sandbox: Sandbox, web: Web, header: str) -> None:
    """D8: the phone number "Phone 1 - Value" was imported."""
    told, contacts = imported(sandbox, web.serve("/people.csv", f"{header}\n{ANA},Ana,Reyes\n"))
    assert contacts == [(ANA, "Ana", "Reyes")]
    assert told["rows_refused"] == 0


@pytest.mark.parametrize("word", ["email", "Phone", "First Name", "custom1"])
def test_a_row_with_a_phone_is_no_header_whatever_else_it_says(sandbox: Sandbox, web: Web, word: str) -> None:
    """D8: a row in which a cell read `email` was taken for the header and lost."""
    _, contacts = imported(sandbox, web.serve("/people.csv", f"{ANA},{word},Reyes\n+61400000002,Bo,Ng\n"))
    assert [first for _, first, _ in contacts] == [word, "Bo"]


def test_columns_are_left_out_by_an_empty_name(sandbox: Sandbox, web: Web) -> None:
    """D8: no way to skip a column."""
    _, contacts = imported(sandbox, web.serve("/people.csv", f"x,{ANA},y,Ana,z\n"), "", "phone", "", "first_name")
    assert contacts == [(ANA, "Ana", None)]


def test_an_address_that_is_the_only_one_has_to_be_one(sandbox: Sandbox, web: Web) -> None:
    """W9: a row without a phone is taken for its email, if it has one."""
    text = "ana@example.com\nnobody\n,\nbo@example\n"
    told, contacts = imported(sandbox, web.serve("/people.csv", text), "email", "")
    assert len(contacts) == 1
    assert told["reasons"] == ["row 2: 'nobody' is no email address", "row 4: 'bo@example' is no email address"]


def test_the_first_reasons_are_told_and_all_refused_rows_are_counted(sandbox: Sandbox, web: Web) -> None:
    """D7: no tool told who was left out."""
    told, _ = imported(sandbox, web.serve("/people.csv", f"{ANA}\n" + "12\n" * 40), "phone")
    assert (told["rows_taken"], told["rows_refused"], len(told["reasons"])) == (1, 40, 5)


# Excel


def test_an_excel_workbook_is_read(sandbox: Sandbox, web: Web) -> None:
    """W8: the tool says Excel, and the file vanished. Its numbers are fractions there, without a leading 0."""
    file = workbook(("Telefon", "Vorname", "Nachname"), *PEOPLE, (61400000001, "Bo", None), (400000002.0, "Cy", "Lee"))
    told, contacts = imported(sandbox, web.serve("/people.xlsx", file))
    assert contacts == [*PEOPLE, ("+61400000001", "Bo", ""), ("+61400000002", "Cy", "Lee")]
    assert told["read_as"] == "Excel workbook, its first sheet"


def test_a_workbook_with_a_cell_in_its_last_corner_takes_no_room(sandbox: Sandbox, web: Web) -> None:
    """M4: 17 billion cells in 5 kB."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active["A1"] = ANA
    book.active.cell(1_048_576, 16_384, "x")
    book.save(file)
    _, contacts = imported(sandbox, web.serve("/people.xlsx", file.getvalue()), "phone")
    assert [number for number, _, _ in contacts] == [ANA]


def archive(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, "save it as .xlsx or CSV"),
        (archive(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "save it as .xlsx or CSV"),
        (archive(xl__workbook_xml=b"no workbook"), "damaged Excel workbook"),
        (archive(xl__workbook_xml=b"0" * 60_000_000), "the workbook is too large"),
        (b"PK\x03\x04 and no more", "damaged Excel workbook"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x1f\x8b\x08", "unpack it first"),
        (b"\n<!DOCTYPE HTML><title>Sign in</title>", "a web page"),
        (b"\xff\xfe\xfd", "neither UTF-8 nor UTF-16"),
        (b"", "no row makes a contact"),
        (b"12\n13\n", "row 1: '12' is no phone number"),
        (b"1\n" * 200_001, "more than 200,000 rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_the_list(
    sandbox: Sandbox, web: Web, content: bytes, reason: str
) -> None:
    """W8: the reason stood only in the sandbox's state page."""
    list_id = sandbox.new_list()
    told, contacts = imported(sandbox, web.serve("/people", content), list_id=list_id)
    assert contacts == []
    assert told["status"] == "failed"
    assert reason in told["error"]
    (row,) = [row for row in sandbox.get("/v3/lists")["data"] if row["list_id"] == list_id]
    assert row["_last_import"] == told


def test_without_the_extra_an_excel_file_is_refused_with_the_way_to_get_it(
    sandbox: Sandbox, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W8: what is missing is named."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    told, _ = imported(sandbox, web.serve("/people.xlsx", workbook((ANA, "Ana", "Reyes"))))
    assert "pip install 'clicksend-mcp[excel]'" in told["error"]


def test_the_answer_to_an_import_says_where_its_end_is_told(sandbox: Sandbox, web: Web) -> None:
    """W8: successful, and then silence."""
    order = {"file_url": web.serve("/people.csv", ANA), "field_order": ["phone"]}
    assert "_last_import" in sandbox.post(f"/v3/lists/{sandbox.new_list()}/import", order)["msg"]


def test_an_export_of_the_sandbox_can_be_imported(sandbox: Sandbox) -> None:
    """M6: also where the sandbox fetches nothing from this machine."""
    url = sandbox.get(f"/v3/lists/{sandbox.new_list(ANA)}/export", filename="a.csv")["url"]
    _, contacts = imported(sandbox, url, "phone")
    assert [number for number, _, _ in contacts] == [ANA]
    assert not [call for call in sandbox.control("GET", "calls")["calls"] if call["path"].startswith("/files/")]
