"""Contact lists and contacts, their import from a CSV file and their export to one."""

import csv
import io
from typing import Any

import httpx
import pytest
from support.sandbox_client import ANA, BEN, HOUR, Sandbox, Web, until


def contacts(sandbox: Sandbox, list_id: int, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sandbox.get(f"/v3/lists/{list_id}/contacts", **query)["data"]
    return rows


def start_import(sandbox: Sandbox, list_id: int, file_url: str, *columns: str) -> None:
    sandbox.post(f"/v3/lists/{list_id}/import", {"file_url": file_url, "field_order": list(columns)})


def finished_import(sandbox: Sandbox, list_id: int, file_url: str, *columns: str) -> dict[str, Any]:
    start_import(sandbox, list_id, file_url, *columns)
    until(lambda: sandbox.account()["imports"][-1]["status"] != "running")
    job: dict[str, Any] = sandbox.account()["imports"][-1]
    return job


def test_a_list_name_is_cut_at_50_characters_and_may_repeat(sandbox: Sandbox) -> None:
    for _ in range(2):
        assert sandbox.post("/v3/lists", {"list_name": "n" * 60})["list_name"] == "n" * 50
    page = sandbox.get("/v3/lists", q="list_name:nnn", order_by="list_id:desc")
    assert page["total"] == 2
    assert page["data"][0]["list_id"] > page["data"][1]["list_id"]


@pytest.mark.parametrize("body", [{}, {"list_name": ""}, {"list_name": 7}])
def test_a_list_needs_a_name(sandbox: Sandbox, body: Any) -> None:
    assert sandbox.refused("POST", "/v3/lists", body) == (400, "BAD_REQUEST")


def test_2000_lists_are_the_most(sandbox: Sandbox) -> None:
    for _ in range(2000):
        sandbox.new_list()
    assert sandbox.refused("POST", "/v3/lists", {"list_name": "One more"}) == (400, "BAD_REQUEST")
    page = sandbox.get("/v3/lists", page=20, limit=100)
    assert (len(page["data"]), page["last_page"]) == (
        100,
        21,
    )  # the last page has one list, as the opt-out list counts too


def test_the_pages_of_lists_carry_links(sandbox: Sandbox) -> None:
    for _ in range(2):
        sandbox.new_list()
    page = sandbox.get("/v3/lists", page=2, limit=1)
    url = f"{sandbox.url}/v3/lists"
    assert (page["path"], page["first_page_url"], page["last_page_url"]) == (url, f"{url}?page=1", f"{url}?page=3")
    assert [(link["page"], link["active"]) for link in page["links"]] == [
        (1, False),
        (1, False),
        (2, True),
        (3, False),
        (3, False),
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v3/lists/7"),
        ("DELETE", "/v3/lists/7"),
        ("GET", "/v3/lists/seven/contacts"),
        ("POST", "/v3/lists/7/contacts"),
        ("POST", "/v3/lists/7/import"),
        ("GET", "/v3/lists/7/export"),
    ],
)
def test_an_unknown_list_is_forbidden(sandbox: Sandbox, method: str, path: str) -> None:
    assert sandbox.refused(method, path, {"phone_number": ANA}) == (403, "FORBIDDEN")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_contact_or_its_list_is_not_found(sandbox: Sandbox, method: str) -> None:
    list_id = sandbox.new_list(ANA)
    (contact,) = contacts(sandbox, list_id)
    for path in (f"/v3/lists/7/contacts/{contact['contact_id']}", f"/v3/lists/{list_id}/contacts/7"):
        assert sandbox.refused(method, path, {"first_name": "Ana"}) == (404, "NOT_FOUND")


