"""Files of contacts as people have them: each row gives the right phone, or is refused with a reason."""

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
    """The result of an import, and the contacts of its list: phone, first and last name."""
    list_id = list_id or sandbox.new_list()
    sandbox.post(f"/v3/lists/{list_id}/import", {"file_url": url, "field_order": list(columns or COLUMNS)})
    until(lambda: sandbox.get(f"/v3/lists/{list_id}")["_import_in_progress"] == 0)
    result: dict[str, Any] = sandbox.get(f"/v3/lists/{list_id}")["_last_import"]
    rows = sandbox.get(f"/v3/lists/{list_id}/contacts", limit=100)["data"]
    return result, [(row["phone_number"], row["first_name"], row["last_name"]) for row in rows]


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
    """Spreadsheets save ANSI, UTF-16 and Mac files."""
    text = lines(*([header] if header else []), *PEOPLE)
    result, contacts = imported(sandbox, web.serve("/people.csv", text.encode(encoding)))
    assert contacts == PEOPLE
    assert (result["status"], result["rows_taken"], result["rows_refused"], result["error"]) == ("done", 2, 0, None)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends_are_detected(sandbox: Sandbox, web: Web, separator: str, end: str) -> None:
    """Otherwise whole rows become phone numbers. Old Mac files end lines with CR."""
    rows = [("+61400000001", "Ana, the first; or not", "Reyes\nNovak"), ("+61400000002", "Bo", "")]
    _, contacts = imported(sandbox, web.serve("/people.csv", lines(*rows, separator=separator, end=end)))
    assert contacts == rows


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'.strip('"'), "sep=;\r"])
def test_the_line_that_declares_the_separator_is_not_a_contact(sandbox: Sandbox, web: Web, first: str) -> None:
    """Excel reads and hides a first line such as `sep=;`."""
    _, contacts = imported(sandbox, web.serve("/people.csv", f"{first}\n{ANA};Ana;Reyes\n"))
    assert contacts == [(ANA, "Ana", "Reyes")]


def test_one_column_of_several_is_enough(sandbox: Sandbox, web: Web) -> None:
    """A row of tabs must not become the phone number if only the phone is imported."""
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
    """A wrong reading would message and charge other phones, even abroad."""
    text = lines(("+61400000099", "First", ""), (cell, "Ana", "Reyes"), ("+61400000098", "Last", ""))
    result, contacts = imported(sandbox, web.serve("/people.csv", text))
    assert [number for number, first, _ in contacts if first == "Ana"] == ([phone] if phone else [])
    assert (result["rows_taken"], result["rows_refused"]) == ((3, 0) if phone else (2, 1))
    assert [reason.startswith("row 2: ") for reason in result["reasons"]] == ([] if phone else [True])


def test_a_country_column_decides_how_local_numbers_are_read(sandbox: Sandbox, web: Web) -> None:
    """ClickSend's help describes a country column for lists that span countries."""
    text = lines(("021 123 4567", "NZ"), ("0400000001", "AU"), ("0400000002", "Atlantis"), ("07700 900123", "gb"))
    _, contacts = imported(sandbox, web.serve("/people.csv", text), "phone", "address_country")
    assert [number for number, _, _ in contacts] == ["+64211234567", "+61400000001", "+61400000002", "+447700900123"]


@pytest.mark.parametrize("broken", ['+61400000002,"Bo" Jr,Ng', '+61400000002,"Bo Jr,Ng', '"+61400000002,Bo,Ng'])
def test_a_stray_quotation_mark_costs_one_row(sandbox: Sandbox, web: Web, broken: str) -> None:
    """One stray quotation mark must not swallow the rest of the file."""
    text = f'+61400000001,Ana,6" Pipe\n{broken}\n+61400000003,"Cy, Jr",Lee\n+61400000004,Di,"Ma"\n'
    result, contacts = imported(sandbox, web.serve("/people.csv", text))
    assert [first for _, first, _ in contacts] == ["Ana", "Cy, Jr", "Di"]
    assert result["reasons"] == ["row 2: a quotation mark is out of place"]


@pytest.mark.parametrize("header", ["Phone 1 - Value,Given Name,x", "Telefon,Vorname,x", "E-mail,b,c", "电话,名,姓"])
def test_a_header_of_other_words_is_not_a_contact(sandbox: Sandbox, web: Web, header: str) -> None:
    """Exports of address books have headers such as "Phone 1 - Value"."""
    result, contacts = imported(sandbox, web.serve("/people.csv", f"{header}\n{ANA},Ana,Reyes\n"))
    assert contacts == [(ANA, "Ana", "Reyes")]
    assert result["rows_refused"] == 0


