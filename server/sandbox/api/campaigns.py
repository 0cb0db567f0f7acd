"""SMS campaigns: one text to one contact list. Only scheduled campaigns can be changed or cancelled.

A campaign reads its list and is charged when it is sent; a scheduled one reserves no money. Its count excludes contacts
who have opted out or whose number cannot be messaged; these are counted in `_left_out`, which is not a field of the
service. A campaign that would reach nobody is refused.
"""

from collections import Counter
from decimal import Decimal

from server.sandbox.api import optout, outbound, tariff, texts
from server.sandbox.api.answers import (
    Answer,
    Call,
    Row,
    bad_request,
    date_range,
    file_type,
    listing,
    not_found,
    required_text,
    send_time,
    text_of,
    whole_number,
)
from server.sandbox.api.outbound import Draft, Verdict
from server.sandbox.state.models import Account, Campaign, Contact, Plan, keep
from server.sandbox.state.numbers import UNKNOWN_COUNTRY, choose_sender, normalise
from server.sandbox.state.world import World

MAX_RECIPIENTS = 20_000
MIN_LIMIT = 15  # rows per page; other listings have no minimum
QUEUED_FOR = 2  # seconds
SENDING_FOR = 4  # seconds, QUEUED_FOR included

FIELDS = {
    name: name
    for name in (
        "sms_campaign_id",
        "name",
        "user_id",
        "subaccount_id",
        "list_id",
        "from",
        "body",
        "schedule",
        "status",
        "date_added",
        "custom_string",
        "url_to_shorten",
        "unsubscribe_link",
        "source",
    )
}


def send_campaign(call: Call) -> Answer:
    """POST /v3/sms-campaigns/send"""
    plan = _plan(call)
    campaign = Campaign(
        campaign_id=call.world.next_id("campaign"),
        plan=plan,
        date_added=call.world.now(),
        total=0,
    )
    campaign.total, campaign.left_out = _counted(_priced(call, plan))
    keep(call.account.campaigns, campaign.campaign_id, campaign, call.world.limits.others)
    send_due(call.world, call.account)
    return Answer(_row(call, campaign), "The campaign is there.")


def price_campaign(call: Call) -> Answer:
    """POST /v3/sms-campaigns/price: nothing is sent, kept or charged."""
    plan = _plan(call)
    verdicts = _priced(call, plan)
    count, left_out = _counted(verdicts)
    total = sum((verdict.message.price for verdict in verdicts), Decimal(0))
    example = {
        "from": plan.sender,
        "body": next(verdict.message.body for verdict in verdicts if verdict.accepted),
        "schedule": plan.schedule,
    }
    data = {
        "total_count": count,
        "total_price": tariff.four_places(total),
        "data": example,
        "_currency": tariff.currency(call.account.country),
    }
    return Answer(data | ({"_left_out": left_out} if left_out else {}))


def _priced(call: Call, plan: Plan) -> list[Verdict]:
    """The decision for each contact. Raises Refusal (400) if nobody would get the campaign."""
    verdicts = [outbound.price(call.world, call.account, draft) for draft in _drafts(call.account, plan)]
    if any(verdict.accepted for verdict in verdicts):
        return verdicts
    _, left_out = _counted(verdicts)
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "it has no contacts with a phone"
    raise bad_request(f"Nobody on this list would get the campaign: {reasons}.", "INVALID_RECIPIENT")


def _counted(verdicts: list[Verdict]) -> tuple[int, Counter[str]]:
    """The number of accepted messages, and of refused ones by reason."""
    left_out = Counter(verdict.status for verdict in verdicts if not verdict.accepted)
    return len(verdicts) - left_out.total(), left_out


def update_campaign(call: Call) -> Answer:
    """PUT /v3/sms-campaigns/{sms_campaign_id}: replaces the plan; without a schedule it is sent at once."""
    campaign = _find(call)
    if status(campaign, call.world.now()) != "Scheduled":
        raise bad_request("Only a scheduled campaign can be changed.")
    plan = _plan(call)
    campaign.total, campaign.left_out = _counted(_priced(call, plan))
    campaign.plan = plan
    send_due(call.world, call.account)
    return Answer(_row(call, campaign), "The campaign has changed.")


def cancel_campaign(call: Call) -> Answer:
    """PUT /v3/sms-campaigns/{sms_campaign_id}/cancel: a campaign that is not scheduled is not found."""
    campaign = _find(call)
    if status(campaign, call.world.now()) != "Scheduled":
        raise not_found("No scheduled campaign has this id.")
    campaign.cancelled = True
    return Answer(_row(call, campaign), "The campaign will not be sent.")


def view_campaign(call: Call) -> Answer:
    """GET /v3/sms-campaigns/{sms_campaign_id}"""
    return Answer(_row(call, _find(call)))


def view_campaigns(call: Call) -> Answer:
    """GET /v3/sms-campaigns, by default the oldest first."""
    first, last = date_range(call)
    campaigns = [campaign for campaign in call.account.campaigns.values() if first <= campaign.date_added <= last]
    page = listing(call, campaigns, lambda campaign: _row(call, campaign), fields=FIELDS, min_limit=MIN_LIMIT)
    return Answer(page)


