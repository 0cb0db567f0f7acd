"""Reach: whom a call would contact, from whom, with what and when; what an operator's limits are about."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class OutboundMessage(NamedTuple):
    """One message or letter that would go out.

    `to`: an E.164 number, or None where it is a letter or not known yet; `country`: that of a letter;
    `at`: Unix seconds, None for now; `sender`: "" for ClickSend's shared number.
    """

    to: str | None
    text: str
    sender: str = ""
    at: int | None = None
    country: str | None = None
    about: str = ""  # what else a person should know of it


@dataclass(frozen=True)
class Audience:
    """All that a call would send; with a `list_id`, its one message goes to every contact of that list."""

    messages: tuple[OutboundMessage, ...]
    list_id: int | None = None


AudienceOf = Callable[[Any], Audience]


def messages(arguments: Any) -> Audience:
    """For sends of SMS."""
    return Audience(
        tuple(
            OutboundMessage(message.to, message.body, message.sender or "", message.schedule or None)
            for message in arguments.messages
        )
    )


def picture_messages(arguments: Any) -> Audience:
    """For sends of MMS."""
    return Audience(
        tuple(
            one._replace(about=f"subject {message.subject}, picture {arguments.media_file}")
            for one, message in zip(messages(arguments).messages, arguments.messages, strict=True)
        )
    )


def contacts_of_list(arguments: Any) -> Audience:
    """For campaigns."""
    message = OutboundMessage(None, arguments.body, arguments.sender or "", arguments.schedule or None)
    return Audience((message,), list_id=arguments.list_id)


def letters(arguments: Any) -> Audience:
    """For letters."""
    return Audience(
        tuple(
            OutboundMessage(
                None,
                arguments.file_url,
                at=recipient.schedule or None,
                country=recipient.address_country,
                about=f"for {recipient.address_name}, {recipient.address_line_1}, {recipient.address_city}",
            )
            for recipient in arguments.recipients
        )
    )


def forwarded(arguments: Any) -> Audience:
    """For rules that send by themselves: to one number, to the contacts of a list, or to whoever writes."""
    if arguments.action == "AUTO_REPLY":
        return Audience((OutboundMessage(None, "(replies)"),))
    if arguments.action == "SMS":
        return Audience((OutboundMessage(arguments.action_address, "(forwarded messages)"),))
    if arguments.action == "GROUP_SMS":
        list_id = arguments.action_address
        return Audience((OutboundMessage(None, "(forwarded messages)"),), int(list_id) if list_id.isdecimal() else None)
    return Audience(())
