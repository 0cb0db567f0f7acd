"""Recipients: whether everybody a call would contact may be contacted, from that sender and at that time."""

import re
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone as phone_timezone

from server.policy import SHARED, Policy
from server.wording import beyond
from tools.reach import Outgoing

_NAMED = 5  # offenders that a refusal names
_INTERNATIONAL = re.compile(r"\+[0-9]{7,15}")


class BeyondLimits(Exception):
    """A call that the operator forbids; `reason` says why, and by which setting."""

    def __init__(self, reason: str, variable: str) -> None:
        super().__init__(reason)
        self.reason = beyond(reason, variable)


def check(outgoing: Collection[Outgoing], policy: Policy) -> None:
    """Check everything that would go out against the limits; raises BeyondLimits."""
    if policy.max_recipients is not None and len(outgoing) > policy.max_recipients:
        reason = f"{len(outgoing)} recipients are more than {policy.max_recipients}"
        raise BeyondLimits(reason, "CLICKSEND_MCP_MAX_RECIPIENTS")
    for variable, rule in _RULES:
        reasons = [reason for reason in (rule(one, policy) for one in outgoing) if reason]
        if reasons:
            more = f" and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
            raise BeyondLimits("; ".join(reasons[:_NAMED]) + more, variable)


def country(one: Outgoing) -> str | None:
    """The country of a recipient, 2 capital letters; None if it cannot be told."""
    if one.to is None:
        return one.country
    number = _parsed(one.to)
    return None if number is None else phonenumbers.region_code_for_number(number)


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    """An international number as it is dialled; None for what is none, such as a country code nobody has."""
    try:
        return phonenumbers.parse(number) if _INTERNATIONAL.fullmatch(number) else None
    except phonenumbers.NumberParseException:
        return None


def _sender(one: Outgoing, policy: Policy) -> str | None:
    if not policy.allowed_senders or one.country:
        return None
    if one.sender != SHARED and (one.sender or SHARED) in policy.allowed_senders:
        return None
    allowed = ", ".join(sorted(policy.allowed_senders))
    return f"sender {one.sender or '(left out: the shared number)'} is not one of {allowed}"


def _country(one: Outgoing, policy: Policy) -> str | None:
    where = country(one)
    if not policy.allowed_countries or where in policy.allowed_countries:
        return None
    allowed = ", ".join(sorted(policy.allowed_countries))
    return f"{one.to or 'the letter'} is in {where or 'no known country'}, not in {allowed}"


def _allowed_number(one: Outgoing, policy: Policy) -> str | None:
    if not policy.allowed_numbers or one.to is None or one.to.startswith(policy.allowed_numbers):
        return None
    return f"{one.to} is not an allowed number"


def _blocked_number(one: Outgoing, policy: Policy) -> str | None:
    if one.to is None or not policy.blocked_numbers:
        return None
    number = _parsed(one.to)
    if number is None:
        return f"{one.to} is no international number, so it cannot be told whether it is blocked"
    # A zero after the country code is not dialled: +61 0491 is +61 491.
    dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return (
        f"{one.to} is blocked"
        if one.to.startswith(policy.blocked_numbers) or dialled.startswith(policy.blocked_numbers)
        else None
    )


def _quiet_hours(one: Outgoing, policy: Policy) -> str | None:
    """Refuse if it would arrive in quiet hours in any time zone the number may be in."""
    if policy.quiet_hours is None or one.to is None:
        return None
    moment = datetime.fromtimestamp(one.at or time.time(), UTC)
    number = _parsed(one.to)
    zones = phone_timezone.time_zones_for_number(number) if number else ()
    if not zones or phone_timezone.UNKNOWN_TIMEZONE in zones:
        return f"the time zone of {one.to} is not known"
    for zone in zones:
        there = moment.astimezone(ZoneInfo(zone))
        if policy.quiet_hours.contains(there.time()):
            return f"it would be {there:%H:%M} for {one.to} ({zone})"
    return None


_RULES: tuple[tuple[str, Callable[[Outgoing, Policy], str | None]], ...] = (
    ("CLICKSEND_MCP_ALLOWED_SENDERS", _sender),
    ("CLICKSEND_MCP_ALLOWED_COUNTRIES", _country),
    ("CLICKSEND_MCP_ALLOWED_NUMBERS", _allowed_number),
    ("CLICKSEND_MCP_BLOCKED_NUMBERS", _blocked_number),
    ("CLICKSEND_MCP_QUIET_HOURS", _quiet_hours),
)
