"""Recipient limits: countries, numbers, how many, from which sender, at what hour, and attempts to bypass them."""

import time
from dataclasses import dataclass
from datetime import datetime
from datetime import time as clock
from decimal import Decimal
from typing import Any

import pytest
from support.guarding import (
    ANA,
    BO,
    MMS,
    Place,
    asked,
    campaign,
    contact_list,
    control,
    data,
    fault,
    guarded,
    join,
    letter,
    sent,
    sms,
)

from server.config.limits import Limits, QuietHours
from server.config.settings import from_environment
from server.guard.decisions import Denied
from server.guard.limits import check
from server.sandbox.serve import RunningSandbox
from tools.audience import OutboundMessage

pytestmark = pytest.mark.anyio

US, CANADA, JAMAICA = "+12025550123", "+14165550123", "+18765550123"


def limits_of(**variables: str) -> Limits:
    """The limits that variables set, which are named without their prefix."""
    return from_environment({f"CLICKSEND_MCP_{name}": text for name, text in variables.items()}).limits


def refusal(limits: Limits, *messages: OutboundMessage) -> str:
    """Why messages must not go out; "" if they may."""
    try:
        check(messages, limits)
    except Denied as denied:
        return denied.reason
    return ""


# --- numbers and countries -------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """A number under limits, and whether it may be contacted."""

    id: str
    to: str
    limits: dict[str, str]
    allowed: bool


_AU_BLOCKED = {"BLOCKED_NUMBERS": "+614"}
NUMBERS = (
    Number("US is not Canada", CANADA, {"ALLOWED_COUNTRIES": "US"}, False),
    Number("US is not Jamaica", JAMAICA, {"ALLOWED_COUNTRIES": "US"}, False),
    Number("US is US", US, {"ALLOWED_COUNTRIES": "US"}, True),
    Number("one of several", CANADA, {"ALLOWED_COUNTRIES": "AU, CA"}, True),
    Number("Guernsey is not Britain", "+447911123456", {"ALLOWED_COUNTRIES": "GB"}, False),
    Number("Kazakhstan is not Russia", "+77012345678", {"ALLOWED_COUNTRIES": "RU"}, False),
    Number("a satellite", "+881612345678", {"ALLOWED_COUNTRIES": "AU,US"}, False),
    Number("invalid in its country", "+15555555555", {"ALLOWED_COUNTRIES": "US"}, False),
    Number("no such country code", "+99912345678", {"ALLOWED_COUNTRIES": "US"}, False),
    Number("allowed by beginning", ANA, {"ALLOWED_NUMBERS": "+614"}, True),
    Number("allowed whole", ANA, {"ALLOWED_NUMBERS": f"+1, {ANA}"}, True),
    Number("not allowed", BO, {"ALLOWED_NUMBERS": ANA}, False),
    Number("blocked by beginning", ANA, {"BLOCKED_NUMBERS": "+614"}, False),
    Number("blocked whole", ANA, {"BLOCKED_NUMBERS": "+61 491 570 156"}, False),
    Number("not blocked", BO, {"BLOCKED_NUMBERS": ANA}, True),
    Number("blocked beats allowed", ANA, {"ALLOWED_NUMBERS": "+61", "BLOCKED_NUMBERS": "+614"}, False),
    Number("a zero that is not dialled", "+610491570156", {"BLOCKED_NUMBERS": "+614"}, False),
    Number("no such country code, blocked", "+99912345678", {"BLOCKED_NUMBERS": "+614"}, False),
    Number("separators", "+61-491 (570) 156", {"BLOCKED_NUMBERS": "+614"}, False),
    Number("a hyphen of Unicode's", "+61\u2010491570156", {"BLOCKED_NUMBERS": "+614"}, False),
    Number(
        "full-width digits", "+\uff16\uff11\uff14\uff19\uff11\uff15\uff17\uff10\uff11\uff15\uff16", _AU_BLOCKED, False
    ),
    Number("Arabic digits", "+\u0666\u0661\u0664\u0669\u0661\u0665\u0667\u0660\u0661\u0665\u0666", _AU_BLOCKED, False),
    Number("a zero-width space", "+6\u200b1491570156", {"BLOCKED_NUMBERS": "+614"}, False),
    Number("Argentina with and without the 9", "+541166773399", {"BLOCKED_NUMBERS": "+5491166773399"}, False),
    Number("Argentina the other way round", "+5491166773399", {"BLOCKED_NUMBERS": "+541166773399"}, False),
    Number("Argentina by the beginning of mobiles", "+541166773399", {"BLOCKED_NUMBERS": "+549"}, False),
    Number("Brazil without its ninth digit", "+551187654321", {"BLOCKED_NUMBERS": "+5511987654321"}, False),
    Number("Brazil by a beginning without it", "+5511987654321", {"BLOCKED_NUMBERS": "+55118765"}, False),
    Number("Mexico with the 1", "+5215512345678", {"BLOCKED_NUMBERS": "+525512345678"}, False),
    Number("Mexico by its beginning", "+5215512345678", {"BLOCKED_NUMBERS": "+525"}, False),
    Number("Mexico by the beginning with the 1", "+525512345678", {"BLOCKED_NUMBERS": "+5215"}, False),
    Number("a landline of Brazil", "+551132654321", {"BLOCKED_NUMBERS": "+5511932654321"}, True),
    Number("allowed in another spelling", "+541166773399", {"ALLOWED_NUMBERS": "+5491166773399"}, True),
    Number("allowed with a trunk 0", "+4407911123456", {"ALLOWED_NUMBERS": "+447911123456"}, True),
    Number("a landline is no allowed mobile", "+541166773399", {"ALLOWED_NUMBERS": "+549"}, False),
    Number("premium of America", "+19005550123", {"ALLOWED_COUNTRIES": "US"}, False),
    Number("personal of America", "+15005550006", {"ALLOWED_COUNTRIES": "US"}, False),
    Number("premium of Britain", "+449098790123", {"ALLOWED_COUNTRIES": "GB"}, False),
    Number("personal of Britain", "+447012345678", {"ALLOWED_COUNTRIES": "GB"}, False),
    Number("shared cost of Germany", "+4918012345", {"ALLOWED_COUNTRIES": "DE"}, False),
    Number("premium of Australia", "+611900123456", {"ALLOWED_COUNTRIES": "AU"}, False),
    Number("toll-free stays in its country", "+611800123456", {"ALLOWED_COUNTRIES": "AU"}, True),
    Number("without plus", "61491570156", {"BLOCKED_NUMBERS": "+614"}, False),
)


