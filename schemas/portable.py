"""The JSON schema of a model in the subset that every host and model provider accepts."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

# The only keywords of JSON Schema that all of them take in a tool definition. Some refuse lengths, patterns, formats
# and defaults: validation enforces these, and the description states them. Our rule.
KEYWORDS = (
    "type",
    "description",
    "enum",
    "minimum",
    "maximum",
    "items",
    "properties",
    "required",
    "additionalProperties",
)


def portable_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model: one flat root object, everything inlined, no unions.

    An optional field is published with its plain type and left out of `required`. Required fields come first,
    otherwise the order is that of the declaration.
    """
    schema = model.model_json_schema()
    return _portable(schema, schema.get("$defs", {}))


def _portable(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    node = _resolved(node, definitions)
    portable = {word: node[word] for word in KEYWORDS if word in node}
    if "items" in node:
        portable["items"] = _portable(node["items"], definitions)
    if node.get("type") == "object":
        required = node.get("required", [])
        names = [*required, *(name for name in node.get("properties", {}) if name not in required)]
        portable.pop(
            "description", None
        )  # the model's docstring, which the description of the field or the tool replaces
        portable["properties"] = {name: _portable(node["properties"][name], definitions) for name in names}
        portable["required"] = required
    return portable


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace a reference by its definition, and "T or null" by T; keywords beside them take precedence."""
    if "$ref" in node:
        inner = definitions[node["$ref"].rpartition("/")[2]]
    elif "anyOf" in node:
        (inner,) = (choice for choice in node["anyOf"] if choice.get("type") != "null")
    else:
        return node
    return {**_resolved(inner, definitions), **{word: node[word] for word in node if word in KEYWORDS}}
