"""Arguments: the strict base of every input, and the portable JSON schema it publishes."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, from_json

# The only words of JSON Schema that every host and model provider takes in a tool definition.
# Lengths, patterns, formats and defaults are refused by some: the model enforces, the description tells.
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


class Arguments(BaseModel):
    """The input of one action, or an object inside it.

    Unknown names are refused, because a misspelt `schedule` would send at once. Forgiven is what hosts
    do to arguments on their way: an object sent as JSON text, and null or a blank for a field that was left out.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
        str_min_length=0,  # any bound makes pydantic refuse text that cannot be encoded, such as half a surrogate pair
    )

    @model_validator(mode="before")
    @classmethod
    def _forgive(cls, value: object) -> object:
        return _forgiven(cls, value)


class JointArguments(Arguments):
    """Arguments that are also judged together."""

    @model_validator(mode="wrap")
    @classmethod
    def _judged(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Judge the fields together even where some are wrong: all is told at once."""
        problems: list[InitErrorDetails] = []
        model = None
        try:
            model = handler(value)
            sound = {name: getattr(model, name) for name in cls.model_fields}
        except ValidationError as error:
            found = error.errors(include_url=False)
            problems = [_again(problem) for problem in found]
            wrong = {problem["loc"][0] for problem in found if problem["loc"]}
            sound = _sound_fields(cls, _forgiven(cls, value), wrong)
        problems += [InitErrorDetails(type=refuse(reason), loc=(), input=None) for reason in cls.joint_problems(sound)]
        if problems or model is None:
            raise ValidationError.from_exception_data(cls.__name__, problems, hide_input=True)
        return model

    @classmethod
    @abstractmethod
    def joint_problems(cls, sound: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with the fields together; `sound` has those that are right by themselves."""


def _again(problem: ErrorDetails) -> InitErrorDetails:
    """A problem that was raised, as one to be raised together with others."""
    context = problem.get("ctx", {})
    kind = refuse(context["reason"]) if problem["type"] == "refused" else problem["type"]
    return InitErrorDetails(type=kind, loc=problem["loc"], input=problem["input"], ctx=context)


def _sound_fields(model: type[Arguments], value: object, wrong: set[int | str]) -> dict[str, Any]:
    """The fields that are right by themselves, by their Python names, as they are understood."""
    if not isinstance(value, Mapping):
        return {}
    sound = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if alias in value and alias not in wrong:
            sound[name] = _field_adapter(model, name).validate_python(value[alias])
        elif alias not in value and not field.is_required():
            sound[name] = field.default
    return sound


@cache
def _field_adapter(model: type[Arguments], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(kind)


def _forgiven(model: type[Arguments], value: object) -> object:
    """Input as it was before a host turned objects into JSON text, and named fields that are left out."""
    value = from_text(value, "{")
    # A dict is named by itself because it is told far quicker than what else may be a mapping.
    if not isinstance(value, (dict, Mapping)) or not (None in value.values() or "" in value.values()):
        return value
    never_blank = _never_blank(model)
    return {name: item for name, item in value.items() if item is not None and not (item == "" and name in never_blank)}


@cache
def _never_blank(model: type[Arguments]) -> frozenset[str]:
    """The optional texts of a form, such as a URL, that are no free text: ClickSend's own answers leave them blank."""
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if any(get_args(choice)[:1] == (str,) for choice in get_args(field.annotation))
    )


def refuse(reason: str) -> PydanticCustomError:
    """The error a field raises; `reason` completes a sentence that begins with the field's name."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason})


def from_text(value: object, opening: str) -> object:
    """Decode an array (`opening` is "[") or object ("{") that a host sent as JSON text; else the value as is."""
    if isinstance(value, str) and value.lstrip().startswith(opening):
        try:
            return from_json(value)
        except (ValueError, TypeError):  # a TypeError is half a surrogate pair, which cannot be read as UTF-8
            return value
    return value


def portable_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model in the subset that all hosts accept.

    One flat root object, everything inlined, no unions: an optional field is published with its plain type
    and left out of `required`. Required fields come first, otherwise the order is that of the declaration.
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
        portable.pop("description", None)  # a model's docstring: the field or the tool says it already
        portable["properties"] = {name: _portable(node["properties"][name], definitions) for name in names}
        portable["required"] = required
    return portable


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace a reference by its definition, and "T or null" by T; words beside them win."""
    if "$ref" in node:
        inner = definitions[node["$ref"].rpartition("/")[2]]
    elif "anyOf" in node:
        (inner,) = (choice for choice in node["anyOf"] if choice.get("type") != "null")
    else:
        return node
    return {**_resolved(inner, definitions), **{word: node[word] for word in node if word in KEYWORDS}}
