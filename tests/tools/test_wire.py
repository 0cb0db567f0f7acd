"""Requests to ClickSend: for each action the exact method, path, query and body that its arguments become."""

from typing import Any

import httpx
import pytest
from support.cases import CASES, FOLDER, Case

from tools.catalog import TOOLSETS, catalog
from tools.route import get, post, put

BASE = "https://clicksend.test"


def wire_request(slug: str, arguments: dict[str, Any]) -> httpx.Request:
    """The request as httpx puts it on the wire."""
    action = catalog()[slug]
    request = action.request(action.input.model_validate(arguments))
    return httpx.Request(request.method, BASE + request.path, params=request.query, json=request.body)


def test_every_action_has_a_case_in_the_file_of_its_toolset() -> None:
    described = {file.stem: file.read_text("utf-8") for file in FOLDER.glob("*.toml")}
    lacking = [
        action.slug
        for toolset in TOOLSETS.values()
        for action in toolset.actions
        if f"[[{action.slug}]]" not in described.get(toolset.name, "")
    ]

    assert not lacking
    assert {case.slug for case in CASES} == set(catalog())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.slug} {case.name}")
def test_arguments_become_exactly_this_request(case: Case) -> None:
    request = wire_request(case.slug, case.arguments)
    line = f"{request.method} {request.url.raw_path.decode().removesuffix('?')}"

    assert f"{line} {request.content.decode()}".rstrip() == case.request
    assert ("content-type" in request.headers) == bool(request.content)


@pytest.mark.parametrize(
    "text",
    [
        "Grüße 👩‍👩‍👧 🇦🇺",
        "\u201cquoted\u201d \u2018too\u2019 \u2013 it\u2019s",
        "  two spaces first",
        "line\r\nbreaks\n",
        "null",
        "[1]",
        '{"a":1}',
        '"',
        "0",
    ],
    ids=ascii,
)
def test_a_text_leaves_byte_for_byte_as_it_was_given(text: str) -> None:
    request = wire_request("CLICKSEND_CREATE_SMS_SEND", {"messages": [{"to": "+61411111111", "body": text}]})

    assert httpx.Response(200, content=request.content).json()["messages"][0]["body"] == text


def test_letters_of_any_script_leave_as_utf_8_and_not_as_escapes() -> None:
    request = wire_request("CLICKSEND_CREATE_LISTS", {"list_name": "Привет 👋"})

    assert request.content == '{"list_name":"Привет 👋"}'.encode()


# --- routes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1/../2", "a?b=c", "a#b", "%2e%2e", "ü", "{other}", "../../account"])
def test_a_value_in_the_path_cannot_lead_to_another_path(value: str) -> None:
    request = get("/v3/lists/{list_id}/contacts").fill({"list_id": value})
    url = httpx.URL(BASE + request.path)

    assert url.path == f"/v3/lists/{value}/contacts"
    assert url.raw_path.count(b"/") == 4
    assert not url.query
    assert not url.fragment


def test_what_is_not_in_the_path_goes_into_the_query_of_a_get_and_the_body_of_the_others() -> None:
    values = {"id": 1, "a": "x"}

    assert get("/v3/{id}").fill(values).query == {"a": "x"}
    assert get("/v3/{id}").fill(values).body is None
    assert post("/v3/{id}").fill(values).body == put("/v3/{id}").fill(values).body == {"a": "x"}
    assert not post("/v3/{id}").fill(values).query
