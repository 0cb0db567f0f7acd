"""MMS: a picture with a subject and a text."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.addresses import Country, Email, PictureUrl, Recipient, Sender
from schemas.base import Arguments, CrossFieldArguments, Problem
from schemas.duplicates import same_messages
from schemas.fields import ArrayFromText, MmsText, Reference, Schedule, Source, Subject


class MmsMessage(Arguments):
    """One MMS to one recipient."""

    country: Country | None = Field(default=None, description="e.g. AU")  # `to` looks at it
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

    messages: Annotated[list[MmsMessage], Field(min_length=1, max_length=1000, description="1 to 1,000"), ArrayFromText]
    media_file: PictureUrl

    @classmethod
    def cross_field_errors(cls, sound: Mapping[str, Any]) -> Iterator[str | Problem]:
        """Nobody gets the same picture with the same text twice."""
        yield from same_messages(sound.get("messages", ()), "subject", "body")
