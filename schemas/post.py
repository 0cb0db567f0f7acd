"""Post: letters that ClickSend prints and mails."""

from typing import Annotated

from pydantic import Field

from schemas.base import Arguments
from schemas.fields import ArrayFromText, Country, Flag, Id, LetterUrl, Schedule, Text


class LetterRecipient(Arguments):
    """The address a letter goes to."""

    address_name: Text
    address_line_1: Text
    address_line_2: str | None = None
    address_city: Text
    address_state: str
    address_postal_code: Text
    address_country: Country = Field(description="2 capital letters, e.g. AU")
    return_address_id: Id = Field(description="Return address of the account")
    schedule: Schedule | None = None
    custom_string: str | None = Field(default=None, description="Your reference")


class SendLetters(Arguments):
    """Print a PDF and post it as a letter to each recipient. Paid; cannot be taken back."""

    file_url: LetterUrl
    recipients: Annotated[list[LetterRecipient], Field(min_length=1, description="1 or more"), ArrayFromText]
    colour: Flag | None = Field(default=None, description="1 colour, 0 black and white")
    duplex: Flag | None = Field(default=None, description="1 both sides")
    priority_post: Flag | None = Field(default=None, description="1 priority")
    source: str | None = Field(default=None, description="Calling program")
    template_used: Flag | None = Field(default=None, description="1 if made with ClickSend's template")
