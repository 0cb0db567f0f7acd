"""Properties of any input of any action: it makes a valid request, or it is refused with a reason."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.strategies import JSON, arguments, mangled

from schemas.base import Arguments
from schemas.explain import explain
from tools.action import Action
from tools.catalog import catalog

each_action = pytest.mark.parametrize("action", catalog().values(), ids=catalog())

rules = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# --- ClickSend's rules, stated independently of the models -------------------------------------------


def is_number(value: Any) -> bool:
    return re.fullmatch(r"\+[1-9][0-9]{6,14}", value) is not None


def is_country(value: Any) -> bool:
    return len(value) == 2 and value.isascii() and value.isupper() and value.isalpha()


def is_url(value: Any) -> bool:
    return urlsplit(value).scheme in ("http", "https") and "." in urlsplit(value).netloc


def is_flag(value: Any) -> bool:
    return value in (0, 1) and type(value) is int


def is_schedule(value: Any) -> bool:
    return type(value) is int and (value == 0 or time.time() - 5 <= value < 10**11)


def is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value < 10**11


def is_email(value: Any) -> bool:
    return value.count("@") == 1 and value == value.strip()


COLUMNS = {
    *("phone", "first_name", "last_name", "email", "fax_number", "organization_name", "custom1", "custom2", "custom3"),
    *("custom4", "address_line_1", "address_line_2", "address_city", "address_state", "address_postal_code"),
    "address_country",
}

VALID: dict[str, Callable[[Any], bool]] = {
    "messages": lambda value: 1 <= len(value) <= 1000,
    "recipients": lambda value: len(value) >= 1,
    "field_order": lambda value: {""} < {*value, ""} <= {*COLUMNS, ""} and max(map(value.count, {*value} - {""})) == 1,
    "to": is_number,
    "phone_number": is_number,
    "fax_number": is_number,
    "dedicated_number": lambda value: value == "*" or is_number(value),
    "from": lambda value: len(value) <= 11 or is_number("+" + value.lstrip("+0")),
    "body": lambda value: bool(value.strip()) and len(value) <= 1500,
    "subject": lambda value: 1 <= len(value) <= 20,
    "list_name": lambda value: 1 <= len(value) <= 50,
    "name": lambda value: bool(value.strip()),
    "country": is_country,
    "address_country": is_country,
    "email": is_email,
    "from_email": is_email,
    "media_file": is_url,
    "file_url": is_url,
    "url_to_shorten": is_url,
    "schedule": is_schedule,
    "date_from": is_time,
    "date_to": is_time,
    "updated_after": is_time,
    "page": lambda value: value >= 1,
    "limit": lambda value: 1 <= value <= 100,
    "list_id": lambda value: 1 <= value < 2**63,
    "return_address_id": lambda value: 1 <= value < 2**63,
    "enabled": is_flag,
    "colour": is_flag,
    "duplex": is_flag,
    "priority_post": is_flag,
    "template_used": is_flag,
    "message_search_type": lambda value: value in range(4),
    "webhook_type": lambda value: value in ("post", "get", "json"),
    "q": lambda value: ":" in value,
    "order_by": lambda value: value.endswith((":asc", ":desc")),
    "filename": lambda value: value.lower().endswith(".csv") and "/" not in value,
}


def named_values(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name in a request with its value, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from named_values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named_values(inner)


def as_arguments(value: Any) -> Any:
    """Validated arguments, as the input that would say the same."""
    if isinstance(value, Arguments):
        fields = {field.alias or name: getattr(value, name) for name, field in type(value).model_fields.items()}
        return {name: as_arguments(inner) for name, inner in fields.items() if inner is not None}
    return [as_arguments(inner) for inner in value] if isinstance(value, list) else value


def accepted(action: Action, given_arguments: Any) -> Arguments | None:
    """The arguments as a model, or None if they are refused with a reason; nothing else may happen."""
    try:
        return action.input.model_validate(given_arguments)
    except ValidationError as refused:
        explanation = explain(refused, action.input)
        assert explanation.strip()
        assert explanation.encode("utf-8").decode().splitlines() == [explanation]
        return None


def for_accepted(action: Action, check: Callable[[Arguments], None]) -> None:
    """Check each input that the action accepts, out of arguments that fit its schema; an eighth must be accepted."""
    generated_count = accepted_count = 0

    @rules
    @given(arguments(action.input_schema))
    def run(given_arguments: Any) -> None:
        nonlocal generated_count, accepted_count
        generated_count += 1
        model = accepted(action, given_arguments)
        if model is not None:
            accepted_count += 1
            check(model)

    run()
    assert accepted_count >= generated_count / 8, (
        f"only {accepted_count} of {generated_count} examples were accepted, so little was checked"
    )


@each_action
def test_accepted_input_makes_a_request_that_keeps_clicksends_rules(action: Action) -> None:
    own_path = re.sub(r"{\w+}", "[0-9A-Za-z-]+", action.route.path)

    def check(model: Arguments) -> None:
        request = action.request(model)
        assert request.method == action.route.method
        assert request.path.startswith("/v3/")
        assert re.fullmatch(own_path, request.path)
        assert not (request.body if request.method == "GET" else request.query)
        assert json.dumps(request.body, ensure_ascii=False, allow_nan=False).encode()
        assert all(type(value) in (str, int) for value in request.query.values())
        values = list(named_values({**request.query, **(request.body or {})}))
        assert not [name for name, value in values if value is None]
        assert not [(name, value) for name, value in values if name in VALID and not VALID[name](value)]

    for_accepted(action, check)


@each_action
def test_validated_arguments_are_accepted_again_and_make_the_same_request(action: Action) -> None:
    def check(model: Arguments) -> None:
        again = action.input.model_validate(as_arguments(model))
        assert again == model
        assert action.request(again) == action.request(model)

    for_accepted(action, check)


@each_action
def test_no_json_of_any_shape_breaks_the_validation(action: Action) -> None:
    @rules
    @given(mangled(action.input_schema))
    def run(anything: Any) -> None:
        accepted(action, anything)

    run()


@each_action
def test_any_json_under_one_name_is_accepted_or_refused_with_a_reason(action: Action) -> None:
    names = sorted(action.input_schema["properties"]) or ["none"]

    @rules
    @given(st.data(), arguments(action.input_schema), st.sampled_from(names), JSON)
    def run(data: st.DataObject, good: dict[str, Any], name: str, anything: Any) -> None:
        accepted(action, {**good, name: data.draw(st.sampled_from([anything, json.dumps(anything)]))})

    run()
