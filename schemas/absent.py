"""Which values count as left out: markers for fields, and the words that programs write for null."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from schemas.problem import invalid

_NULL_WORDS: Final = frozenset({"null", "none", "undefined", "nil", "nan"})  # our rule
_NULL_WORDS_AS_WRITTEN: Final = frozenset({"null", "None", "undefined", "nil", "NaN"})  # our rule
_LONGEST = 100  # characters of a text that may be such a word; our rule


@dataclass(frozen=True)
class BlankIsAbsent:
    """Marks a text with a fixed form, such as a URL: in an optional field, "" counts as left out.

    Our rule: ClickSend's recorded answers have "" for what is not set, and models hand back what they read. Without
    this mark "" is a value: it empties a contact's first name.
    """


@dataclass(frozen=True)
class Narrows:
    """Marks the field that limits an action that cannot be undone: null and blanks are refused. Our rule.

    Hosts send null for a value they lost, and leaving the field out acts on everything. In the message `names` says
    what the value is, and `without` what happens without it, as the end of "leave it out".
    """

    names: str
    without: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the value before anything else does, null included."""
        return core_schema.no_info_before_validator_function(self._named, handler(source))

    def _named(self, value: object) -> object:
        if value is None or (isinstance(value, str) and (not value.strip() or is_null_word(value))):
            raise invalid(f"must not be empty or null: name {self.names}, or leave it out {self.without}")
        return value


def is_null_word(text: str) -> bool:
    """Whether a text is a word that programs write for null, whatever its case and the blanks around it."""
    return len(text) < _LONGEST and text.strip().lower() in _NULL_WORDS


def is_null_word_as_written(text: str) -> bool:
    """Whether a text is such a word in the case that programs write: a person may be called Null."""
    return text.strip() in _NULL_WORDS_AS_WRITTEN


def is_empty(value: object) -> bool:
    """Whether a value is blank, 0 or a word for null, which hosts fill in for a value that a model left out."""
    if isinstance(value, str):
        return len(value) < _LONGEST and (value.strip() in ("", "0") or is_null_word(value))
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0
