"""Arguments: the strict base of every input, and the portable JSON schema it publishes."""

import json
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from string import digits
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema, from_json

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

# What programs write as text where they mean nothing. `NOTHING_AS_WRITTEN` spares a person called Null.
NOTHING: Final = frozenset({"null", "none", "undefined", "nil", "nan"})
NOTHING_AS_WRITTEN: Final = frozenset({"null", "None", "undefined", "nil", "NaN"})

MAY_BE_BLANK: Final = "may be blank"  # marks an optional text of which "" says something, such as "no longer known"

_MOST_UNKNOWN = 5  # names of an object that are told one by one
MOST_DIGITS: Final = 400  # of a number in JSON; none of ClickSend's has thirty
# Gives nothing back, and takes a text without an end for one to the end: else each quote would begin another search.
JSON_STRING: Final = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'  # with re.DOTALL
_STRING = re.compile(JSON_STRING, re.DOTALL)
_LONGEST_JSON = 3_500_000  # characters: 1,000 messages of eight parts, escaped, fit
_JUDGED_TOGETHER = 100  # problems of fields beside which those of fields together are still looked for


class Arguments(BaseModel):
    """The input of one action, or an object inside it.

    Unknown names are refused whatever their value, because a misspelt `schedule` would send at once. Forgiven is what
    hosts do to arguments on their way: an object sent as JSON text, and null or a blank for a field that was left out.
    """

    only_reads: ClassVar[bool] = False

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
        str_min_length=0,  # any bound makes pydantic refuse text that cannot be encoded, such as half a surrogate pair
    )

    @model_validator(mode="before")
    @classmethod
    def _normalize(cls, value: object) -> object:
        return _normalized(cls, value)


class Query(Arguments):
    """What a read is asked. A blank, 0 or the word null for what may be left out is taken as left out.

    Hosts fill in what a model did not; a read can at worst answer more than was asked for.
    """

    only_reads: ClassVar[bool] = True


class Problem(NamedTuple):
    """What is wrong with one place of the arguments, found by looking at several."""

    where: tuple[int | str, ...]
    reason: str


