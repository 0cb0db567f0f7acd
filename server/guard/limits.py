"""Recipient limits: whether all recipients of a call may be contacted, from that sender and at that time."""

import re
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone as phone_timezone

from schemas.phone import dialled_forms, e164, phone_key
from server.config.limits import SHARED_NUMBER, Limits
from server.guard.decisions import Denied
from server.guard.error_text import over_limit
from tools.audience import OutboundMessage

_NAMED = 5  # offenders that a refusal names; our rule
_INTERNATIONAL = re.compile(r"\+[0-9]{7,15}")  # at most 15 digits: E.164; at least 7: our rule
# Kinds of number, by the numbering plans, that belong to no person in a country; many cost the sender extra. Our rule.
_NOT_IN_A_COUNTRY = {
    phonenumbers.PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    phonenumbers.PhoneNumberType.SHARED_COST: "a shared-cost number",
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER: "a personal number, which leads anywhere",
    phonenumbers.PhoneNumberType.UAN: "a company-wide number",
    phonenumbers.PhoneNumberType.PAGER: "a pager",
    phonenumbers.PhoneNumberType.VOICEMAIL: "a voicemail",
}


def check(messages: Collection[OutboundMessage], limits: Limits) -> None:
    """Check all messages that would go out against the limits. Raises Denied."""
    if limits.max_recipients is not None and len(messages) > limits.max_recipients:
        reason = f"{len(messages)} recipients are more than {limits.max_recipients}"
        raise Denied(over_limit(reason, "CLICKSEND_MCP_MAX_RECIPIENTS"))
    for variable, rule in _RULES:
        reasons = [reason for reason in (rule(message, limits) for message in messages) if reason]
        if reasons:
            more = f" and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
            raise Denied(over_limit("; ".join(reasons[:_NAMED]) + more, variable))


def country(message: OutboundMessage) -> str | None:
    """The country of a recipient, 2 capital letters; None if it is unknown."""
    if message.to is None:
        return message.country
    number = _parsed(message.to)
    return None if number is None else phonenumbers.region_code_for_number(number)


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    """An international number; None for anything else, such as one with an unassigned country code."""
    try:
        return phonenumbers.parse(number) if _INTERNATIONAL.fullmatch(number) else None
    except phonenumbers.NumberParseException:
        return None


def _sender(message: OutboundMessage, limits: Limits) -> str | None:
    if not limits.allowed_senders or message.country:
        return None
    plain = {allowed.removeprefix("+") for allowed in limits.allowed_senders}  # a number with or without its plus
    if message.sender != SHARED_NUMBER and (message.sender or SHARED_NUMBER).removeprefix("+") in plain:
        return None
    allowed = ", ".join(sorted(limits.allowed_senders))
    return f"sender {message.sender or '(left out: the shared number)'} is not one of {allowed}"


def _country(message: OutboundMessage, limits: Limits) -> str | None:
    if not limits.allowed_countries:
        return None
    where = country(message)
    number = _parsed(message.to) if message.to is not None else None
    if number is not None and (kind := _NOT_IN_A_COUNTRY.get(phonenumbers.number_type(number))):
        return f"{message.to} is {kind}, in no country"
    if where in limits.allowed_countries:
        return None
    allowed = ", ".join(sorted(limits.allowed_countries))
    return f"{message.to or 'the letter'} is in {where or 'no known country'}, not in {allowed}"


def _allowed_number(message: OutboundMessage, limits: Limits) -> str | None:
    if not limits.allowed_numbers:
        return None
    if message.to is None:
        return "a letter goes to no number, and only some numbers may be contacted"
    key = phone_key(message.to)
    # A prefix has to be one of the number itself; a complete number may be in another spelling.
    forms = (e164(message.to) or message.to, key)
    if any(form.startswith(limits.allowed_numbers) for form in forms) or key in map(phone_key, limits.allowed_numbers):
        return None
    return f"{message.to} is not an allowed number"


def _blocked_number(message: OutboundMessage, limits: Limits) -> str | None:
    if message.to is None or not limits.blocked_numbers:
        return None
    if _parsed(message.to) is None:
        return f"{message.to} is no international number, so it cannot be told whether it is blocked"
    blocked = any(form.startswith(limits.blocked_numbers) for form in dialled_forms(message.to))
    return (
        f"{message.to} is blocked"
        if blocked or phone_key(message.to) in map(phone_key, limits.blocked_numbers)
        else None
    )


def _quiet_hours(message: OutboundMessage, limits: Limits) -> str | None:
    """Refuse if it would arrive in quiet hours in any time zone that the number may be in."""
    if limits.quiet_hours is None or message.to is None:
        return None
    moment = datetime.fromtimestamp(message.at or time.time(), UTC)
    number = _parsed(message.to)
    zones = phone_timezone.time_zones_for_number(number) if number else ()
    if not zones or phone_timezone.UNKNOWN_TIMEZONE in zones:
        return f"the time zone of {message.to} is not known"
    for zone in zones:
        local = moment.astimezone(ZoneInfo(zone))
        if limits.quiet_hours.contains(local.time()):
            return f"it would be {local:%H:%M} for {message.to} ({zone})"
    return None


_RULES: tuple[tuple[str, Callable[[OutboundMessage, Limits], str | None]], ...] = (
    ("CLICKSEND_MCP_ALLOWED_SENDERS", _sender),
    ("CLICKSEND_MCP_ALLOWED_COUNTRIES", _country),
    ("CLICKSEND_MCP_ALLOWED_NUMBERS", _allowed_number),
    ("CLICKSEND_MCP_BLOCKED_NUMBERS", _blocked_number),
    ("CLICKSEND_MCP_QUIET_HOURS", _quiet_hours),
)
