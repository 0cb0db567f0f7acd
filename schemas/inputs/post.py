"""Post: letters that ClickSend prints and mails."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.base import Arguments
from schemas.cross_field import CrossFieldArguments
from schemas.duplicates import same_letters
from schemas.fields.addresses import Country
from schemas.fields.numbers import Flag, Id
from schemas.fields.texts import Detail, NeededDetail, Reference, Source
from schemas.fields.times import Schedule
from schemas.fields.urls import LetterUrl
from schemas.json_text import ArrayFromText
from schemas.problem import Problem


class LetterRecipient(Arguments):
    """The address a letter goes to."""

    address_name: NeededDetail
    address_line_1: NeededDetail
    address_line_2: Detail | None = None
    address_city: NeededDetail
    address_state: Detail
    address_postal_code: NeededDetail
    address_country: Country = Field(description="2 capital letters, e.g. AU")
    return_address_id: Id = Field(description="Return address of the account")
    schedule: Schedule | None = None
    custom_string: Reference | None = Field(default=None, description="Your reference")


class SendLetters(CrossFieldArguments):
    """Print a PDF and post it as a letter to each recipient. Paid; cannot be taken back."""

    file_url: LetterUrl
    recipients: Annotated[
        list[LetterRecipient],
        Field(min_length=1, max_length=1000, description="1 to 1,000"),  # our rule
        ArrayFromText,
    ]
    colour: Flag | None = Field(default=None, description="1 colour, 0 black and white")
    duplex: Flag | None = Field(default=None, description="1 both sides")
    priority_post: Flag | None = Field(default=None, description="1 priority")
    source: Source | None = None
    template_used: Flag | None = Field(default=None, description="1 if made with ClickSend's template")

    @classmethod
    def cross_field_errors(cls, sound: Mapping[str, Any]) -> Iterator[str | Problem]:
        """Nobody gets the same letter twice: our rule."""
        yield from same_letters(sound.get("recipients", ()))