class CrossFieldArguments(Arguments):
    """Arguments that are also judged together."""

    @model_validator(mode="wrap")
    @classmethod
    def _judged(cls, value: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Judge the fields together even where some are wrong: all is told at once."""
        problems: list[InitErrorDetails] = []
        model = None
        try:
            model = handler(value)
            sound = {name: getattr(model, name) for name in cls.model_fields}
        except ValidationError as error:
            if error.error_count() > _JUDGED_TOGETHER:
                raise
            found = error.errors(include_url=False)
            if not all(problem["loc"] for problem in found):  # there are no fields to be read
                raise
            problems = [_again(problem) for problem in found]
            sound = _sound_fields(cls, _normalized(cls, value), {problem["loc"][0] for problem in found}, info.context)
        for problem in cls.cross_field_errors(sound):
            where, reason = ((), problem) if isinstance(problem, str) else problem
            problems.append(InitErrorDetails(type=invalid(reason), loc=where, input=None))
        if problems or model is None:
            raise ValidationError.from_exception_data(cls.__name__, problems, hide_input=True)
        return model

    @classmethod
    @abstractmethod
    def cross_field_errors(cls, sound: Mapping[str, Any]) -> Iterator[str | Problem]:
        """What is wrong with the fields together; `sound` has those that are right by themselves."""


@dataclass(frozen=True)
class Narrows:
    """Marks a field that holds back what cannot be undone: null is no way to leave it out.

    `names`: what its value is. `without`: what happens without it, as the end of "leave it out".
    """

    names: str
    without: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Look at the value before anything else does, null included."""
        return core_schema.no_info_before_validator_function(self._named, handler(source))

    def _named(self, value: object) -> object:
        if value is None or (isinstance(value, str) and (not value.strip() or is_nothing(value))):
            raise invalid(f"must not be empty or null: name {self.names}, or leave it out {self.without}")
        return value


def _again(problem: ErrorDetails) -> InitErrorDetails:
    """A problem that was raised, as one to be raised together with others."""
    context = problem.get("ctx", {})
    kind = invalid(context["reason"]) if problem["type"] == "refused" else problem["type"]
    return InitErrorDetails(type=kind, loc=problem["loc"], input=problem["input"], ctx=context)


def _sound_fields(model: type[Arguments], value: object, wrong: set[int | str], context: object) -> dict[str, Any]:
    """The fields that are right by themselves, by their Python names, as they are understood."""
    if not isinstance(value, Mapping):
        return {}
    sound = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if alias in value and alias not in wrong:
            try:
                sound[name] = _field_adapter(model, name).validate_python(value[alias], context=context)
            except ValidationError:  # right only beside another field, such as a national number beside its country
                continue
        elif alias not in value and not field.is_required():
            sound[name] = field.default
    return sound


@cache
def _field_adapter(model: type[Arguments], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(kind)


def _normalized(model: type[Arguments], value: object) -> object:
    """Input as it was before a host turned objects into JSON text, and named fields that are left out."""
    value = from_text(value, "{")
    # A dict is named by itself because it is told far quicker than what else may be a mapping.
    if not isinstance(value, (dict, Mapping)):
        return value
    shape = _shape(model)
    if not value.keys() <= shape.names:
        strange = value.keys() - shape.names
        if len(strange) > _MOST_UNKNOWN:
            raise invalid(f"has {len(strange)} names that are not inputs here; {told_names(model)}")
    if not model.only_reads and not (None in value.values() or "" in value.values()):
        return value
    return {name: item for name, item in value.items() if not shape.leaves_out(name, item)}


class _Shape(NamedTuple):
    """The names of a model's fields, and what counts as left out under each."""

    names: frozenset[str]
    never_null: frozenset[str]  # that hold back what cannot be undone
    never_blank: frozenset[str]  # optional texts of a form, such as a URL: ClickSend's own answers leave them blank
    filters: frozenset[str]  # all that is optional in a read

    def leaves_out(self, name: str, item: object) -> bool:
        if item is None:
            return name in self.names and name not in self.never_null
        if item == "" and name in self.never_blank:
            return True
        return name in self.filters and _is_empty(item)


@cache
def _shape(model: type[Arguments]) -> _Shape:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    narrowing = {name for name, field in fields.items() if any(isinstance(one, Narrows) for one in field.metadata)}
    return _Shape(
        names=frozenset(fields),
        never_null=frozenset(narrowing),
        never_blank=frozenset(
            name
            for name, field in fields.items()
            if name not in narrowing and any(map(_is_form_text, get_args(field.annotation)))
        ),
        filters=frozenset(name for name, field in fields.items() if model.only_reads and not field.is_required()),
    )


def _is_form_text(choice: object) -> bool:
    kind, *marks = get_args(choice) or (None,)
    return kind is str and MAY_BE_BLANK not in marks


def _is_empty(item: object) -> bool:
    if isinstance(item, str):
        return len(item) < 100 and (item.strip() in ("", "0") or is_nothing(item))
    return isinstance(item, int | float) and not isinstance(item, bool) and item == 0


def is_nothing(text: str) -> bool:
    """Whether a text is a word that programs write where they mean nothing."""
    return len(text) < 100 and text.strip().lower() in NOTHING


def told_names(model: type[BaseModel]) -> str:
    """The inputs of a model, as the end of a sentence about other names."""
    known = [field.alias or name for name, field in model.model_fields.items()]
    return f"the inputs are {', '.join(known)}" if known else "there are none"


def invalid(reason: str) -> PydanticCustomError:
    """The error a field raises; `reason` completes a sentence that begins with the field's name."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason})


def has_long_number(text: str) -> bool:
    """Whether JSON text holds a number of so many digits that reading it takes its time; digits in strings are none."""
    return _has_long_run(text) and _has_long_run(_STRING.sub("", text))


def _has_long_run(text: str) -> bool:
    """Whether more than MOST_DIGITS digits follow one another: such a run holds one of the characters looked at."""
    for place in range(MOST_DIGITS, len(text), MOST_DIGITS + 1):
        if text[place] in digits:
            before, after = text[place - MOST_DIGITS : place], text[place : place + MOST_DIGITS + 1]
            others = len(before.rstrip(digits)) + len(after.lstrip(digits))
            if len(before) + len(after) - others > MOST_DIGITS:
                return True
    return False


def from_text(value: object, opening: str) -> object:
    """Decode an array (`opening` is "[") or object ("{") that a host sent as JSON text; else the value as is."""
    if not isinstance(value, str) or not value.lstrip().startswith(opening):
        return value
    if len(value) > _LONGEST_JSON:
        raise invalid(f"is too long as JSON text: {_LONGEST_JSON} characters are read")
    if has_long_number(value):
        raise invalid(f"is no valid JSON (a number has more than {MOST_DIGITS} digits)")
    try:
        return from_json(value)
    except TypeError:  # half a surrogate pair, which cannot be read as UTF-8
        return value
    except ValueError as error:
        return _with_raw_breaks(value, str(error))


def _with_raw_breaks(value: str, reason: str) -> object:
    """Decode JSON text whose strings hold line breaks and tabs as they are, which JSON wants escaped."""
    if reason.startswith("control character"):
        try:
            return json.loads(value, strict=False)
        except ValueError as error:
            reason = str(error)
        except RecursionError:
            reason = "nested too deeply"
    raise invalid(f"is no valid JSON ({reason})")


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
