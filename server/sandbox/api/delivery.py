"""Delivery of an inbound message: it is recorded, then the matching rules run.

The sandbox is not on a phone network; POST /_sandbox/inbound delivers these messages.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial

from server.sandbox.api import optout, outbound
from server.sandbox.api.answers import whole_number
from server.sandbox.api.automations import CONTAINS, LACKS, STARTS_WITH
from server.sandbox.api.contacts import add_contact
from server.sandbox.api.fetching import NotFetched, request
from server.sandbox.api.outbound import Draft
from server.sandbox.state.models import Account, ContactList, InboundCopy, Message, Rule, RuleRun, keep
from server.sandbox.state.numbers import country_of, normalise, shared_number
from server.sandbox.state.world import World, new_message_id

MAX_RULES = 10  # per message, the oldest first
WEBHOOK_SECONDS = 3

Webhook = Callable[[], Awaitable[None]]


def deliver(
    world: World, account: Account, sender: str, to: str | None, body: str
) -> tuple[Message, list[RuleRun], list[Webhook]]:
    """Deliver a message: record it, opt its sender out if it says so, run the rules.

    Returns the message, the runs, and the webhooks of URL rules, which the caller has to call.
    """
    sender = normalise(sender, account.country) or sender
    message = _receive(world, account, sender, to or shared_number(account.country), body)
    original = _answered(account, sender, world.now())
    runs = [RuleRun(0, "MOVE_CONTACT", message.message_id, "opted out")] if optout.is_opt_out(body) else []
    if runs:
        optout.opt_out(world, account, sender)
    webhooks: list[Webhook] = []
    for rule in [rule for rule in account.rules.values() if _matches(rule, message)][:MAX_RULES]:
        run = RuleRun(rule.rule_id, rule.action, message.message_id, "recorded")
        runs.append(run)
        if rule.action == "URL":
            run.outcome = "pending"
            webhooks.append(partial(_call_webhook, world, account, rule, run, message, original))
        else:
            run.outcome = _run(world, account, rule, message, original)
    account.rule_runs.extend(runs)
    return message, runs, webhooks


def _receive(world: World, account: Account, sender: str, to: str, body: str) -> Message:
    now = world.now()
    message = Message(
        message_id=new_message_id(),
        kind="sms",
        direction="in",
        to=to,
        sender=sender,
        body=body,
        country=country_of(sender),
        date=now,
        send_at=now,
        parts=1,
        price=Decimal(0),
    )
    keep(account.messages, message.message_id, message, world.limits.messages)
    return message


def _answered(account: Account, sender: str, now: int) -> Message | None:
    """The last message sent to this number."""
    for message in reversed(account.messages.values()):
        if message.direction == "out" and message.to == sender and not message.cancelled and message.send_at <= now:
            return message
    return None


def _matches(rule: Rule, message: Message) -> bool:
    if not rule.enabled or rule.dedicated_number not in ("*", message.to):
        return False
    body, term = message.body.casefold().strip(), rule.message_search_term.casefold()
    if rule.message_search_type == STARTS_WITH:
        return body.startswith(term)
    if rule.message_search_type == CONTAINS:
        return term in body
    return rule.message_search_type != LACKS or term not in body


def _run(world: World, account: Account, rule: Rule, message: Message, original: Message | None) -> str:
    """Run a rule; the outcome in a few words."""
    match rule.action:
        case "POLL":
            account.inbox.append(InboundCopy(message, original))
            return "listed"
        case "AUTO_REPLY":
            reply = Draft(to=message.sender, body=rule.body or rule.action_address, sender=message.to)
            return outbound.accept(world, account, reply).status
        case "SMS":
            forwarded = Draft(to=rule.action_address, body=message.body, sender=message.to)
            return outbound.accept(world, account, forwarded).status
        case "MOVE_CONTACT":
            return _move_contact(account, rule, message.sender)
        case action if action.startswith("CREATE_CONTACT"):
            return _create_contact(world, account, rule, message)
    return "recorded"


def _target(account: Account, rule: Rule) -> ContactList | None:
    return account.lists.get(whole_number(rule.action_address) or 0)


def _move_contact(account: Account, rule: Rule, number: str) -> str:
    """Move all contacts with this number to the list of the rule."""
    target = _target(account, rule)
    if target is None:
        return "no such list"
    moved = 0
    for contact_list in account.lists.values():
        for contact in list(contact_list.contacts.values()):
            listed = normalise(contact.fields["phone_number"] or "", contact.country(account.country))
            if listed == number and contact_list is not target:
                target.contacts[contact.contact_id] = contact_list.contacts.pop(contact.contact_id)
                moved += 1
    return f"moved {moved}"


def _create_contact(world: World, account: Account, rule: Rule, message: Message) -> str:
    """Add the sender to the list of the rule, with the name or email address in the message."""
    target = _target(account, rule)
    if target is None:
        return "no such list"
    words = message.body.split()
    fields: dict[str, str | None] = {"phone_number": message.sender}
    if "EMAIL" in rule.action:
        fields["email"] = next((word for word in words if "@" in word), None)
    if "NAME" in rule.action:
        names = [word for word in words if "@" not in word]
        fields |= {"first_name": " ".join(names[:1]) or None, "last_name": " ".join(names[1:]) or None}
    add_contact(world, account, target, fields)
    return "created"


async def _call_webhook(
    world: World, account: Account, rule: Rule, run: RuleRun, message: Message, original: Message | None
) -> None:
    """Call the webhook of a rule once; the outcome is its HTTP status, or why there is none."""
    payload = _payload(account, message, original)
    method, encoding = {"get": ("GET", "params"), "json": ("POST", "json")}.get(
        rule.webhook_type or "", ("POST", "data")
    )
    try:
        status = await request(method, rule.action_address, world.may_reach, WEBHOOK_SECONDS, **{encoding: payload})
        run.outcome = f"HTTP {status}"
    except NotFetched as failure:
        run.outcome = f"failed: {failure}"


def _payload(account: Account, message: Message, original: Message | None) -> dict[str, str | int]:
    return {
        "originalsenderid": message.to,
        "body": message.body,
        "message": message.body,
        "sms": message.to,
        "from": message.sender,
        "to": message.to,
        "timestamp": message.date,
        "message_id": message.message_id,
        "original_message_id": original.message_id if original else "",
        "original_body": original.body if original else "",
        "custom_string": original.custom_string if original else "",
        "user_id": account.user_id,
        "subaccount_id": account.subaccount_id,
    }
