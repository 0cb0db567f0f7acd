"""Toolsets: ClickSend's sections, each known by name before the module with its actions is imported."""

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from tools.action import Action


@dataclass(frozen=True)
class Toolset:
    """The actions of one section. `module` declares them; `default`: offered unless a setting says otherwise."""

    name: str
    title: str
    module: str
    default: bool = True

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """The actions in their published order; the module is imported when they are first asked for."""
        actions: tuple[Action, ...] = import_module(self.module).ACTIONS
        return actions

    @cached_property
    def by_slug(self) -> dict[str, Action]:
        """The actions by their slugs."""
        return {action.slug: action for action in self.actions}
