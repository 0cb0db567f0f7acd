"""Times: Unix seconds, and ISO 8601 texts that are converted to them.

ClickSend documents Unix seconds, and 0 as a schedule that means now. ISO 8601 is our rule.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.fields.numbers import is_whole_number, whole_number
from schemas.problem import invalid

_MILLISECONDS: Final = 10**11  # as seconds this is the year 5138; our rule
_DATES_IN_DIGITS: Final = range(19_700_101, 21_000_101)  # such as 20300131; as seconds they are all in 1970; our rule
_HORIZON: Final = timedelta(days=123)  # documented: four months; our rule: the longest four
_LONGEST: Final = 60  # characters; our rule


def format_utc(seconds: int) -> str:
    """Unix seconds as ISO 8601 in UTC, such as 2030-01-31T09:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unix_time(value: object) -> int:
    """Take Unix seconds, or ISO 8601 text with an offset; refuse milliseconds and times without a zone."""
    if isinstance(value, str) and not (len(value) <= _LONGEST and is_whole_number(value)):
        return _from_iso(value)
    seconds = whole_number(value)
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
        moment = datetime.fromisoformat(text.strip() if len(text) <= _LONGEST else "")
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
    """Our rule: ClickSend does not document what it does with a time in the past."""
    now = int(time.time())
    if seconds and seconds < now:
        raise invalid(f"is in the past: {format_utc(seconds)}; it is now {format_utc(now)}. Left out means now")
    return seconds


def _within_four_months(seconds: int) -> int:
    """ClickSend never sends what is scheduled later: documented for SMS. For MMS and letters it is our rule."""
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
