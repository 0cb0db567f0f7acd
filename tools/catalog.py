"""The catalogue: every action, in a fixed order, grouped in toolsets of one ClickSend section each."""

from types import MappingProxyType

from tools.actions import account, automations, campaigns, contacts, lists, mms, post, sms

# Hosts cache prompts by the exact text of the tool list, so this order is part of what we publish.
TOOLSETS = MappingProxyType(
    {
        "sms": sms.ACTIONS,
        "mms": mms.ACTIONS,
        "campaigns": campaigns.ACTIONS,
        "lists": lists.ACTIONS,
        "contacts": contacts.ACTIONS,
        "automations": automations.ACTIONS,
        "post": post.ACTIONS,
        "account": account.ACTIONS,
    }
)

CATALOG = MappingProxyType({action.slug: action for actions in TOOLSETS.values() for action in actions})
