"""Texts: message bodies, names, references, details of people, and the ids of messages."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from schemas.absent import BlankIsAbsent, is_null_word, is_null_word_as_written
from schemas.problem import invalid
from schemas.sms_length import MAX_PARTS, NEVER_CUT, measure

# In characters.
_LONGEST: Final = 1_000  # for fields without a documented length; our rule
_LONGEST_BODY: Final = 10_000  # a longer one is not measured; our rule
_MMS_GSM: Final = 1500  # documented
_MMS_UNICODE: Final = 500  # documented

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")  # recorded


def _not_blank(text: str) -> str:
    """An empty message is a documented error (EMPTY_MESSAGE). For names, and for U+FFFD, it is our rule."""
    visible = text.isprintable() and not text.isspace() and text != ""  # true of nearly every text, and quick
    if not visible and not any(character.isprintable() and not character.isspace() for character in text):
        raise invalid("must not be empty")
    if "\ufffd" in text:
        raise invalid("holds U+FFFD, which stands for a broken character such as half an emoji: write it again")
    return text


def sendable(text: str) -> str:
    """The text of an SMS, unchanged.

    Raises the error of `invalid` if ClickSend would cut the text, or if it has no visible character.
    """
    if len(text) > _LONGEST_BODY:
        raise invalid(f"is too long: {len(text)} characters, and ClickSend cuts a text after {MAX_PARTS} parts")
    _not_blank(text)
    if len(text) <= NEVER_CUT:
        return text
    length = measure(text)
    if length.parts > MAX_PARTS:
        alphabet = "Unicode" if length.unicode else "GSM"
        raise invalid(
            f"is too long: {length.units} {alphabet} characters make {length.parts} parts, and ClickSend cuts "
            f"a text after {MAX_PARTS}. Shorten it or send it as two messages"
        )
    return text


def _mms_text(text: str) -> str:
    if len(text) > _LONGEST_BODY:
        raise invalid(f"is too long: {len(text)} characters, and ClickSend cuts this text after {_MMS_GSM}")
    length = measure(_not_blank(text))
    limit = _MMS_UNICODE if length.unicode else _MMS_GSM
    if length.units > limit:
        raise invalid(f"is too long: {length.units} characters, and ClickSend cuts this text after {limit}")
    return text


def _at_most(limit: int, noun: str) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > limit:
            raise invalid(
                f"has {len(text)} characters; ClickSend would cut {noun} after {limit}, so send at most {limit}"
            )
        return text

    return AfterValidator(check)


def _of_reasonable_length(text: str) -> str:
    if len(text) > _LONGEST:
        raise invalid(f"has {len(text)} characters; at most {_LONGEST} are taken")
    return text


def _no_null_word(text: str) -> str:
    if is_null_word(text):
        raise invalid(f'is "{text.strip()}", which programs write for nothing: leave it out')
    return text


def _no_null_word_as_written(text: str) -> str:
    if is_null_word_as_written(text):
        raise invalid(f'is "{text.strip()}", which programs write for nothing: leave it out, or write what is meant')
    return text


def _message_id(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise invalid("must be the UUID that a send or the history gave, with its 36 characters")
    return value


Text = Annotated[str, AfterValidator(_of_reasonable_length), AfterValidator(_not_blank)]
SmsText = Annotated[str, AfterValidator(sendable)]
MmsText = Annotated[str, AfterValidator(_mms_text)]
Subject = Annotated[Text, _at_most(20, "a subject"), Field(description="At most 20 characters")]  # documented
ListName = Annotated[Text, _at_most(50, "a list name"), Field(description="At most 50 characters")]  # our rule

FreeText = Annotated[str, AfterValidator(_of_reasonable_length)]
Detail = Annotated[FreeText, AfterValidator(_no_null_word_as_written)]  # of a person or an address
NeededDetail = Annotated[Text, AfterValidator(_no_null_word_as_written)]
Source = Annotated[
    str,
    AfterValidator(_of_reasonable_length),
    AfterValidator(_no_null_word),
    BlankIsAbsent(),
    Field(description="Calling program"),
]
# ClickSend returns it in receipts and replies, and cancels and searches by it. The 50 is recorded, in its own n8n node.
Reference = Annotated[str, _at_most(50, "a reference"), AfterValidator(_no_null_word), BlankIsAbsent()]
MessageId = Annotated[str, AfterValidator(_message_id), Field(description="UUID from a send or history")]
