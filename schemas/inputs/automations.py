"""Automations: rules for what ClickSend does with an inbound SMS."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from schemas.cross_field import CrossFieldArguments
from schemas.fields.addresses import is_email_address, phone_number
from schemas.fields.numbers import Choice, Flag, is_list_id
from schemas.fields.texts import FreeText, Text, sendable
from schemas.problem import Problem, invalid
from schemas.web import is_web_address, out_of_reach

InboundAction = Literal[  # documented
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
    BeforeValidator(lambda value: value if value == "*" else phone_number(value)),  # documented
    Field(description="E.164, or * for all"),
]


class CreateInboundRule(CrossFieldArguments):
    """Create a rule for what to do with matching inbound SMS. Action POLL fills CLICKSEND_GET_SMS_INBOUND."""

    action: InboundAction
    enabled: Flag = Field(description="1 on, 0 off")
    rule_name: Text
    action_address: FreeText = Field(
        description="For SMS a number, AUTO_REPLY the text, EMAIL_FIXED an e-mail, URL a URL, GROUP_SMS and "
        "CONTACT actions a list id as text; else may be empty"
    )
    dedicated_number: _DedicatedNumber
    message_search_type: Choice = Field(  # documented
        le=3, description="0 any, 1 starts with, 2 contains, 3 does not contain"
    )
    # Required even if there is nothing to search for: documented; "" in that case: recorded.
    message_search_term: FreeText = Field(default="", description="Needed unless message_search_type is 0")
    webhook_type: Literal["post", "get", "json"] | None = Field(  # documented
        default=None, description="For URL; post if left out"
    )

    @field_validator("action_address")
    @classmethod
    def _fits_the_action(cls, address: str, info: ValidationInfo) -> str:
        """What each action needs is documented. The checks are our rule."""
        action = (info.data or {}).get("action", "")
        match action:
            case "SMS":
                return phone_number(address)
            case "AUTO_REPLY":
                return sendable(address)
            case "EMAIL_FIXED" if not is_email_address(address):
                raise invalid("must be an e-mail address for EMAIL_FIXED, such as ana@example.com")
            case "URL":
                if not is_web_address(address):
                    raise invalid("must be an http or https URL for URL")
                if (reason := out_of_reach(address, info.context)) is not None:
                    raise invalid(reason)
        if (action == "GROUP_SMS" or "CONTACT" in action) and not is_list_id(address):
            raise invalid(f'must be a list id as text for {action}, such as "88"')
        return address

    @classmethod
    def cross_field_errors(cls, sound: Mapping[str, Any]) -> Iterator[str | Problem]:
        """A search needs a term: documented."""
        if sound.get("message_search_type") and not sound.get("message_search_term", "unknown").strip():
            yield "need message_search_term, because message_search_type is not 0"