@pytest.mark.parametrize("word", ["email", "Phone", "First Name", "custom1"])
def test_a_row_with_a_phone_is_never_a_header(sandbox: Sandbox, web: Web, word: str) -> None:
    """A cell that reads `email` does not make a row a header."""
    _, contacts = imported(sandbox, web.serve("/people.csv", f"{ANA},{word},Reyes\n+61400000002,Bo,Ng\n"))
    assert [first for _, first, _ in contacts] == [word, "Bo"]


def test_an_empty_name_skips_a_column(sandbox: Sandbox, web: Web) -> None:
    _, contacts = imported(sandbox, web.serve("/people.csv", f"x,{ANA},y,Ana,z\n"), "", "phone", "", "first_name")
    assert contacts == [(ANA, "Ana", None)]


def test_an_email_address_without_a_phone_has_to_be_valid(sandbox: Sandbox, web: Web) -> None:
    """A row without a phone is a contact by its email address."""
    text = "ana@example.com\nnobody\n,\nbo@example\n"
    result, contacts = imported(sandbox, web.serve("/people.csv", text), "email", "")
    assert len(contacts) == 1
    assert result["reasons"] == ["row 2: 'nobody' is no email address", "row 4: 'bo@example' is no email address"]


def test_all_refused_rows_are_counted_and_the_first_reasons_given(sandbox: Sandbox, web: Web) -> None:
    result, _ = imported(sandbox, web.serve("/people.csv", f"{ANA}\n" + "12\n" * 40), "phone")
    assert (result["rows_taken"], result["rows_refused"], len(result["reasons"])) == (1, 40, 5)


# Excel


def test_an_excel_workbook_is_read(sandbox: Sandbox, web: Web) -> None:
    """Excel stores numbers as floats, without a leading 0."""
    file = workbook(("Telefon", "Vorname", "Nachname"), *PEOPLE, (61400000001, "Bo", None), (400000002.0, "Cy", "Lee"))
    result, contacts = imported(sandbox, web.serve("/people.xlsx", file))
    assert contacts == [*PEOPLE, ("+61400000001", "Bo", ""), ("+61400000002", "Cy", "Lee")]
    assert result["read_as"] == "Excel workbook, its first sheet"


def test_a_workbook_with_a_cell_in_its_last_corner_takes_no_memory(sandbox: Sandbox, web: Web) -> None:
    """A file of 5 kB may claim 17 billion cells."""
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
def test_the_list_gives_the_reason_why_a_file_cannot_be_read(
    sandbox: Sandbox, web: Web, content: bytes, reason: str
) -> None:
    """The list gives the reason, as no other answer can."""
    list_id = sandbox.new_list()
    result, contacts = imported(sandbox, web.serve("/people", content), list_id=list_id)
    assert contacts == []
    assert result["status"] == "failed"
    assert reason in result["error"]
    (row,) = [row for row in sandbox.get("/v3/lists")["data"] if row["list_id"] == list_id]
    assert row["_last_import"] == result


def test_without_the_extra_an_excel_file_is_refused_with_the_way_to_get_it(
    sandbox: Sandbox, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names the missing package."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    result, _ = imported(sandbox, web.serve("/people.xlsx", workbook((ANA, "Ana", "Reyes"))))
    assert "pip install 'clicksend-mcp[excel]'" in result["error"]


def test_the_answer_to_an_import_says_where_to_find_its_result(sandbox: Sandbox, web: Web) -> None:
    """A successful answer says only that the import has started."""
    order = {"file_url": web.serve("/people.csv", ANA), "field_order": ["phone"]}
    assert "_last_import" in sandbox.post(f"/v3/lists/{sandbox.new_list()}/import", order)["msg"]


def test_an_export_of_the_sandbox_can_be_imported(sandbox: Sandbox) -> None:
    """Even by a sandbox that fetches nothing from this machine."""
    url = sandbox.get(f"/v3/lists/{sandbox.new_list(ANA)}/export", filename="a.csv")["url"]
    _, contacts = imported(sandbox, url, "phone")
    assert [number for number, _, _ in contacts] == [ANA]
    assert not [call for call in sandbox.control("GET", "calls")["calls"] if call["path"].startswith("/files/")]
