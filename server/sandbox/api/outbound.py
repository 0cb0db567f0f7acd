"""Outbound messages: checks, price, charge and refund. Every message that is sent passes through here."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from server.sandbox.api import tariff, texts
from server.sandbox.api.answers import send_time
from server.sandbox.state.models import Account, Contact, Message, keep
from server.sandbox.state.numbers import Outcome, choose_sender, country_of, normalise, outcome_of
from server.sandbox.state.world import World, new_message_id


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as requested, before any check."""

    to: str
    body: str
    kind: Literal["sms", "mms"] = "sms"
    sender: str = ""
    schedule: object = None
    at: int | None = None  # when it is accepted, if that is already past
    custom_string: str = ""
    country: str = ""  # of numbers without a country code; the account's own if empty
    from_email: str | None = None
    list_id: str | None = None
    contact: Contact | None = None
    campaign_id: int | None = None
    subject: str | None = None
    media_url: str | None = None
    problem: str | None = None  # the status of a refusal that is known before the checks


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on a draft. Unless the status is SUCCESS, nothing is sent or charged."""

    draft: Draft
    status: str
    message: Message  # as it would be sent; incomplete if it is refused
    shared_sender: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the message was, or would be, accepted."""
        return self.status == "SUCCESS"


def price(world: World, account: Account, draft: Draft) -> Verdict:
    """Check and price a draft, without changing anything."""
    body, parts = _final_text(draft)
    home = draft.contact.country(account.country) if draft.contact else account.country
    number = normalise(draft.to, draft.country or home)
    country = country_of(number) if number else ""
    message = _message(world, draft, number or draft.to, country, body)
    outcome = outcome_of(number) if number else Outcome.UNUSABLE
    sender = choose_sender(draft.sender, country)
    moment = send_time(draft.schedule, message.date)

    if draft.problem:
        return Verdict(draft, draft.problem, message)
    if not draft.body.strip():
        return Verdict(draft, "EMPTY_MESSAGE", message)
    if outcome is Outcome.UNUSABLE:
        message.country = ""
        return Verdict(draft, "INVALID_RECIPIENT", message)
    if sender is None:
        return Verdict(draft, "INVALID_SENDER_ID", message)
    message.sender, shared = sender
    if outcome is Outcome.BLOCKED or country in account.countries_off:
        return Verdict(draft, "COUNTRY_NOT_ENABLED", message, shared)
    if moment is None:
        return Verdict(draft, "INVALID_SCHEDULE", message, shared)

    message.outcome = outcome
    if outcome is not Outcome.FREE:  # messages to test numbers are never scheduled or charged
        message.send_at = moment
        message.parts = parts
        message.price = _price(draft, country, parts)
    return Verdict(draft, "SUCCESS", message, shared)


def accept(world: World, account: Account, draft: Draft) -> Verdict:
    """Check a draft; if it is accepted, charge it and send or schedule it."""
    verdict = price(world, account, draft)
    if not verdict.accepted:
        return verdict
    message = verdict.message
    if account.standing == "no credit" or message.price > account.balance:
        message.parts, message.price = 0, Decimal(0)
        return Verdict(draft, "INSUFFICIENT_CREDIT", message, verdict.shared_sender)
    account.balance -= message.price
    keep(account.messages, message.message_id, message, world.limits.messages)
    return verdict


def cancel(account: Account, message: Message) -> None:
    """Cancel a scheduled message and refund its price."""
    message.cancelled = True
    account.balance += message.price


def waiting(account: Account, now: int) -> list[Message]:
    """The scheduled text messages of an account, which can still be cancelled."""
    return [message for message in account.messages.values() if is_waiting(message, now)]


def is_waiting(message: Message, now: int) -> bool:
    """Whether a message is a scheduled text message, which can still be cancelled."""
    return message.kind == "sms" and message.send_at > now and not message.cancelled


def _final_text(draft: Draft) -> tuple[str, int]:
    body = texts.personalise(draft.body, draft.contact.fields) if draft.contact else draft.body
    return (texts.cut_picture_text(body), 1) if draft.kind == "mms" else texts.cut_to_parts(body)


def _price(draft: Draft, country: str, parts: int) -> Decimal:
    return tariff.mms_price(country) if draft.kind == "mms" else tariff.sms_price(country, parts)


def _message(world: World, draft: Draft, to: str, country: str, body: str) -> Message:
    now = world.now() if draft.at is None else draft.at
    contact = draft.contact
    return Message(
        message_id=new_message_id(),
        kind=draft.kind,
        direction="out",
        to=to,
        sender=draft.sender,
        body=body,
        country=country,
        date=now,
        send_at=now,
        parts=0,
        price=Decimal(0),
        custom_string=draft.custom_string,
        from_email=draft.from_email,
        list_id=draft.list_id,
        contact_id=contact.contact_id if contact else None,
        first_name=contact.fields["first_name"] if contact else None,
        last_name=contact.fields["last_name"] if contact else None,
        campaign_id=draft.campaign_id,
        subject=draft.subject,
        media_url=draft.media_url,
    )
