"""Every published schema keeps to what all hosts and model providers accept; one bad tool can end a whole session."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.envelope import ENVELOPE_SCHEMA
from tools.catalog import catalog

Schema = dict[str, Any]

# The only words of JSON Schema that may be published. All that hosts refuse or mangle is absent; a word that pydantic
# starts to publish, or a misspelt one, fails too.
ALLOWED = {
    "object": {"type", "description", "properties", "required", "additionalProperties"},
    "array": {"type", "description", "items"},
    "string": {"type", "description", "enum"},
    "integer": {"type", "description", "minimum", "maximum"},
    "boolean": {"type", "description"},
}

PUBLISHED: dict[str, Schema] = {slug: action.input_schema for slug, action in catalog().items()} | {
    "the output of every action": ENVELOPE_SCHEMA
}

each_schema = pytest.mark.parametrize("schema", PUBLISHED.values(), ids=PUBLISHED)
each_slug = pytest.mark.parametrize("slug", catalog())


@dataclass(frozen=True)
class Node:
    """A schema somewhere inside a published one, and its path."""

    path: str
    schema: Schema

    @property
    def type(self) -> object:
        return self.schema.get("type")


def nodes(schema: Schema, path: str = "$") -> Iterator[Node]:
    """A schema and all schemas in it; names of properties are data, never taken for keywords."""
    assert isinstance(schema, dict), f"{path} is {schema!r}, which is no object"
    yield Node(path, schema)
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def offenders(schema: Schema, allowed: Callable[[Node], bool], *types: str) -> list[str]:
    """The paths at which a schema breaks a rule; with `types`, only nodes of these types are tested."""
    return [node.path for node in nodes(schema) if (not types or node.type in types) and not allowed(node)]


# --- the walker itself -------------------------------------------------------------------------------


def test_the_walker_takes_properties_named_like_keywords_for_properties() -> None:
    inner = {"type": "string"}
    schema = {"type": "object", "properties": {"items": inner, "properties": inner, "anyOf": inner, "$ref": inner}}

    assert [node.path for node in nodes(schema)] == ["$", "$.items", "$.properties", "$.anyOf", "$.$ref"]


def test_the_walker_reaches_what_is_inside_the_items_of_an_array() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "array", "items": {}}}}}

    assert [node.path for node in nodes(schema)] == ["$", "$[]", "$[].a", "$[].a[]"]


@pytest.mark.parametrize("word", ["anyOf", "$ref", "title", "default", "pattern", "minLength", "ge", "nullable"])
def test_a_word_that_is_not_allowed_is_found_at_any_depth(word: str) -> None:
    schema = {"type": "array", "items": {"type": "string", word: 1}}

    assert offenders(schema, only_allowed_words) == ["$[]"]


# --- the root ----------------------------------------------------------------------------------------


@each_schema
def test_the_root_is_one_flat_object(schema: Schema) -> None:
    assert schema["type"] == "object"
    assert set(schema) == {"type", "properties", "required", "additionalProperties"}


@each_schema
def test_a_schema_is_valid_json_schema_2020_12(schema: Schema) -> None:
    Draft202012Validator.check_schema(schema)


# --- words -------------------------------------------------------------------------------------------


def only_allowed_words(node: Node) -> bool:
    return set(node.schema) <= ALLOWED.get(str(node.type), set())


@each_schema
def test_only_words_that_every_host_knows_are_published(schema: Schema) -> None:
    assert not offenders(schema, only_allowed_words)


def without(*words: str) -> Callable[[Node], bool]:
    return lambda node: not set(words) & set(node.schema)


@each_schema
def test_nothing_is_a_choice_between_schemas(schema: Schema) -> None:
    assert not offenders(schema, without("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "dependentSchemas"))


@each_schema
def test_nothing_is_a_reference(schema: Schema) -> None:
    assert not offenders(schema, without("$ref", "$defs", "definitions", "$id", "$anchor", "$dynamicRef", "$schema"))


@each_schema
def test_lengths_patterns_and_formats_are_left_to_the_model(schema: Schema) -> None:
    lengths = ("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties")
    assert not offenders(schema, without(*lengths, "pattern", "format", "multipleOf", "contentEncoding"))


@each_schema
def test_no_titles_defaults_constants_or_examples_are_published(schema: Schema) -> None:
    assert not offenders(schema, without("title", "default", "const", "examples", "discriminator", "deprecated"))


@each_schema
def test_bounds_are_inclusive_whole_numbers_of_integers(schema: Schema) -> None:
    def inclusive(node: Node) -> bool:
        bounds = [node.schema[word] for word in ("minimum", "maximum") if word in node.schema]
        return not bounds or (node.type == "integer" and all(type(bound) is int for bound in bounds))

    assert not offenders(schema, without("exclusiveMinimum", "exclusiveMaximum"))
    assert not offenders(schema, inclusive)


@each_schema
def test_choices_are_among_different_texts(schema: Schema) -> None:
    def texts(node: Node) -> bool:
        choices = node.schema.get("enum", ["any"])
        return bool(choices) and all(type(choice) is str for choice in choices) and len(choices) == len(set(choices))

    assert not offenders(schema, texts)


# --- types -------------------------------------------------------------------------------------------


@each_schema
def test_every_value_has_exactly_one_type_and_none_is_null(schema: Schema) -> None:
    assert not offenders(schema, lambda node: isinstance(node.type, str) and node.type in ALLOWED)


@each_schema
def test_every_array_says_what_its_items_are(schema: Schema) -> None:
    assert not offenders(schema, lambda node: isinstance(node.schema.get("items"), dict), "array")


@each_schema
def test_every_object_is_closed(schema: Schema) -> None:
    assert not offenders(schema, lambda node: node.schema.get("additionalProperties") is False, "object")


@each_schema
def test_every_object_names_its_properties_and_which_are_required(schema: Schema) -> None:
    def named(node: Node) -> bool:
        properties, required = node.schema.get("properties"), node.schema.get("required")
        return isinstance(properties, dict) and isinstance(required, list) and set(required) <= set(properties)

    assert not offenders(schema, named, "object")


@each_schema
def test_required_properties_come_first(schema: Schema) -> None:
    def first(node: Node) -> bool:
        required = node.schema["required"]
        return list(node.schema["properties"])[: len(required)] == required

    assert not offenders(schema, first, "object")


@each_schema
def test_property_names_use_the_characters_that_every_provider_takes(schema: Schema) -> None:
    def plain(node: Node) -> bool:
        return all(re.fullmatch(r"[a-z_][a-z0-9_]{0,63}", name) for name in node.schema["properties"])

    assert not offenders(schema, plain, "object")


@each_schema
def test_a_description_says_something_in_at_most_1024_characters(schema: Schema) -> None:
    assert not offenders(schema, lambda node: 0 < len(node.schema.get("description", "any").strip()) <= 1024)


def test_an_action_without_inputs_still_publishes_a_complete_object() -> None:
    assert catalog()["CLICKSEND_GET_ACCOUNT"].input_schema == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


# --- the tool around the schema ----------------------------------------------------------------------


@each_slug
def test_a_tool_says_what_it_does_in_one_line_of_at_most_1024_characters(slug: str) -> None:
    description = catalog()[slug].description

    assert 0 < len(description) <= 1024
    assert description == description.strip()
    assert "\n" not in description


@each_slug
def test_a_tool_name_has_only_characters_that_every_host_takes(slug: str) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", slug)


@dataclass(frozen=True)
class Host:
    """How a host prefixes the name of a tool, with our server key, and how long the full name may be."""

    name: str
    prefix: str
    longest: int


# The server key in every configuration block that we publish is `cs`.
HOSTS = (
    Host("Claude", "mcp__cs__", 64),
    Host("VS Code", "mcp_cs_", 64),
    Host("Cursor", "cs", 59),
    Host("LibreChat", "_mcp_cs", 64),
    Host("Amazon Q", "cs___", 64),
)


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_the_full_name_of_every_tool_fits(host: Host) -> None:
    assert not [slug for slug in catalog() if len(host.prefix) + len(slug) > host.longest]


def test_there_are_few_enough_tools_for_the_host_that_takes_the_fewest() -> None:
    assert len(catalog()) <= 40