@pytest.mark.parametrize("case", NUMBERS, ids=lambda case: case.id)
async def test_numbers_and_countries(case: Number, ledger: Place, sandbox: RunningSandbox) -> None:
    limits = limits_of(**case.limits)
    chosen = {"allowed_countries": limits.allowed_countries, "allowed_numbers": limits.allowed_numbers}
    async with guarded(sandbox, ledger, **chosen, blocked_numbers=limits.blocked_numbers) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(case.to))
    assert envelope.successful is case.allowed, envelope
    assert len(sent(sandbox)) == case.allowed
    if not case.allowed:
        assert envelope.error.endswith("Nothing was sent.")
        assert "fault inside" not in envelope.error


async def test_one_number_that_is_not_allowed_stops_all(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, allowed_countries=frozenset({"AU"})) as call:
        refused = await call("CREATE_SMS_SEND", **sms(ANA, US, BO))
        picture = {**MMS, "messages": [{**MMS["messages"][0], "to": US}]}  # type: ignore[index]
        assert "is in US" in (await call("CREATE_MMS_SEND", **picture)).error
    assert f"{US} is in US, not in AU (limit CLICKSEND_MCP_ALLOWED_COUNTRIES" in refused.error
    assert sent(sandbox) == []


async def test_a_letter_goes_to_no_number(ledger: Place, sandbox: RunningSandbox) -> None:
    """Allowed numbers forbid letters; blocked numbers do not."""
    async with guarded(sandbox, ledger, allowed_numbers=(ANA,)) as call:
        refused = await call("CREATE_POST_LETTERS_SEND", **letter())
    async with guarded(sandbox, ledger, blocked_numbers=(ANA,), max_recipients=1) as call:
        data(await call("CREATE_POST_LETTERS_SEND", **letter()))
        two = letter()["recipients"] * 2
        two[1] = {**two[1], "address_name": "Bo"}
        many = await call("CREATE_POST_LETTERS_SEND", **{**letter(), "recipients": two})
    assert "CLICKSEND_MCP_ALLOWED_NUMBERS" in refused.error
    assert "CLICKSEND_MCP_MAX_RECIPIENTS" in many.error


async def test_letters_are_limited_by_their_country(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, allowed_countries=frozenset({"AU"})) as call:
        refused = await call("CREATE_POST_LETTERS_SEND", **letter("NZ"))
        data(await call("CREATE_POST_LETTERS_SEND", **letter("AU")))
    assert "the letter is in NZ, not in AU" in refused.error
    assert len(sent(sandbox)) == 1


