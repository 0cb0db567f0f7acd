"""Moving contacts in bulk: importing a CSV file from the web, exporting a list as a CSV file."""

import csv
import io
import random
import uuid
from functools import partial

import httpx

from server.sandbox.answers import Answer, Call, bad_request, required_text
from server.sandbox.lists import CONTACT_FIELDS, REACHABLE_BY, add_contact, count_contacts, find_list
from server.sandbox.models import ContactList, Import, keep

# The importer has column names of its own; the last is for a column to be left out.
FIELD_BY_COLUMN = {name: name for name in CONTACT_FIELDS if not name.startswith(("phone", "custom"))} | {
    "phone": "phone_number",
    "custom1": "custom_1",
    "custom2": "custom_2",
    "custom3": "custom_3",
    "custom4": "custom_4",
    "": "",
}
HEADINGS = (set(FIELD_BY_COLUMN) | set(CONTACT_FIELDS)) - {""}
FETCH_SECONDS = 5
MAX_FILE_BYTES = 10 * 1024 * 1024

Fields = dict[str, str | None]


def import_list(call: Call) -> Answer:
    """POST /v3/lists/{list_id}/import: the file is fetched once the answer has been given."""
    contact_list = find_list(call)
    file_url = required_text(call.body, "file_url")
    columns = _columns(call.body.get("field_order"))
    job = Import(str(random.randrange(10**18, 10**19)), contact_list.list_id, file_url)
    call.account.imports.append(job)
    contact_list.imports_running += 1
    data = {"msg": "Import started.", "ids": [job.import_id], "id": job.import_id}
    return Answer(data, "Import started.", partial(_run_import, call, contact_list, columns, job))


def export_list(call: Call) -> Answer:
    """GET /v3/lists/{list_id}/export: the address of a CSV file which anybody who knows it may fetch."""
    contact_list = find_list(call)
    filename = call.query.get("filename")
    if not filename:
        raise bad_request("filename is missing.")
    file_id = str(uuid.uuid4()).upper()
    keep(call.world.files, file_id, _as_csv(contact_list), call.world.limits.files)
    url = httpx.URL(f"{call.origin}/files/{file_id}", params={"filename": filename})
    return Answer({"url": str(url)}, "The file can be fetched.")


def _columns(field_order: object) -> list[str]:
    """The columns in order, from a list or, for the sake of the official SDK, a text with commas."""
    columns = field_order.split(",") if isinstance(field_order, str) else field_order
    if not isinstance(columns, list) or not columns:
        raise bad_request("field_order must name the columns.")
    names = [column.strip() if isinstance(column, str) else "?" for column in columns]
    if unknown := [name for name in names if name not in FIELD_BY_COLUMN]:
        raise bad_request(f"field_order has unknown columns: {', '.join(unknown)}.")
    return names


async def _run_import(call: Call, contact_list: ContactList, columns: list[str], job: Import) -> None:
    """Add everything in the file, or nothing at all when it cannot be fetched and read."""
    try:
        rows = _rows(await _fetch(job.file_url), columns)
        reachable = [row for row in rows if any(row.get(name) for name in REACHABLE_BY)]
        if not reachable:
            raise ValueError("no row has a phone number, an email address or a fax number")
        if contact_list.list_id not in call.account.lists:
            raise ValueError("the list has been deleted")
        if count_contacts(call.account) + len(reachable) > call.world.limits.contacts:
            raise ValueError("the account would have too many contacts")
        for row in reachable:
            add_contact(call.world, call.account, contact_list, row)
        job.status, job.added, job.skipped = "done", len(reachable), len(rows) - len(reachable)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, csv.Error) as error:
        job.status, job.error = "failed", f"{type(error).__name__}: {error}"
    finally:
        contact_list.imports_running -= 1


async def _fetch(url: str) -> str:
    """The text of a web address, as far as an import accepts it."""
    async with (
        httpx.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=True, trust_env=False) as client,
        client.stream("GET", url) as response,
    ):
        response.raise_for_status()
        content = b""
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_FILE_BYTES:
                raise ValueError("the file is too large")
    return content.decode("utf-8-sig")


def _rows(text: str, columns: list[str]) -> list[Fields]:
    lines = [line for line in csv.reader(io.StringIO(text), strict=True) if any(line)]
    if lines and _is_header(lines[0]):
        del lines[0]
    return [_fields(columns, line) for line in lines]


def _is_header(line: list[str]) -> bool:
    return any(cell.strip().lower().replace(" ", "_") in HEADINGS for cell in line)


def _fields(columns: list[str], line: list[str]) -> Fields:
    cells = zip(columns, line, strict=False)  # a row may be shorter or longer than the columns
    fields: Fields = {FIELD_BY_COLUMN[column]: cell.strip() for column, cell in cells}
    fields.pop("", None)
    return fields


def _as_csv(contact_list: ContactList) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, CONTACT_FIELDS)
    writer.writeheader()
    writer.writerows(contact.fields for contact in contact_list.contacts.values())
    return file.getvalue().encode()
