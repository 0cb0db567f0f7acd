"""The field types that the inputs share: what each accepts, forgives, and says when it refuses."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from schemas.base import MAY_BE_BLANK, NOTHING_AS_WRITTEN, from_text, invalid, is_nothing
from schemas.sms_length import MAX_PARTS, NEVER_CUT, measure

_LARGEST: Final = 2**63 - 1
_MILLISECONDS: Final = 10**11  # as seconds this is the year 5138
_DATES_IN_DIGITS: Final = range(19_700_101, 21_000_101)  # 20300131 for 2030-01-31; as seconds all in 1970
_HORIZON: Final = timedelta(days=123)  # four months, counted as the longest four

_LONGEST_TIME: Final = 60  # characters
_LONGEST_TEXT: Final = 1_000  # where nobody says how much a field holds
_LONGEST_QUERY: Final = 500  # it becomes part of a URL
_LONGEST_FILE_NAME: Final = 200
_LONGEST_BODY: Final = 10_000  # is not measured if it is longer

_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]{1,19}\s*")
_ID_AS_TEXT = re.compile(r"[1-9][0-9]{0,17}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_FILTER = re.compile(r"\s*([A-Za-z_]+)\s*:")
_ORDER = re.compile(r"([A-Za-z_]+):(asc|desc)")


# --- whole numbers -----------------------------------------------------------------------------------


def _whole_number(value: object) -> object:
    """Take digits in a string and 5.0 for 5, as JSON does; refuse true, 1.5 and what no id can be."""
    if (isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid("must be a whole number")
    if abs(value) > _LARGEST:
        raise invalid("is too large to be real")
    return value


_Whole = BeforeValidator(_whole_number)


def _positive(value: int) -> int:
    if value < 1:
        raise invalid("must be 1 or more")
    return value


def is_list_id(text: str) -> bool:
    """Whether a text is the id of a contact list."""
    return _ID_AS_TEXT.fullmatch(text) is not None


Id = Annotated[int, _Whole, AfterValidator(_positive)]
PageNumber = Annotated[int, Field(ge=1), _Whole]
Limit = Annotated[int, Field(ge=1, le=100, description="Rows, 15 if left out"), _Whole]
CampaignLimit = Annotated[int, Field(ge=15, le=100, description="Rows, 15 if left out"), _Whole]
Choice = Annotated[int, Field(ge=0), _Whole]


def _flag(value: object) -> int:
    """Take true and false for 1 and 0, as models do."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return int(value.lower() == "true")
    if value not in (0, 1, "0", "1"):
        raise invalid("must be 0 or 1")
    return int(value)


Flag = Annotated[int, Field(ge=0, le=1), BeforeValidator(_flag)]


# --- times -------------------------------------------------------------------------------------------


