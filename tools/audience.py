"""The audience: whom a call would contact, from whom, with what and when; the operator's limits apply to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tools.route import Request, get

_CONTACTS = get("/v3/lists/{list_id}/contacts")  # documented


class OutboundMessage(NamedTuple):
    """One message or letter that would go out.

    `to`: an E.164 number, or None where it is a letter or not known yet; `country`: that of a letter;
    `at`: Unix seconds, None for now, as ClickSend takes a schedule of 0 (documented); `sender`: "" for ClickSend's
    shared number (documented).
    """

    to: str | None
    text: str
    sender: str = ""
    at: int | None = None
    country: str | None = None
    about: str = ""  # what else a person who approves it should know


@dataclass(frozen=True)
class Audience:
    """All that a call would send; with a `list_id`, its one message goes to every contact of that list.

    `is_counted`: there is a message for each recipient; False while the contacts of a list are not known.
    """

    messages: tuple[OutboundMessage, ...]
    list_id: int | None = None
    is_counted: bool = True

    def contacts_request(self, page: int, limit: int) -> Request:
        """The request for a page of the list's contacts."""
        return _CONTACTS.fill({"list_id": self.list_id, "page": page, "limit": limit})

    def with_numbers(self, numbers: Iterable[str]) -> "Audience":
        """The audience of a list, with a message for each of its numbers."""
        (message,) = self.messages
        return replace(self, messages=tuple(message._replace(to=number) for number in numbers), is_counted=True)

    @property
    def size(self) -> int:
        """How many recipients are known."""
        return len(self.messages) if self.is_counted else 0

    @property
    def has_schedule(self) -> bool:
        """Whether anything goes out later than now."""
        return any(message.at for message in self.messages)


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
            outbound._replace(about=f"subject {message.subject}, picture {arguments.media_file}")
            for outbound, message in zip(messages(arguments).messages, arguments.messages, strict=True)
        )
    )


def contacts_of_list(arguments: Any) -> Audience:
    """For campaigns: one message to every contact of a list (documented)."""
    message = OutboundMessage(None, arguments.body, arguments.sender or "", arguments.schedule or None)
    return Audience((message,), list_id=arguments.list_id, is_counted=False)


def letters(arguments: Any) -> Audience:
    """For letters, which go to an address and so to no number."""
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
    """For rules that send by themselves: to one number, to the contacts of a list, or to anyone who writes.

    Of the documented kinds of rule these three send SMS; what `action_address` holds depends on the kind (documented).
    """
    if arguments.action == "AUTO_REPLY":
        return Audience((OutboundMessage(None, "(replies)"),))
    if arguments.action == "SMS":
        return Audience((OutboundMessage(arguments.action_address, "(forwarded messages)"),))
    if arguments.action == "GROUP_SMS":
        list_id = arguments.action_address
        message = OutboundMessage(None, "(forwarded messages)")
        return Audience((message,), int(list_id) if list_id.isdecimal() else None, is_counted=False)
    return Audience(())
