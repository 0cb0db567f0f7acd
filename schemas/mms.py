"""MMS: a picture with a subject and a text."""

from typing import Annotated

from pydantic import Field

from schemas.base import Arguments
from schemas.fields import (
    ArrayFromText,
    Country,
    Email,
    MmsText,
    Recipient,
    Schedule,
    Sender,
    Subject,
    Url,
)


class MmsMessage(Arguments):
    """One MMS to one recipient."""

    to: Recipient
    subject: Subject
    body: MmsText
    sender: Sender | None = Field(default=None, alias="from")
    schedule: Schedule | None = None
    custom_string: str | None = Field(default=None, description="Your reference")
    source: str | None = Field(default=None, description="Calling program")
    country: Country | None = Field(default=None, description="e.g. AU")
    from_email: Email | None = Field(default=None, description="Gets the replies")


class SendMms(Arguments):
    """Send MMS with one picture, now or scheduled. Paid, several times an SMS; cannot be taken back."""

    messages: Annotated[list[MmsMessage], Field(min_length=1, max_length=1000, description="1 to 1,000"), ArrayFromText]
    media_file: Url = Field(description="Public URL of a JPG or GIF, at most 250 kB")