def format_utc(seconds: int) -> str:
    """A Unix time as people and models read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unix_time(value: object) -> object:
    """Take Unix seconds, or ISO 8601 text with an offset; refuse milliseconds and times without a zone."""
    if isinstance(value, str) and not (len(value) <= _LONGEST_TIME and _WHOLE_NUMBER.fullmatch(value)):
        return _from_iso(value)
    seconds = _whole_number(value)
    assert isinstance(seconds, int)
    if seconds < 0:
        raise invalid("must be Unix seconds, which are not negative")
    if seconds in _DATES_IN_DIGITS:
        raise invalid(f"must be Unix seconds, not a date in digits: {seconds} is {format_utc(seconds)}")
    if seconds >= _MILLISECONDS:
        as_seconds = seconds // 1000
        hint = f"send {as_seconds}, which is {format_utc(as_seconds)}" if as_seconds < _MILLISECONDS else "10 digits"
        raise invalid(f"must be Unix seconds, not milliseconds ({hint})")
    return seconds


def _from_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip() if len(text) <= _LONGEST_TIME else "")
    except ValueError:
        raise invalid("must be Unix seconds, or ISO 8601 with an offset such as 2030-01-31T09:00:00+10:00") from None
    if moment.tzinfo is None:
        raise invalid(f"has no time zone: add the offset, such as {moment.isoformat()}+10:00")
    seconds = int(moment.timestamp())
    if seconds < 0:
        raise invalid("must be a time after 1970")
    if seconds >= _MILLISECONDS:
        raise invalid("must be a time before the year 5138")
    return seconds


def _not_past(seconds: int) -> int:
    now = int(time.time())
    if seconds and seconds < now:
        raise invalid(f"is in the past: {format_utc(seconds)}; it is now {format_utc(now)}. Left out means now")
    return seconds


def _within_four_months(seconds: int) -> int:
    now = int(time.time())
    if seconds > now + _HORIZON.total_seconds():
        raise invalid(f"is over four months ahead: {format_utc(seconds)}; it is now {format_utc(now)}")
    return seconds


UnixTime = Annotated[int, BeforeValidator(_unix_time), Field(description="Unix seconds")]
Schedule = Annotated[
    int,
    BeforeValidator(_unix_time),
    AfterValidator(_not_past),
    AfterValidator(_within_four_months),
    Field(description="Unix seconds; left out: now"),
]
CampaignSchedule = Annotated[
    Schedule,
    Field(description="Unix seconds, at most 4 months ahead; left out or 0: now"),
]


# --- texts -------------------------------------------------------------------------------------------


def _not_blank(text: str) -> str:
    visible = text.isprintable() and not text.isspace() and text != ""  # nearly every text
    if not visible and not any(character.isprintable() and not character.isspace() for character in text):
        raise invalid("must not be empty")
    if "\ufffd" in text:
        raise invalid("holds U+FFFD, which stands for a broken character such as half an emoji: write it again")
    return text


def sendable(text: str) -> str:
    """Refuse a text that ClickSend would cut, or that nobody could read."""
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


def _at_most(limit: int, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > limit:
            raise invalid(
                f"has {len(text)} characters; ClickSend would cut {what} after {limit}, so send at most {limit}"
            )
        return text

    return AfterValidator(check)


def _of_reasonable_length(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise invalid(f"has {len(text)} characters; at most {_LONGEST_TEXT} are taken")
    return text


def _not_nothing(text: str) -> str:
    if is_nothing(text):
        raise invalid(f'is "{text.strip()}", which programs write for nothing: leave it out')
    return text


def _not_nothing_as_written(text: str) -> str:
    """Somebody may be called Null; `null` in small letters has been written by a program."""
    if text.strip() in NOTHING_AS_WRITTEN:
        raise invalid(f'is "{text.strip()}", which programs write for nothing: leave it out, or write what is meant')
    return text


Text = Annotated[str, AfterValidator(_of_reasonable_length), AfterValidator(_not_blank)]
SmsText = Annotated[str, AfterValidator(sendable)]
FreeText = Annotated[str, AfterValidator(_of_reasonable_length), MAY_BE_BLANK]
Detail = Annotated[FreeText, AfterValidator(_not_nothing_as_written), MAY_BE_BLANK]  # of a person or an address
NeededDetail = Annotated[Text, AfterValidator(_not_nothing_as_written)]
Source = Annotated[
    str, AfterValidator(_of_reasonable_length), AfterValidator(_not_nothing), Field(description="Calling program")
]
# ClickSend hands it back in receipts and replies, and goes by it where something is cancelled or looked for.
Reference = Annotated[str, _at_most(50, "a reference"), AfterValidator(_not_nothing)]


ListName = Annotated[Text, _at_most(50, "a list name"), Field(description="At most 50 characters")]
Subject = Annotated[Text, _at_most(20, "a subject"), Field(description="At most 20 characters")]


def _mms_text(text: str) -> str:
    if len(text) > _LONGEST_BODY:
        raise invalid(f"is too long: {len(text)} characters, and ClickSend cuts this text after 1500")
    length = measure(_not_blank(text))
    limit = 500 if length.unicode else 1500
    if length.units > limit:
        raise invalid(f"is too long: {length.units} characters, and ClickSend cuts this text after {limit}")
    return text


MmsText = Annotated[str, AfterValidator(_mms_text)]


def _message_id(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise invalid("must be the UUID that a send or the history gave, with its 36 characters")
    return value


MessageId = Annotated[str, AfterValidator(_message_id), Field(description="UUID from a send or history")]


# --- queries and files -------------------------------------------------------------------------------


def search_by(*fields: str, example: str) -> AfterValidator:
    """For a query that searches; `fields`: those that ClickSend searches there."""

    def check(value: str) -> str:
        if not _FILTER.match(value):
            raise invalid(f"must be field:value, such as {example}; several are joined by commas")
        if len(value) > _LONGEST_QUERY:
            raise invalid(f"has {len(value)} characters; at most {_LONGEST_QUERY} are taken")
        named = (match[1] for part in value.split(",") if (match := _FILTER.match(part)))
        if any(name not in fields for name in named):
            raise invalid(f"must be field:value, where field is one that is searched here: {', '.join(fields)}")
        return value

    return AfterValidator(check)


def sorted_by(*fields: str) -> AfterValidator:
    """For a query that sorts; `fields`: those that ClickSend sorts by there."""

    def check(value: str) -> str:
        match = _ORDER.fullmatch(value) if len(value) <= _LONGEST_QUERY else None
        if match is None:
            raise invalid(f"must be field:asc or field:desc, such as {fields[0]}:desc")
        if match[1] not in fields:
            raise invalid(
                f"must be field:asc or field:desc, where field is one that is sorted by here: {', '.join(fields)}"
            )
        return value

    return AfterValidator(check)


def _csv_name(value: str) -> str:
    if len(value) > _LONGEST_FILE_NAME:
        raise invalid(f"has {len(value)} characters; at most {_LONGEST_FILE_NAME} are taken")
    if not re.fullmatch(r"[^/\\]+\.csv", value, re.IGNORECASE) or not value.isprintable():
        raise invalid("must be a file name without slashes that ends in .csv, such as customers.csv")
    return value


CsvName = Annotated[str, AfterValidator(_csv_name), Field(description="Ends in .csv")]

SKIPPED: Final = "skip"
_COLUMNS_OF_CLICKSEND: Final = {
    SKIPPED: "",
    "phone_number": "phone",
    "custom_1": "custom1",
    "custom_2": "custom2",
    "custom_3": "custom3",
    "custom_4": "custom4",
}


def clicksend_column(column: str) -> str:
    """What ClickSend's import calls a column that contacts call otherwise."""
    return _COLUMNS_OF_CLICKSEND.get(column, column)


ImportColumn = Annotated[
    Literal[
        "phone",
        "phone_number",
        "first_name",
        "last_name",
        "email",
        "fax_number",
        "address_line_1",
        "address_line_2",
        "address_city",
        "address_state",
        "address_postal_code",
        "address_country",
        "organization_name",
        "custom_1",
        "custom_2",
        "custom_3",
        "custom_4",
        "skip",
    ],
    BeforeValidator(lambda value: SKIPPED if value is None or value == "" else value),
    PlainSerializer(clicksend_column, return_type=str),
]


# --- lists -------------------------------------------------------------------------------------------

# For a list field: takes an array that a host sent as JSON text.
ArrayFromText = BeforeValidator(lambda value: from_text(value, "["))
