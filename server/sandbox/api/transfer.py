"""Contacts in bulk: the import of a file from the web, and the export of a list as a CSV file."""

import csv
import io
import random
import re
import uuid
from functools import partial

import anyio.to_thread
import httpx

from server.sandbox.api import fetching, tables
from server.sandbox.api.answers import Answer, Call, bad_request, required_text
from server.sandbox.api.contacts import CONTACT_FIELDS, REACHABLE_BY, add_contact, count_contacts
from server.sandbox.api.lists import find_list
from server.sandbox.api.tables import Cells, Table
from server.sandbox.state.models import ContactList, Import, keep
from server.sandbox.state.numbers import is_country, normalise

# The importer has its own column names; the empty one skips a column.
FIELD_BY_COLUMN = {name: name for name in CONTACT_FIELDS if not name.startswith(("phone", "custom"))} | {
    "phone": "phone_number",
    "custom1": "custom_1",
    "custom2": "custom_2",
    "custom3": "custom_3",
    "custom4": "custom_4",
    "": "",
}
MAX_REASONS = 5  # that an import reports
MAX_CELL = 24  # characters of a cell in a reason

_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+")
_ROUNDED = re.compile(r"[0-9.,]+[eE]\+?[0-9]+")

Fields = dict[str, str | None]


class RowRefused(Exception):
    """A row makes no contact; the reason."""


def import_list(call: Call) -> Answer:
    """POST /v3/lists/{list_id}/import: the file is fetched after the answer has been sent."""
    contact_list = find_list(call)
    file_url = required_text(call.body, "file_url")
    columns = _columns(call.body.get("field_order"))
    job = Import(str(random.randrange(10**18, 10**19)), contact_list.list_id, file_url)
    call.account.imports.append(job)
    contact_list.imports_running += 1
    contact_list.last_import = job
    message = "Import started. How it ends, and which rows are refused, is told by the list, in _last_import."
    data = {"msg": message, "ids": [job.import_id], "id": job.import_id}
    return Answer(data, "Import started.", partial(_run_import, call, contact_list, columns, job))


def export_list(call: Call) -> Answer:
    """GET /v3/lists/{list_id}/export: the address of a CSV file, which can be fetched without credentials."""
    contact_list = find_list(call)
    filename = call.query.get("filename")
    if not filename:
        raise bad_request("filename is missing.")
    file_id = str(uuid.uuid4()).upper()
    keep(call.world.files, file_id, _as_csv(contact_list), call.world.limits.files)
    url = httpx.URL(f"{call.origin}/files/{file_id}", params={"filename": filename})
    return Answer({"url": str(url)}, "The file can be fetched.")


def _columns(field_order: object) -> list[str]:
    """The columns in order, from a list or, as the official SDK sends it, a comma-separated text."""
    columns = field_order.split(",") if isinstance(field_order, str) else field_order
    if not isinstance(columns, list) or not columns:
        raise bad_request("field_order must name the columns.")
    names = [column.strip() if isinstance(column, str) else "?" for column in columns]
    if unknown := [name for name in names if name not in FIELD_BY_COLUMN]:
        raise bad_request(f"field_order has unknown columns: {', '.join(unknown)}.")
    return names


async def _run_import(call: Call, contact_list: ContactList, columns: list[str], job: Import) -> None:
    """Add the contacts in a file to the list, and record the result in the job."""
    try:
        content = await _content(call, job.file_url)
        table, contacts = await anyio.to_thread.run_sync(_contacts, content, columns, call.account.country, job)
        job.read_as = table.read_as
        if not contacts:
            raise tables.Unreadable(f"no row makes a contact ({'; '.join(job.reasons) or 'there are none'})")
        if contact_list.list_id not in call.account.lists:
            raise tables.Unreadable("the list has been deleted")
        if count_contacts(call.account) + len(contacts) > call.world.limits.contacts:
            raise tables.Unreadable("the account would have too many contacts")
        for fields in contacts:
            add_contact(call.world, call.account, contact_list, fields)
        job.status, job.added = "done", len(contacts)
    except (fetching.NotFetched, tables.Unreadable) as error:
        job.status, job.error = "failed", str(error)
    finally:
        contact_list.imports_running -= 1


