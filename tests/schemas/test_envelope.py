"""The envelope is the result of every action: data, successful, and error if there was one."""

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas.envelope import ENVELOPE_SCHEMA, Envelope


def test_the_published_schema_has_exactly_the_three_agreed_fields() -> None:
    types = {name: schema["type"] for name, schema in ENVELOPE_SCHEMA["properties"].items()}

    assert types == {"data": "string", "error": "string", "successful": "boolean"}
    assert set(ENVELOPE_SCHEMA["required"]) == {"data", "successful"}


def test_a_success_has_no_error() -> None:
    envelope = Envelope.success('{"a":1}')

    assert envelope.model_dump(exclude_none=True) == {"data": '{"a":1}', "successful": True}


def test_a_failure_has_a_reason_and_empty_data_if_there_was_no_answer() -> None:
    envelope = Envelope.failure("ClickSend refused")

    assert envelope.model_dump(exclude_none=True) == {"data": "", "error": "ClickSend refused", "successful": False}


def test_a_failure_keeps_the_answer_it_came_with() -> None:
    assert Envelope.failure("some were refused", '{"a":1}').data == '{"a":1}'


@pytest.mark.parametrize("envelope", [Envelope.success(""), Envelope.success("{}"), Envelope.failure("no", "{}")])
def test_a_serialized_envelope_matches_the_published_schema(envelope: Envelope) -> None:
    Draft202012Validator(ENVELOPE_SCHEMA).validate(envelope.model_dump(exclude_none=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": {"a": 1}, "successful": True},
        {"data": None, "successful": True},
        {"successful": True},
        {"data": ""},
        {"data": "", "successful": True, "status": 200},
        {"data": "", "successful": "perhaps"},
        {"data": "", "error": 404, "successful": False},
    ],
    ids=str,
)
def test_nothing_else_is_an_envelope(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Envelope.model_validate(wrong)
    assert not Draft202012Validator(ENVELOPE_SCHEMA).is_valid(wrong)


def test_an_envelope_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        Envelope.success("").successful = False  # type: ignore[misc]