async def test_the_number_of_recipients_is_limited(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, max_recipients=2) as call:
        data(await call("CREATE_SMS_SEND", **sms(ANA, BO)))
        refused = await call("CREATE_SMS_SEND", **sms(ANA, BO, "+61491570158"))
        three = await contact_list(call, ANA, BO, "+61491570158")
        whole_list = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(three))
        two = await contact_list(call, ANA, BO)
        data(await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(two)))
    for envelope in (refused, whole_list):
        assert "3 recipients are more than 2 (limit CLICKSEND_MCP_MAX_RECIPIENTS" in envelope.error
    assert len(sent(sandbox)) == 4


# --- campaigns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["+64211234567", "0411111111", "+99912345678"])
@pytest.mark.parametrize("slug", ["CREATE_SMS_CAMPAIGNS_SEND", "UPDATE_SMS_CAMPAIGNS"])
async def test_a_campaign_is_checked_contact_by_contact_over_all_pages(
    slug: str, last: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, allowed_countries=frozenset({"AU"})) as call:
        list_id = await contact_list(call, *(f"+614915{n:05}" for n in range(101)))
        join(sandbox, list_id, last)
        arguments = campaign(list_id) | ({"sms_campaign_id": 1} if slug.startswith("UPDATE") else {})
        envelope = await call(slug, **arguments)
    assert f"{last} is in " in envelope.error
    assert asked(sandbox, f"/v3/lists/{list_id}/contacts") == 102 + 2
    assert sent(sandbox) == []


@pytest.mark.parametrize("kind", ["status", "garbage", "drop", "empty"])
async def test_a_campaign_whose_contacts_cannot_be_read_is_refused(
    kind: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, blocked_numbers=("+1",)) as call:
        list_id = await contact_list(call, ANA)
        fault(sandbox, kind, method="GET", path="/v3/lists")
        envelope = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id))
    assert "contacts could not be checked" in envelope.error
    assert sent(sandbox) == []


# --- senders -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class From:
    """A sender under a list of allowed ones."""

    id: str
    sender: str | None
    allowed_senders: str
    allowed: bool


SENDERS = (
    From("named", "ACME", "ACME,+61400000000", True),
    From("own number", "+61 400 000 000", "ACME,+61400000000", True),
    From("another", "BANK", "ACME", False),
    From("another case", "acme", "ACME", False),
    From("left out", None, "ACME", False),
    From("blank", "", "ACME", False),
    From("left out, allowed", None, "ACME,shared", True),
    From("named like the shared one", "shared", "shared", False),
)


@pytest.mark.parametrize("case", SENDERS, ids=lambda case: case.id)
async def test_senders(case: From, ledger: Place, sandbox: RunningSandbox) -> None:
    allowed = limits_of(ALLOWED_SENDERS=case.allowed_senders).allowed_senders
    async with guarded(sandbox, ledger, allowed_senders=allowed) as call:
        text = await call("CREATE_SMS_SEND", **sms(**{"from": case.sender}))
        list_id = await contact_list(call, ANA)
        whole_list = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id, **{"from": case.sender}))
    for envelope in (text, whole_list):
        assert envelope.successful is case.allowed
        assert case.allowed or "CLICKSEND_MCP_ALLOWED_SENDERS" in envelope.error
    assert len(sent(sandbox)) == 2 * case.allowed


# --- rules that forward ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit",
    [
        {"allowed_countries": frozenset({"AU"})},
        {"allowed_numbers": (ANA,)},
        {"blocked_numbers": ("+1",)},
        {"allowed_senders": frozenset({"ACME"})},
        {"max_recipients": 5},
        {"quiet_hours": QuietHours(clock(0, 0), clock(0, 1))},
        {"max_cost_per_call": Decimal(5)},
        {"max_cost_per_day": Decimal(5)},
    ],
    ids=lambda limit: next(iter(limit)),
)
@pytest.mark.parametrize(
    ("action", "address"),
    [("SMS", ANA), ("GROUP_SMS", "LIST"), ("AUTO_REPLY", "We are closed"), ("SMS", "+610491570156")],
)
async def test_no_rule_that_sends_by_itself_is_made_under_any_limit(
    action: str, address: str, limit: dict[str, Any], ledger: Place, sandbox: RunningSandbox
) -> None:
    """It would send at night, to anyone who has joined its list, and unpriced."""
    rule: dict[str, Any] = {"enabled": 1, "rule_name": "on", "dedicated_number": "*", "message_search_type": 0}
    async with guarded(sandbox, ledger, **limit) as call:
        home = str(await contact_list(call, ANA))
        address = home if address == "LIST" else address
        envelope = await call("CREATE_AUTOMATIONS_SMS_INBOUND", **rule, action=action, action_address=address)
        moved = await call("CREATE_AUTOMATIONS_SMS_INBOUND", **rule, action="MOVE_CONTACT", action_address=home)
    assert "would send later, unseen and past the limits" in envelope.error
    assert envelope.error.endswith("Nothing was changed.")
    assert moved.successful  # it contacts nobody
    assert _rules(sandbox) == 1