def send_due(world: World, account: Account) -> None:
    """Send the campaigns that are due, dated to when they were due."""
    now = world.now()
    scheduled = [campaign for campaign in account.campaigns.values() if status(campaign, now) == "Scheduled"]
    for campaign in sorted(scheduled, key=lambda campaign: campaign.plan.schedule):
        if campaign.plan.schedule <= now:
            _send(world, account, campaign)


def _send(world: World, account: Account, campaign: Campaign) -> None:
    """Send to everybody on the list now; the campaign fails if nobody can be reached."""
    drafts = _drafts(account, campaign.plan, campaign)
    campaign.sent_at = campaign.plan.schedule
    if len(drafts) > MAX_RECIPIENTS:
        campaign.failed = True
        return
    campaign.total, campaign.left_out = _counted([outbound.accept(world, account, draft) for draft in drafts])
    campaign.failed = campaign.total == 0


def _drafts(account: Account, plan: Plan, campaign: Campaign | None = None) -> list[Draft]:
    opted_out = optout.opted_out_numbers(account)
    return [
        Draft(
            to=contact.fields["phone_number"] or "",
            body=texts.place_short_link(plan.body) if plan.url_to_shorten else plan.body,
            sender=plan.sender,
            at=plan.schedule if campaign else None,
            custom_string=f"campaign-{campaign.campaign_id}" if campaign else "",
            list_id=str(plan.contact_list.list_id),
            contact=contact,
            campaign_id=campaign.campaign_id if campaign else None,
            problem="OPTED_OUT" if _number(account, contact) in opted_out else None,
        )
        for contact in _recipients(plan)
    ]


def _plan(call: Call) -> Plan:
    """The campaign in a request. Raises Refusal: as recorded 404 for an unknown list, otherwise 400."""
    body = call.body
    if body.get("list_id") is None:
        raise bad_request("list_id is missing.")
    contact_list = call.account.lists.get(whole_number(body["list_id"]) or 0)
    if contact_list is None:
        raise not_found("No contact list has this id.")
    schedule = send_time(body.get("schedule"), call.world.now())
    if schedule is None:
        raise bad_request("schedule must be in Unix seconds.", "INVALID_SCHEDULE")
    sender = text_of(body, "from", default="")
    if choose_sender(sender, UNKNOWN_COUNTRY) is None:
        raise bad_request("from is no possible sender.", "INVALID_SENDER_ID")
    url = text_of(body, "url_to_shorten", default="")
    if url and file_type(url) is None:
        raise bad_request("url_to_shorten must be a web address.")
    senders = body.get("senders")
    plan = Plan(
        name=required_text(body, "name"),
        body=required_text(body, "body"),
        sender=sender,
        schedule=schedule,
        url_to_shorten=url,
        source=text_of(body, "source", default="") or None,
        senders=senders if isinstance(senders, list) and senders else None,
        contact_list=contact_list,
    )
    if len(_recipients(plan)) > MAX_RECIPIENTS:
        raise bad_request(f"A campaign reaches at most {MAX_RECIPIENTS} contacts.", "TOO_MANY_RECIPIENTS")
    return plan


def _recipients(plan: Plan) -> list[Contact]:
    return [contact for contact in plan.contact_list.contacts.values() if contact.fields["phone_number"]]


def _number(account: Account, contact: Contact) -> str | None:
    return normalise(contact.fields["phone_number"] or "", contact.country(account.country))


def _find(call: Call) -> Campaign:
    campaign = call.account.campaigns.get(call.path_id("sms_campaign_id"))
    if campaign is None:
        raise not_found("No campaign has this id.")
    return campaign


def status(campaign: Campaign, now: int) -> str:
    """The state of a campaign at a moment."""
    if campaign.cancelled:
        return "Cancelled"
    if campaign.failed:
        return "Failed"
    if campaign.sent_at is None:
        return "Scheduled"
    if now < campaign.sent_at + QUEUED_FOR:
        return "Queued"
    return "Sending" if now < campaign.sent_at + SENDING_FOR else "Sent"


def _row(call: Call, campaign: Campaign) -> Row:
    plan = campaign.plan
    row = {
        "sms_campaign_id": campaign.campaign_id,
        "name": plan.name,
        "user_id": call.account.user_id,
        "subaccount_id": call.account.subaccount_id,
        "list_id": plan.contact_list.list_id,
        "from": plan.sender,
        "body": plan.body,
        "schedule": plan.schedule,
        "status": status(campaign, call.world.now()),
        "date_added": campaign.date_added,
        "custom_string": None,
        "url_to_shorten": plan.url_to_shorten,
        "unsubscribe_link": int(texts.OPT_OUT_PLACEHOLDER in plan.body),
        "source": plan.source,
        "senders": plan.senders,
        "_total_count": campaign.total,
        "_list_name": plan.contact_list.name,
    }
    return row | {"_left_out": campaign.left_out} if campaign.left_out else row
