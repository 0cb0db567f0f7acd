"""The field types that the inputs share: what each accepts, forgives, and says when it refuses."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from schemas.base import from_text, refuse
from schemas.text import MAX_PARTS, NEVER_CUT, measure

_LARGEST: Final = 2**63 - 1
_MILLISECONDS: Final = 10**11  # as seconds this is the year 5138
_DATES_IN_DIGITS: Final = range(19_700_101, 21_000_101)  # 20300131 for 2030-01-31; as seconds all in 1970
_CAMPAIGN_HORIZON: Final = timedelta(days=123)  # four months, counted as the longest four

_SEPARATORS = re.compile(r"[\s()\[\]\-\u2010-\u2013]+")
_TRUNK_PREFIX = re.compile(r"[(\[]\s*0+\s*[)\]]")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
_OWN_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_BLANK = re.compile(r"\s")
_LETTER = re.compile(r"[^\W\d]")
_COUNTRY_CODE = re.compile(r"[A-Z]{2}")
_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]{1,19}\s*")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NOT_IN_URL = re.compile(r"[\s\x00-\x1f\x7f]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


# --- whole numbers -----------------------------------------------------------------------------------


def _whole_number(value: object) -> object:
    """Take digits in a string and 5.0 for 5, as JSON does; refuse true, 1.5 and what no id can be."""
    if (isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse("must be a whole number")
    if abs(value) > _LARGEST:
        raise refuse("is too large to be real")
    return value


_Whole = BeforeValidator(_whole_number)


def _positive(value: int) -> int:
    if value < 1:
        raise refuse("must be 1 or more")
    return value


Id = Annotated[int, _Whole, AfterValidator(_positive)]
PageNumber = Annotated[int, Field(ge=1), _Whole]
Limit = Annotated[int, Field(ge=1, le=100, description="Rows, 15 if left out"), _Whole]
CampaignLimit = Annotated[int, Field(ge=15, le=100, description="Rows, 15 if left out"), _Whole]
Choice = Annotated[int, Field(ge=0), _Whole]


def _flag(value: object) -> int:
    if isinstance(value, bool) or value not in (0, 1, "0", "1"):
        raise refuse("must be 0 or 1")
    return int(value)


Flag = Annotated[int, Field(ge=0, le=1), BeforeValidator(_flag)]


# --- times -------------------------------------------------------------------------------------------


def show(seconds: int) -> str:
    """A Unix time as people and models read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unix_time(value: object) -> object:
    """Take Unix seconds, or ISO 8601 text with an offset; refuse milliseconds and times without a zone."""
    if isinstance(value, str) and not _WHOLE_NUMBER.fullmatch(value):
        return _from_iso(value)
    seconds = _whole_number(value)
    assert isinstance(seconds, int)
    if seconds < 0:
        raise refuse("must be Unix seconds, which are not negative")
    if seconds in _DATES_IN_DIGITS:
        raise refuse(f"must be Unix seconds, not a date in digits: {seconds} is {show(seconds)}")
    if seconds >= _MILLISECONDS:
        as_seconds = seconds // 1000
        hint = f"send {as_seconds}, which is {show(as_seconds)}" if as_seconds < _MILLISECONDS else "10 digits"
        raise refuse(f"must be Unix seconds, not milliseconds ({hint})")
    return seconds


def _from_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise refuse("must be Unix seconds, or ISO 8601 with an offset such as 2030-01-31T09:00:00+10:00") from None
    if moment.tzinfo is None:
        raise refuse(f"has no time zone: add the offset, such as {moment.isoformat()}+10:00")
    seconds = int(moment.timestamp())
    if seconds < 0:
        raise refuse("must be a time after 1970")
    if seconds >= _MILLISECONDS:
        raise refuse("must be a time before the year 5138")
    return seconds


def _not_past(seconds: int) -> int:
    now = int(time.time())
    if seconds and seconds < now:
        raise refuse(f"is in the past: {show(seconds)}; it is now {show(now)}. Left out means now")
    return seconds


def _within_four_months(seconds: int) -> int:
    now = int(time.time())
    if seconds > now + _CAMPAIGN_HORIZON.total_seconds():
        raise refuse(f"is over four months ahead: {show(seconds)}; it is now {show(now)}")
    return seconds


UnixTime = Annotated[int, BeforeValidator(_unix_time), Field(description="Unix seconds")]
Schedule = Annotated[
    int,
    BeforeValidator(_unix_time),
    AfterValidator(_not_past),
    Field(description="Unix seconds; left out: now"),
]
CampaignSchedule = Annotated[
    Schedule,
    AfterValidator(_within_four_months),
    Field(description="Unix seconds, at most 4 months ahead; left out or 0: now"),
]


# --- texts -------------------------------------------------------------------------------------------


def _not_blank(text: str) -> str:
    visible = text.isprintable() and not text.isspace() and text != ""  # nearly every text
    if not visible and not any(character.isprintable() and not character.isspace() for character in text):
        raise refuse("must not be empty")
    if "\ufffd" in text:
        raise refuse("holds U+FFFD, which stands for a broken character such as half an emoji: write it again")
    return text