def test_fields_that_were_never_given_are_null_or_empty(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    (contact,) = contacts(sandbox, list_id)
    assert (contact["first_name"], contact["custom_1"], contact["address_country"]) == (None, "", "AU")
    assert contact["date_added"] == contact["date_updated"] == sandbox.now()


@pytest.mark.parametrize("field", ["phone_number", "email", "fax_number"])
def test_a_contact_can_be_reached_in_one_of_three_ways(sandbox: Sandbox, field: str) -> None:
    path = f"/v3/lists/{sandbox.new_list()}/contacts"
    assert sandbox.post(path, {field: "x"})[field] == "x"
    assert sandbox.refused("POST", path, {field: ""}) == (400, "BAD_REQUEST")
    assert sandbox.refused("POST", path, {"first_name": "Ana"}) == (400, "BAD_REQUEST")


def test_a_field_that_is_no_text_is_refused_with_a_number_for_a_code(sandbox: Sandbox) -> None:
    path = f"/v3/lists/{sandbox.new_list()}/contacts"
    assert sandbox.refused("POST", path, {"phone_number": ANA, "custom_1": 7}) == (400, 400)


def test_an_update_leaves_other_fields_alone(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list()
    ana = sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": ANA, "first_name": "Ana"})
    path = f"/v3/lists/{list_id}/contacts/{ana['contact_id']}"
    sandbox.advance(10)
    changed = sandbox.put(path, {"last_name": "Novak"})
    assert (changed["first_name"], changed["last_name"]) == ("Ana", "Novak")
    assert changed["date_updated"] == changed["date_added"] + 10
    assert sandbox.refused("PUT", path, {"phone_number": ""}) == (400, "BAD_REQUEST")
    assert sandbox.get(path) == changed


def test_contacts_are_paged_and_filtered_by_their_last_change(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    start = sandbox.now()
    sandbox.advance(HOUR)
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"phone_number": BEN})
    assert [row["phone_number"] for row in contacts(sandbox, list_id, limit=1, page=2)] == [BEN]
    assert [row["phone_number"] for row in contacts(sandbox, list_id, updated_after=start)] == [BEN]


def test_deleting_a_list_deletes_its_contacts(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA, BEN)
    (ana, _) = contacts(sandbox, list_id)
    assert sandbox.delete(f"/v3/lists/{list_id}/contacts/{ana['contact_id']}") == []
    assert sandbox.get(f"/v3/lists/{list_id}")["_contacts_count"] == 1
    assert sandbox.delete(f"/v3/lists/{list_id}") == []
    assert sandbox.account()["contacts"] == 0


# Imports


@pytest.mark.parametrize(
    "header", ["", "Phone,First Name,Notes,Custom1\n", "\ufeffphone_number,first_name,notes,custom_1\r\n"]
)
def test_an_import_reads_a_csv_file_with_or_without_a_header(sandbox: Sandbox, web: Web, header: str) -> None:
    text = f'{header}{ANA},"Ana, the first",x,gold,surplus\n\n ,nobody\n{BEN}\n'
    list_id = sandbox.new_list()
    columns = ("phone", "first_name", "", "custom1")
    job = finished_import(sandbox, list_id, web.serve("/people.csv", text), *columns)
    assert (job["status"], job["added"], job["refused"]) == ("done", 2, 1)
    ana, ben = contacts(sandbox, list_id)
    assert (ana["phone_number"], ana["first_name"], ana["custom_1"]) == (ANA, "Ana, the first", "gold")
    assert (ben["phone_number"], ben["first_name"], ben["custom_1"]) == (BEN, None, "")


def test_an_import_is_in_progress_until_its_file_has_been_read(sandbox: Sandbox, web: Web) -> None:
    web.gate.clear()
    list_id = sandbox.new_list()
    start_import(sandbox, list_id, web.serve("/people.csv", ANA), "phone")
    state = sandbox.get(f"/v3/lists/{list_id}")
    assert (state["_import_in_progress"], state["_contacts_count"]) == (1, 0)
    web.gate.set()
    until(lambda: sandbox.get(f"/v3/lists/{list_id}")["_import_in_progress"] == 0)
    assert sandbox.get(f"/v3/lists/{list_id}")["_contacts_count"] == 1


def test_an_import_into_a_list_that_is_deleted_meanwhile_fails(sandbox: Sandbox, web: Web) -> None:
    web.gate.clear()
    list_id = sandbox.new_list()
    start_import(sandbox, list_id, web.serve("/people.csv", ANA), "phone")
    sandbox.delete(f"/v3/lists/{list_id}")
    web.gate.set()
    until(lambda: sandbox.account()["imports"][0]["status"] == "failed")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "no row makes a contact (there are none)"),
        (b"phone\n", "no row makes a contact (there are none)"),
        (b"\xff\xfe\xfd", "neither UTF-8 nor UTF-16"),
        (b'"never closed', "row 1: a quotation mark is out of place"),
        (b"x" * (10 * 1024 * 1024 + 1), "larger than 10 MB"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_the_list_unchanged(
    sandbox: Sandbox, web: Web, content: bytes, error: str
) -> None:
    list_id = sandbox.new_list(ANA)
    job = finished_import(sandbox, list_id, web.serve("/people.csv", content), "phone")
    assert job["status"] == "failed"
    assert error in job["error"]
    assert len(contacts(sandbox, list_id)) == 1


@pytest.mark.parametrize("file_url", ["{web}/missing.csv", "http://127.0.0.1:9/", "nonsense", "http://[", "data:,"])
def test_a_file_that_cannot_be_fetched_leaves_the_list_unchanged(sandbox: Sandbox, web: Web, file_url: str) -> None:
    list_id = sandbox.new_list(ANA)
    job = finished_import(sandbox, list_id, file_url.format(web=web.url), "phone")
    assert (job["status"], job["list_id"]) == ("failed", list_id)
    assert len(contacts(sandbox, list_id)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"file_url": "http://x"},
        {"field_order": ["phone"]},
        {"file_url": "http://x", "field_order": []},
        {"file_url": "http://x", "field_order": ["phone", "shoe_size"]},
        {"file_url": "http://x", "field_order": ["phone_number"]},
        {"file_url": "http://x", "field_order": ["custom_1"]},
        {"file_url": "http://x", "field_order": [1]},
        {"file_url": "http://x", "field_order": {"phone": 1}},
    ],
)
def test_an_import_needs_a_file_and_the_importers_own_column_names(sandbox: Sandbox, body: Any) -> None:
    path = f"/v3/lists/{sandbox.new_list()}/import"
    assert sandbox.refused("POST", path, body) == (400, "BAD_REQUEST")
    assert sandbox.account()["imports"] == []


