"""Plain resources, by the example of SMS templates: records that an account keeps and that do nothing else."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from support.sandbox_client import HOUR, Sandbox

from server.sandbox.api.answers import required_text
from server.sandbox.api.resources import Resource
from server.sandbox.app import build_app
from server.sandbox.state.world import Limits

TEMPLATES = "/v3/sms/templates"


def create(sandbox: Sandbox, name: str = "Welcome", body: str = "Hello (First Name)") -> dict[str, Any]:
    template: dict[str, Any] = sandbox.post(TEMPLATES, {"template_name": name, "body": body})
    return template


def names(sandbox: Sandbox, **query: Any) -> list[str]:
    return [template["template_name"] for template in sandbox.get(TEMPLATES, **query)["data"]]


def test_a_record_is_its_id_and_its_fields(sandbox: Sandbox) -> None:
    template = create(sandbox)
    template_id = template["template_id"]
    assert isinstance(template_id, int)
    assert template == {"template_id": template_id, "template_name": "Welcome", "body": "Hello (First Name)"}
    assert sandbox.get(f"{TEMPLATES}/{template_id}") == template


def test_fields_that_a_resource_does_not_have_are_not_kept(sandbox: Sandbox) -> None:
    created = sandbox.post(TEMPLATES, {"template_name": "Welcome", "body": "Hello", "template_id": 7, "colour": "red"})
    assert set(created) == {"template_id", "template_name", "body"}
    assert created["template_id"] != 7


def test_records_are_listed_in_pages_the_oldest_first(sandbox: Sandbox) -> None:
    for number in range(5):
        create(sandbox, name=f"Template {number}")
    page = sandbox.get(TEMPLATES, page=2, limit=2)
    assert [row["template_name"] for row in page.pop("data")] == ["Template 2", "Template 3"]
    url = f"{sandbox.url}{TEMPLATES}"
    assert page == {
        "total": 5,
        "per_page": 2,
        "current_page": 2,
        "last_page": 3,
        "next_page_url": f"{url}?page=3",
        "prev_page_url": f"{url}?page=1",
        "from": 3,
        "to": 4,
    }
    assert names(sandbox, page=4, limit=2) == []


def test_an_empty_list_has_no_pages(sandbox: Sandbox) -> None:
    page = sandbox.get(TEMPLATES)
    assert (page["total"], page["last_page"], page["data"], page["from"]) == (0, 0, [], None)


def test_a_list_is_searched_and_sorted_by_any_field(sandbox: Sandbox) -> None:
    for name, body in (("Beta", "Hello"), ("Alpha", "Hello"), ("Alphabet", "Goodbye")):
        create(sandbox, name, body)
    assert names(sandbox, order_by="template_name:asc") == ["Alpha", "Alphabet", "Beta"]
    assert names(sandbox, order_by="template_id:desc") == ["Alphabet", "Alpha", "Beta"]
    assert names(sandbox, q="template_name:ALPHA") == ["Alpha", "Alphabet"]
    assert names(sandbox, q="template_name:alpha,body:hello") == ["Alpha"]
    assert sandbox.refused("GET", TEMPLATES, q="colour:red") == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"template_name": "Welcome"},
        {"body": "Hello"},
        {"template_name": "Welcome", "body": " "},
        {"template_name": 7, "body": "Hello"},
    ],
)
def test_a_missing_or_wrong_field_is_refused_and_nothing_is_kept(sandbox: Sandbox, body: Any) -> None:
    assert sandbox.refused("POST", TEMPLATES, body) == (400, "BAD_REQUEST")
    assert names(sandbox) == []


def test_an_update_changes_the_fields_it_names_and_no_other(sandbox: Sandbox) -> None:
    template, other = create(sandbox), create(sandbox, name="Other")
    path = f"{TEMPLATES}/{template['template_id']}"
    assert sandbox.put(path, {"body": "Good day"}) == {**template, "body": "Good day"}
    assert sandbox.put(path, {"template_name": "Greeting"}) == {
        **template,
        "template_name": "Greeting",
        "body": "Good day",
    }
    assert names(sandbox) == ["Greeting", "Other"]
    assert sandbox.get(f"{TEMPLATES}/{other['template_id']}") == other


def test_a_refused_update_changes_nothing(sandbox: Sandbox) -> None:
    template = create(sandbox)
    path = f"{TEMPLATES}/{template['template_id']}"
    assert sandbox.refused("PUT", path, {"template_name": "Greeting", "body": ""}) == (400, "BAD_REQUEST")
    assert sandbox.get(path) == template


def test_a_deleted_record_is_not_found(sandbox: Sandbox) -> None:
    template, other = create(sandbox), create(sandbox, name="Other")
    path = f"{TEMPLATES}/{template['template_id']}"
    assert sandbox.delete(path) == []
    for method in ("GET", "PUT", "DELETE"):
        assert sandbox.refused(method, path, {"body": "Hello"}) == (404, "NOT_FOUND")
    assert sandbox.get(TEMPLATES)["data"] == [other]
    assert create(sandbox)["template_id"] not in (template["template_id"], other["template_id"])


@pytest.mark.parametrize("template_id", ["7", "seven", "-1"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_record_is_not_found(sandbox: Sandbox, method: str, template_id: str) -> None:
    create(sandbox)
    assert sandbox.refused(method, f"{TEMPLATES}/{template_id}", {"body": "Hello"}) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_record_of_another_account_is_not_found(sandbox: Sandbox, method: str) -> None:
    template = create(sandbox)
    path = f"{TEMPLATES}/{template['template_id']}"
    sandbox.control("POST", "accounts", {"username": "eve", "api_key": "eve"})
    with sandbox.as_user("eve", "eve") as eve:
        answer = eve.request(method, path, json={"body": "Mine now"})
        assert (answer.status_code, answer.json()["response_code"]) == (404, "NOT_FOUND")
        assert sandbox.data(eve.get(TEMPLATES))["total"] == 0
    assert sandbox.get(path) == template


def test_records_need_credentials(sandbox: Sandbox) -> None:
    create(sandbox)
    assert sandbox.http.get(TEMPLATES, auth=("sandbox", "wrong")).status_code == 401


def test_a_reset_forgets_the_records(sandbox: Sandbox) -> None:
    template = create(sandbox)
    sandbox.control("POST", "reset")
    assert names(sandbox) == []
    assert sandbox.refused("GET", f"{TEMPLATES}/{template['template_id']}") == (404, "NOT_FOUND")


def test_the_clock_does_not_go_back_once_a_record_was_made(sandbox: Sandbox) -> None:
    now = sandbox.now()
    sandbox.get(TEMPLATES)
    assert sandbox.control("POST", "clock", {"now": now - HOUR})["now"] == now - HOUR
    create(sandbox)
    order = json.dumps({"now": now - 2 * HOUR})
    assert sandbox.http.post("/_sandbox/clock", content=order).status_code == 400


def test_only_the_newest_records_are_kept() -> None:
    async def run() -> list[str]:
        transport = httpx.ASGITransport(build_app("tester", "key", limits=Limits(others=3)))
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", auth=("tester", "key")) as client:
            for number in range(5):
                await client.post(TEMPLATES, json={"template_name": f"Template {number}", "body": "Hello"})
            rows = (await client.get(TEMPLATES)).json()["data"]["data"]
        return [row["template_name"] for row in rows]

    assert asyncio.run(run()) == ["Template 2", "Template 3", "Template 4"]


def test_a_resource_has_the_operations_of_its_verbs_only() -> None:
    read_only = Resource("/v3/tags", "tag_id", "tag", {"name": required_text}, verbs=("view", "list"))
    assert read_only.operations() == (
        ("GET", "/v3/tags/{tag_id}", read_only.view),
        ("GET", "/v3/tags", read_only.view_all),
    )