def _rules(sandbox: RunningSandbox) -> int:
    accounts = control(sandbox, "GET", "state")["accounts"]
    return next(account["rules"] for account in accounts if account["username"] == sandbox.username)


# --- quiet hours -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hour:
    """A moment for a number under quiet hours, and whether something may arrive then."""

    id: str
    to: str
    at: str  # ISO 8601
    hours: str
    allowed: bool


PARIS, NEW_YORK, ALASKA = "+33612345678", "+12125550123", "+19075550123"
HOURS = (
    Hour("by day", PARIS, "2027-01-15T12:00+01:00", "21:00-08:00", True),
    Hour("late", PARIS, "2027-01-15T23:00+01:00", "21:00-08:00", False),
    Hour("early", PARIS, "2027-01-15T07:59:59+01:00", "21:00-08:00", False),
    Hour("begins", PARIS, "2027-01-15T21:00+01:00", "21:00-08:00", False),
    Hour("just before", PARIS, "2027-01-15T20:59:59+01:00", "21:00-08:00", True),
    Hour("ends", PARIS, "2027-01-15T08:00+01:00", "21:00-08:00", True),
    Hour("within a day", PARIS, "2027-01-15T13:00+01:00", "12:00-14:00", False),
    Hour("midnight", PARIS, "2027-01-15T00:00+01:00", "21:00-00:00", True),
    Hour("written with a sender's offset", NEW_YORK, "2027-01-15T23:30-05:00", "21:00-08:00", False),
    Hour("day for the sender, night there", NEW_YORK, "2027-01-15T10:00+01:00", "21:00-08:00", False),
    Hour("summer, 7:30 in winter time", PARIS, "2027-07-15T06:30Z", "21:00-08:00", True),
    Hour("winter, same time of UTC", PARIS, "2027-01-15T06:30Z", "21:00-08:00", False),
    Hour("the day before the clocks go on", NEW_YORK, "2027-03-13T12:30Z", "21:00-08:00", False),
    Hour("the day after", NEW_YORK, "2027-03-15T12:30Z", "21:00-08:00", True),
    Hour("in one zone of several", ALASKA, "2027-01-15T21:30-09:00", "21:00-08:00", False),
    Hour("in the other zone of several", ALASKA, "2027-01-15T08:30-09:00", "21:00-08:00", False),
    Hour("in none of several", ALASKA, "2027-01-15T12:00-09:00", "21:00-08:00", True),
    Hour("unknown zone", "+881612345678", "2027-01-15T12:00Z", "21:00-08:00", False),
    Hour("invalid in its country", "+15555555555", "2027-01-15T12:00Z", "21:00-08:00", False),
    Hour("no such country code", "+99912345678", "2027-01-15T12:00Z", "21:00-08:00", False),
)


@pytest.mark.parametrize("case", HOURS, ids=lambda case: case.id)
def test_quiet_hours(case: Hour) -> None:
    moment = int(datetime.fromisoformat(case.at).timestamp())
    reason = refusal(limits_of(QUIET_HOURS=case.hours), OutboundMessage(case.to, "Hello", at=moment))
    assert (reason == "") is case.allowed, reason
    assert case.allowed or "CLICKSEND_MCP_QUIET_HOURS" in reason


async def test_quiet_hours_hold_for_now_and_for_what_is_scheduled(ledger: Place, sandbox: RunningSandbox) -> None:
    now = time.gmtime()
    brisbane = "+61731234567"  # UTC+10, all year
    hour = (now.tm_hour + 10) % 24
    quiet = limits_of(QUIET_HOURS=f"{hour:02}:00-{(hour + 2) % 24:02}:00").quiet_hours
    async with guarded(sandbox, ledger, quiet_hours=quiet) as call:
        at_once = await call("CREATE_SMS_SEND", **sms(brisbane))
        tomorrow = await call("CREATE_SMS_SEND", **sms(brisbane, schedule=int(time.time()) + 86_400))
        with_zero = await call("CREATE_SMS_SEND", **sms(brisbane, schedule=0))
        later = await call("CREATE_SMS_SEND", **sms(brisbane, schedule=int(time.time()) + 6 * 3600))
        data(await call("CREATE_POST_LETTERS_SEND", **letter()))  # a letter wakes nobody
    for envelope in (at_once, tomorrow, with_zero):
        assert f"for {brisbane} (Australia/Brisbane)" in envelope.error
    assert later.successful
