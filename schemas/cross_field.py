"""Rules over several fields, judged in the same round as the rules of each field.

Pydantic validates a model as a whole only once each of its fields is valid. A caller with both kinds of mistake would
learn of the second after it has corrected the first, which costs another call and tempts a language model to change
what was right. So the valid fields are checked together even if others are invalid, and one message names all mistakes.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Self

from pydantic import ModelWrapValidatorHandler, TypeAdapter, ValidationError, ValidationInfo, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails

from schemas.base import Arguments, normalized
from schemas.problem import Problem, invalid

_MOST_FIELD_ERRORS = 100  # with more of them, the rules over several fields are not tried; our rule


class CrossFieldArguments(Arguments):
    """Arguments with rules over several fields.

    Validation raises one ValidationError: the errors of single fields first, then those of several fields.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _validated_in_one_round(
        cls, value: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        errors: list[InitErrorDetails] = []
        model = None
        try:
            model = handler(value)
            valid = {name: getattr(model, name) for name in cls.model_fields}
        except ValidationError as error:
            if error.error_count() > _MOST_FIELD_ERRORS:
                raise
            field_errors = error.errors(include_url=False)
            if not all(field_error["loc"] for field_error in field_errors):  # not an object, so it has no fields
                raise
            errors = [_raisable(field_error) for field_error in field_errors]
            invalid_names = {field_error["loc"][0] for field_error in field_errors}
            valid = _valid_fields(cls, normalized(cls, value), invalid_names, info.context)
        errors += map(_error, cls.cross_field_errors(valid))
        if errors or model is None:
            raise ValidationError.from_exception_data(cls.__name__, errors, hide_input=True)
        return model

    @classmethod
    @abstractmethod
    def cross_field_errors(cls, valid: Mapping[str, Any]) -> Iterator[str | Problem]:
        """Yield the problems of several fields; a plain text is the reason of a problem with the arguments as a whole.

        `valid`: the values of the fields that are valid by themselves, by Python name.
        """


def _error(problem: str | Problem) -> InitErrorDetails:
    location, reason = ((), problem) if isinstance(problem, str) else problem
    return InitErrorDetails(type=invalid(reason), loc=location, input=None)


def _raisable(error: ErrorDetails) -> InitErrorDetails:
    """An error that pydantic has raised, in the form in which it can be raised again with others."""
    context = error.get("ctx", {})
    kind = invalid(context["reason"]) if error["type"] == "refused" else error["type"]
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=context)


def _valid_fields(
    model: type[Arguments], value: object, invalid_names: set[int | str], context: object
) -> dict[str, Any]:
    """The values of the fields that are valid by themselves, by Python name."""
    if not isinstance(value, Mapping):
        return {}
    valid = {}
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if alias in value and alias not in invalid_names:
            try:
                valid[name] = _field_adapter(model, name).validate_python(value[alias], context=context)
            except ValidationError:  # valid only beside another field, such as a national number beside its country
                continue
        elif alias not in value and not field.is_required():
            valid[name] = field.default
    return valid


@cache
def _field_adapter(model: type[Arguments], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return TypeAdapter(kind)
