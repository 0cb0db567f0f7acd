"""A setting, declared once: its type, its default, its meaning, and how its text is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

PREFIX = "CLICKSEND_MCP_"


class Theme(Enum):
    """The headings that people look for a setting under, in the order they are shown."""

    CLICKSEND = "ClickSend"
    LIMITS = "Limits"
    APPROVAL = "A person's approval"
    TOOLS = "Tools that are offered"
    LEDGER = "Ledger and duplicates"
    LOG = "Log"
    HTTP = "Serving over HTTP"


_DECLARED = "setting"


@dataclass(frozen=True)
class Variable:
    """The environment variable of a setting.

    `default` is in words; `field`: which it fills in its dataclass.
    `read` raises WrongSetting. `per_caller`: the file of callers may set it too. `former`: the variable's earlier name.
    """

    name: str
    field: str
    default: str
    meaning: str
    theme: Theme
    read: Callable[[str], Any]
    per_caller: bool
    former: str | None


@dataclass(frozen=True)
class _Declared:
    read: Callable[[str], Any]
    meaning: str
    shown: str
    theme: Theme | None
    per_caller: bool
    name: str | None
    former: str | None


def setting(
    read: Callable[[str], Any],
    default: Any,
    meaning: str,
    *,
    shown: str | None = None,
    theme: Theme | None = None,
    per_caller: bool = True,
    name: str | None = None,
    former: str | None = None,
    secret: bool = False,
) -> Any:
    """A field of a dataclass of settings; its variable has the field's name unless `name` says otherwise.

    `shown`: the default in words, if the value itself says too little. `secret`: no repr shows the value.
    """
    declared = _Declared(read, meaning, shown or _in_words(default), theme, per_caller, name, former)
    return field(default=default, repr=not secret, metadata={_DECLARED: declared})


def variables(group: type, theme: Theme, prefix: str = PREFIX) -> tuple[Variable, ...]:
    """The variables of a dataclass of settings, in the order of its fields."""
    declarations = []
    for attribute in fields(group):
        declared: _Declared | None = attribute.metadata.get(_DECLARED)
        if declared is not None:
            declarations.append(
                Variable(
                    name=f"{prefix}{declared.name or attribute.name.upper()}",
                    field=attribute.name,
                    default=declared.shown,
                    meaning=declared.meaning,
                    theme=declared.theme or theme,
                    read=declared.read,
                    per_caller=declared.per_caller,
                    former=f"{prefix}{declared.former}" if declared.former else None,
                )
            )
    return tuple(declarations)


def values(group: tuple[Variable, ...], read: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were read for a group's variables, by the fields that they fill."""
    return {variable.field: read[variable.name] for variable in group if variable.name in read}


def _in_words(default: Any) -> str:
    match default:
        case None:
            return "none"
        case bool():
            return str(int(default))
        case float():
            return f"{default:g}"
        case tuple():
            return ",".join(map(str, default)) or "none"
        case _:
            return str(default)
