"""Automations: what ClickSend does by itself with an inbound SMS."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from schemas.base import JointArguments
from schemas.fields import Choice, Flag, Text, is_email_address, is_web_address, phone_number

InboundAction = Literal[
    "AUTO_REPLY",
    "EMAIL_USER",
    "EMAIL_FIXED",
    "URL",
    "SMS",
    "POLL",
    "GROUP_SMS",
    "MOVE_CONTACT",
    "CREATE_CONTACT",
    "CREATE_CONTACT_PLUS_EMAIL",
    "CREATE_CONTACT_PLUS_NAME_EMAIL",
    "CREATE_CONTACT_PLUS_NAME",
    "SMPP",
    "NONE",
]

_DedicatedNumber = Annotated[
    str,
    BeforeValidator(lambda value: value if value == "*" else phone_number(value)),
    Field(description="E.164, or * for all"),
]


class CreateInboundRule(JointArguments):
    """Create a rule for what to do with matching inbound SMS. Action POLL fills CLICKSEND_GET_SMS_INBOUND."""

    action: InboundAction
    enabled: Flag = Field(description="1 on, 0 off")
    rule_name: Text
    action_address: str = Field(
        description="E-mail for EMAIL_FIXED, URL for URL, list id as text for the CONTACT actions; else may be empty"
    )
    dedicated_number: _DedicatedNumber
    message_search_type: Choice = Field(le=3, description="0 any, 1 starts with, 2 contains, 3 does not contain")
    # ClickSend wants this field always, also where there is nothing to search for.
    message_search_term: str = Field(default="", description="Needed unless message_search_type is 0")
    webhook_type: Literal["post", "get", "json"] | None = Field(default=None, description="For URL; post if left out")

    @classmethod
    def joint_problems(cls, sound: Mapping[str, Any]) -> Iterator[str]:
        """The address fits the action, and a search has a term."""
        action, address = sound.get("action", ""), sound.get("action_address")
        if address is not None:
            yield from _address_problems(action, address)
        if sound.get("message_search_type") and not sound.get("message_search_term", "unknown").strip():
            yield "need message_search_term, because message_search_type is not 0"


def _address_problems(action: str, address: str) -> Iterator[str]:
    if action == "EMAIL_FIXED" and not is_email_address(address):
        yield "need an e-mail address in action_address for EMAIL_FIXED, such as ana@example.com"
    if action == "URL" and not is_web_address(address):
        yield "need an http or https URL in action_address for URL"
    if "CONTACT" in action and not (address.isascii() and address.isdigit()):
        yield f'need a list id as text in action_address for {action}, such as "88"'