# Exports


def test_an_export_is_a_csv_file_that_needs_no_credentials(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    sandbox.post(f"/v3/lists/{list_id}/contacts", {"email": "ben@example.com", "first_name": "Ben, B"})
    url = sandbox.get(f"/v3/lists/{list_id}/export", filename="my customers.csv")["url"]
    assert url.startswith(f"{sandbox.url}/files/")
    assert httpx.URL(url).params["filename"] == "my customers.csv"
    response = httpx.get(url, trust_env=False)
    assert response.headers["content-type"].startswith("text/csv")
    ana, ben = csv.DictReader(io.StringIO(response.text))
    assert (ana["phone_number"], ana["email"]) == (ANA, "")
    assert (ben["email"], ben["first_name"]) == ("ben@example.com", "Ben, B")


def test_an_export_stays_as_it_was_when_the_list_changes(sandbox: Sandbox) -> None:
    list_id = sandbox.new_list(ANA)
    url = sandbox.get(f"/v3/lists/{list_id}/export", filename="a.csv")["url"]
    sandbox.delete(f"/v3/lists/{list_id}")
    assert ANA in sandbox.http.get(url).text


def test_the_export_address_uses_the_host_the_client_knows(sandbox: Sandbox) -> None:
    path = f"/v3/lists/{sandbox.new_list()}/export"
    response = sandbox.http.get(path, params={"filename": "a.csv"}, headers={"host": "sandbox.test:81"})
    assert response.json()["data"]["url"].startswith("http://sandbox.test:81/files/")


def test_an_export_needs_a_filename_and_an_unknown_file_is_not_found(sandbox: Sandbox) -> None:
    assert sandbox.refused("GET", f"/v3/lists/{sandbox.new_list()}/export") == (400, "BAD_REQUEST")
    assert sandbox.refused("GET", "/files/UNKNOWN") == (404, "NOT_FOUND")