async def _content(call: Call, url: str) -> bytes:
    """The file at an address. An export of this sandbox is not fetched."""
    folder, _, file_id = url.partition("?")[0].rpartition("/")
    if folder == f"{call.origin}/files" and file_id in call.world.files:
        return call.world.files[file_id]
    return await fetching.fetch(url, call.world.may_reach, call.world.limits.fetch_seconds)


def _contacts(content: bytes, columns: list[str], home: str, job: Import) -> tuple[Table, list[Fields]]:
    """The rows and the contacts in a file; refused rows are counted in the job, with the reasons."""

    def makes_contact(cells: Cells) -> bool:
        try:
            return bool(_contact(_fields(columns, cells), home))
        except RowRefused:
            return False

    table = tables.read(content, makes_contact)
    contacts = []
    for index, (number, cells) in enumerate(table.rows):
        try:
            if cells is None:
                raise RowRefused("a quotation mark is out of place")
            fields = _fields(columns, cells)
            if index == 0 and _is_header(fields, home):
                continue
            contacts.append(_contact(fields, home))
        except RowRefused as refused:
            job.refused += 1
            if len(job.reasons) < MAX_REASONS:
                job.reasons.append(f"row {number}: {refused}")
    return table, contacts


def _fields(columns: list[str], cells: Cells) -> Fields:
    pairs = zip(columns, cells, strict=False)  # a row may be shorter or longer than the columns
    fields: Fields = {FIELD_BY_COLUMN[column]: cell.strip() for column, cell in pairs}
    fields.pop("", None)
    return fields


def _is_header(fields: Fields, home: str) -> bool:
    """Whether a row has words in place of a phone number, an email and a fax number."""
    cells = [cell for name in REACHABLE_BY if (cell := fields.get(name))]
    if not cells or not all(cell[0].isalpha() for cell in cells):
        return False
    try:
        return not _contact(fields, home)
    except RowRefused:
        return True


def _contact(fields: Fields, home: str) -> Fields:
    """The fields of a contact, its numbers in E.164. Raises RowRefused."""
    country = (fields.get("address_country") or "").upper()
    if not is_country(country):
        country = home
    contact = dict(fields)
    for name in ("phone_number", "fax_number"):
        if cell := fields.get(name):
            contact[name] = normalise(cell, country)
            if contact[name] is None:
                raise RowRefused(_no_number(cell, name, country))
    email = fields.get("email") or ""
    if not (contact.get("phone_number") or contact.get("fax_number")):
        if not email:
            raise RowRefused("it has no phone number, email or fax number")
        if not _EMAIL.fullmatch(email):
            raise RowRefused(f"{_shown(email)} is no email address")
    return contact


def _no_number(cell: str, name: str, country: str) -> str:
    kind = "phone" if name == "phone_number" else "fax"
    hint = ""
    if _ROUNDED.fullmatch(cell) or re.fullmatch(r"[0-9]+[.,]0+", cell):
        hint = ": a spreadsheet has made an amount of it; format the column as text"
    elif cell.count("+") > 1 or re.search(r"[0-9][^0-9]*[,;/&|]", cell):
        hint = ": one number a cell"
    return f"{_shown(cell)} is no {kind} number, neither international nor of {country}{hint}"


def _shown(cell: str) -> str:
    printable = "".join(filter(str.isprintable, cell))
    return repr(printable if len(printable) <= MAX_CELL else f"{printable[:MAX_CELL]}...")


def _as_csv(contact_list: ContactList) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, CONTACT_FIELDS)
    writer.writeheader()
    writer.writerows(contact.fields for contact in contact_list.contacts.values())
    return file.getvalue().encode()
