"""The catalogue: every action, in a fixed order, grouped in toolsets of one ClickSend section each."""

from functools import cache
from types import MappingProxyType

from tools.action import Action
from tools.toolset import Toolset

# Hosts cache prompts by the exact text of the tool list, so this order is part of what we publish.
TOOLSETS = MappingProxyType(
    {
        toolset.name: toolset
        for toolset in (
            Toolset("sms", "SMS: send, price, history, replies", "tools.actions.sms"),
            Toolset("mms", "MMS", "tools.actions.mms"),
            Toolset("campaigns", "SMS campaigns", "tools.actions.campaigns"),
            Toolset("lists", "Contact lists", "tools.actions.lists"),
            Toolset("contacts", "Contacts", "tools.actions.contacts"),
            Toolset("automations", "Rules for inbound SMS", "tools.actions.automations"),
            Toolset("post", "Letters", "tools.actions.post"),
            Toolset("account", "The account", "tools.actions.account"),
        )
    }
)


def find(slug: str) -> Action | None:
    """The action with a slug; None if there is none. Imports one toolset after another until it is found."""
    return next((toolset.by_slug[slug] for toolset in TOOLSETS.values() if slug in toolset.by_slug), None)


@cache
def catalog() -> MappingProxyType[str, Action]:
    """Every action by its slug, in the published order. Imports every toolset."""
    return MappingProxyType({slug: action for toolset in TOOLSETS.values() for slug, action in toolset.by_slug.items()})
