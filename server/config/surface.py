"""The surface: which of the actions the operator offers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from server.config.setting import setting
from server.runtime.env import WrongSetting, comma_separated, yes_or_no
from tools.action import Action
from tools.catalog import TOOLSETS, find

_BY_DEFAULT: Final = tuple(toolset.name for toolset in TOOLSETS.values() if toolset.default)


def _toolsets(text: str) -> tuple[str, ...]:
    names = comma_separated(text)
    if unknown := [name for name in names if name not in TOOLSETS]:
        raise WrongSetting(f"names {unknown[0]}, which is none of {', '.join(TOOLSETS)}")
    return names


def _tools(text: str) -> tuple[str, ...]:
    slugs = comma_separated(text)
    if unknown := [slug for slug in slugs if find(slug) is None]:
        raise WrongSetting(f"names {unknown[0]}, which is no tool: `clicksend-mcp tools` names them all")
    return slugs


@dataclass(frozen=True)
class Surface:
    """Which actions are offered: toolsets choose, tools add, exclude_tools beats both, read_only beats all."""

    read_only: bool = setting(yes_or_no, False, "1 offers only tools that change nothing")
    toolsets: tuple[str, ...] = setting(_toolsets, _BY_DEFAULT, f"of {', '.join(TOOLSETS)}", shown="all")
    tools: tuple[str, ...] = setting(_tools, (), "single tools besides those toolsets")
    exclude_tools: tuple[str, ...] = setting(_tools, (), "single tools that are off", former="WITHOUT_TOOLS")

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """The offered actions, in the catalogue's order. Imports no toolset without any of them."""
        wanted = {slug for slug in self.tools if slug not in self.exclude_tools}
        chosen = []
        for toolset in TOOLSETS.values():
            if toolset.name in self.toolsets or wanted:
                selected = [
                    action for action in toolset.actions if toolset.name in self.toolsets or action.slug in wanted
                ]
                chosen += [action for action in selected if action.slug not in self.exclude_tools]
                wanted -= {action.slug for action in selected}
        return tuple(action for action in chosen if action.read_only or not self.read_only)

    @cached_property
    def slugs(self) -> frozenset[str]:
        """The slugs of the offered actions."""
        return frozenset(action.slug for action in self.actions)
