"""Arguments: the strict base of every input, which forgives only what hosts do to arguments.

In schemas/ each limit, pattern, value and rule names its source at the end of its line or in its docstring:
`# documented` in ClickSend's documentation, `# recorded` in its answers or in its own SDKs and programs, `# our rule`.
A standard is named where it gives the value.
"""

from collections.abc import Mapping
from functools import cache
from typing import ClassVar, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo

from schemas.absent import BlankIsAbsent, Narrows, is_empty
from schemas.json_text import decoded
from schemas.problem import invalid

_MOST_UNKNOWN = 5  # names that are refused one by one; an object with more is refused as a whole; our rule


class Arguments(BaseModel):
    """The input of one action, or an object inside it.

    Unknown names are refused whatever their value, because a misspelt `schedule` would send at once. What hosts do to
    arguments is forgiven: an object sent as JSON text, and null or a blank for a field that was left out. Both are our
    rules. Validation raises ValidationError, which `schemas.explain` turns into a message.
    """

    only_reads: ClassVar[bool] = False

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
        # With any bound pydantic refuses text that cannot be encoded, such as half a surrogate pair. Our rule.
        str_min_length=0,
    )

    @model_validator(mode="before")
    @classmethod
    def _normalize(cls, value: object) -> object:
        return normalized(cls, value)


class Query(Arguments):
    """The input of a read: for an optional field a blank, 0 or the word null counts as left out.

    Hosts fill in what a model did not; a read can at worst return more than was meant. Our rule.
    """

    only_reads: ClassVar[bool] = True


def normalized(model: type[Arguments], value: object) -> object:
    """Input with the changes of hosts undone: JSON text decoded, and names removed whose value counts as left out.

    Raises the error of `invalid` for JSON text that cannot be read, and for many unknown names.
    """
    value = decoded(value, "{")
    # Checking for dict first is far quicker than checking for any mapping.
    if not isinstance(value, (dict, Mapping)):
        return value
    names = _names(model)
    if not value.keys() <= names.known:
        unknown = value.keys() - names.known
        if len(unknown) > _MOST_UNKNOWN:
            raise invalid(f"has {len(unknown)} names that are not inputs here; {inputs_of(model)}")
    if not model.only_reads and not (None in value.values() or "" in value.values()):
        return value
    return {name: item for name, item in value.items() if not names.left_out(name, item)}


class _Names(NamedTuple):
    """The names of a model's fields, and which values count as left out under them."""

    known: frozenset[str]
    null_refused: frozenset[str]  # marked Narrows
    blank_absent: frozenset[str]  # marked BlankIsAbsent
    filters: frozenset[str]  # the optional fields of a read

    def left_out(self, name: str, value: object) -> bool:
        if value is None:
            return name in self.known and name not in self.null_refused
        if value == "" and name in self.blank_absent:
            return True
        return name in self.filters and is_empty(value)


@cache
def _names(model: type[Arguments]) -> _Names:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    narrowing = {name for name, field in fields.items() if _is_marked(field, Narrows)}
    optional = {name for name, field in fields.items() if not field.is_required()}
    return _Names(
        known=frozenset(fields),
        null_refused=frozenset(narrowing),
        blank_absent=frozenset(name for name in optional - narrowing if _is_marked(fields[name], BlankIsAbsent)),
        filters=frozenset(optional if model.only_reads else ()),
    )


def _is_marked(field: FieldInfo, marker: type) -> bool:
    """Whether a field has a marker, on its type or inside "T or None"."""
    inside = (mark for choice in get_args(field.annotation) for mark in get_args(choice)[1:])
    return any(isinstance(mark, marker) for mark in (*field.metadata, *inside))


def inputs_of(model: type[BaseModel]) -> str:
    """The names of a model's inputs, as the end of a sentence about another name."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    return f"the inputs are {', '.join(names)}" if names else "there are none"
