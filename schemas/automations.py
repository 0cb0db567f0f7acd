"""Automations: what ClickSend does by itself with an inbound SMS."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from schemas.base import Arguments, refuse
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


class CreateInboundRule(Arguments):
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

    @model_validator(mode="after")
    def _address_fits_action(self) -> Self:
        address = self.action_address
        if self.action == "EMAIL_FIXED" and not is_email_address(address):
            raise refuse("need an e-mail address in action_address for EMAIL_FIXED, such as ana@example.com")
        if self.action == "URL" and not is_web_address(address):
            raise refuse("need an http or https URL in action_address for URL")
        if "CONTACT" in self.action and not (address.isascii() and address.isdigit()):
            raise refuse(f'need a list id as text in action_address for {self.action}, such as "88"')
        return self

    @model_validator(mode="after")
    def _search_has_a_term(self) -> Self:
        if self.message_search_type and not self.message_search_term.strip():
            raise refuse("need message_search_term, because message_search_type is not 0")
        return self