def _sendable(text: str) -> str:
    _not_blank(text)
    if len(text) <= NEVER_CUT:
        return text
    length = measure(text)
    if length.parts > MAX_PARTS:
        alphabet = "Unicode" if length.unicode else "GSM"
        raise refuse(
            f"is too long: {length.units} {alphabet} characters make {length.parts} parts, and ClickSend cuts "
            f"a text after {MAX_PARTS}. Shorten it or send it as two messages"
        )
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
SmsText = Annotated[str, AfterValidator(_sendable)]


def _at_most(limit: int, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > limit:
            raise refuse(
                f"has {len(text)} characters; ClickSend would cut {what} after {limit}, so send at most {limit}"
            )
        return text

    return AfterValidator(check)


ListName = Annotated[Text, _at_most(50, "a list name"), Field(description="At most 50 characters")]
Subject = Annotated[Text, _at_most(20, "a subject"), Field(description="At most 20 characters")]


def _mms_text(text: str) -> str:
    length = measure(_not_blank(text))
    limit = 500 if length.unicode else 1500
    if length.units > limit:
        raise refuse(f"is too long: {length.units} characters, and ClickSend cuts this text after {limit}")
    return text


MmsText = Annotated[str, AfterValidator(_mms_text)]


# --- addresses ---------------------------------------------------------------------------------------


def phone_number(value: object) -> str:
    """Take spaces, hyphens and brackets out of an international number; refuse what is none."""
    if not isinstance(value, str):
        raise refuse('must be text, such as "+61411111111"')
    if _INTERNATIONAL.fullmatch(value):
        return value
    if _TRUNK_PREFIX.search(value):
        raise refuse("must be an international number: leave the (0) out, it is not dialled after a country code")
    number = _SEPARATORS.sub("", value)
    if not _INTERNATIONAL.fullmatch(number):
        raise refuse(
            "must be an international number: +, country code and number, 7 to 15 digits, such as +61411111111"
        )
    return number


PhoneNumber = Annotated[str, BeforeValidator(phone_number)]
Recipient = Annotated[PhoneNumber, Field(description="E.164, e.g. +61411111111")]


def _sender(value: str) -> str:
    """A number, or a business name."""
    number = _SEPARATORS.sub("", value)
    if _OWN_NUMBER.fullmatch(number):
        return number
    if len(value) > 11 or _BLANK.search(value) or not _LETTER.search(value) or not value.isprintable():
        raise refuse("must be a number of yours, or a name of at most 11 characters without spaces")
    return value


Sender = Annotated[
    str,
    AfterValidator(_sender),
    Field(description="Own number, or name of at most 11 characters, no spaces"),
]


def _country(value: str) -> str:
    if not _COUNTRY_CODE.fullmatch(value):
        raise refuse("must be a country code of 2 capital letters, such as AU")
    return value


Country = Annotated[str, AfterValidator(_country)]


def is_email_address(value: str) -> bool:
    """Whether a text has the form of an e-mail address."""
    return _EMAIL.fullmatch(value) is not None


def _email(value: str) -> str:
    if not is_email_address(value):
        raise refuse("must be an e-mail address, such as ana@example.com")
    return value


Email = Annotated[str, AfterValidator(_email)]


def is_web_address(value: str) -> bool:
    """Whether a text is an http or https URL with a host."""
    try:
        parts = urlsplit(value)
        # The port is checked only when it is asked for.
        plausible = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        return bool(plausible) and not _NOT_IN_URL.search(value)
    except ValueError:
        return False


def _url(value: str) -> str:
    if not is_web_address(value):
        raise refuse("must be a public http or https URL, such as https://example.com/file")
    return value


Url = Annotated[str, AfterValidator(_url)]


def _letter_url(value: str) -> str:
    ending = urlsplit(value).path.rpartition(".")[2].lower()
    if ending in ("doc", "docx", "jpg", "jpeg", "gif", "png", "bmp"):
        raise refuse(f"must be a PDF; a {ending} file has to be converted first through ClickSend's uploads")
    return value


LetterUrl = Annotated[Url, AfterValidator(_letter_url), Field(description="Public URL of a PDF")]


def _message_id(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise refuse("must be the UUID that a send or the history gave, with its 36 characters")
    return value


MessageId = Annotated[str, AfterValidator(_message_id), Field(description="UUID from a send or history")]


# --- queries and files -------------------------------------------------------------------------------


def _search(value: str) -> str:
    if not re.match(r"[a-z_]+:", value):
        raise refuse("must be field:value, such as status:Completed; several are joined by commas")
    return value


Search = Annotated[str, AfterValidator(_search)]


def _order(value: str) -> str:
    if not re.fullmatch(r"[a-z_]+:(asc|desc)", value):
        raise refuse("must be field:asc or field:desc, such as date:desc")
    return value


OrderBy = Annotated[str, AfterValidator(_order)]


def _csv_name(value: str) -> str:
    if not re.fullmatch(r"[^/\\]+\.csv", value, re.IGNORECASE) or not value.isprintable():
        raise refuse("must be a file name without slashes that ends in .csv, such as customers.csv")
    return value


CsvName = Annotated[str, AfterValidator(_csv_name), Field(description="Ends in .csv")]

_COLUMNS_OF_CLICKSEND: Final = {
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
    ],
    PlainSerializer(clicksend_column, return_type=str),
]


# --- lists -------------------------------------------------------------------------------------------

# For a list field: takes an array that a host sent as JSON text.
ArrayFromText = BeforeValidator(lambda value: from_text(value, "["))
