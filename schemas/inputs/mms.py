"""MMS: a picture with a subject and a text."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.base import Arguments
from schemas.cross_field import CrossFieldArguments
from schemas.duplicates import same_messages
from schemas.fields.addresses import Country, Email, Recipient, Sender
from schemas.fields.texts import MmsText, Reference, Source, Subject
from schemas.fields.times import Schedule
from schemas.fields.urls import PictureUrl
from schemas.json_text import ArrayFromText
from schemas.problem import Problem


class MmsMessage(Arguments):
    """One MMS to one recipient."""

    country: Country | None = Field(
        default=None, description="e.g. AU"
    )  # before `to`, which may be national: documented
    to: Recipient
    subject: Subject
    body: MmsText
    sender: Sender | None = Field(default=None, alias="from")
    schedule: Schedule | None = None
    custom_string: Reference | None = Field(default=None, description="Your reference")
    source: Source | None = None
    from_email: Email | None = Field(default=None, description="Gets the replies")


class SendMms(CrossFieldArguments):
    """Send MMS with one picture, now or scheduled. Paid, several times an SMS; cannot be taken back."""

    messages: Annotated[
        list[MmsMessage],
        Field(min_length=1, max_length=1000, description="1 to 1,000"),  # documented
        ArrayFromText,
    ]
    media_file: PictureUrl

    @classmethod
    def cross_field_errors(cls, sound: Mapping[str, Any]) -> Iterator[str | Problem]:
        """Nobody gets the same picture with the same text twice: our rule."""
        yield from same_messages(sound.get("messages", ()), "subject", "body")
