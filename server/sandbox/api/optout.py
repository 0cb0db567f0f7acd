"""Opting out: a number that answers STOP moves to the account's opt-out list, and campaigns skip it.

ClickSend does this on every account, for campaigns only; single messages still go to such a number. Its help names no
word to opt in again: a number has to be deleted from the opt-out list.
"""

from server.sandbox.api.contacts import add_contact
from server.sandbox.state.models import Account, ContactList
from server.sandbox.state.numbers import normalise
from server.sandbox.state.world import World

WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})


def is_opt_out(body: str) -> bool:
    """Whether a message consists of an opt-out word; case and punctuation do not matter."""
    letters = "".join(character if character.isalnum() else " " for character in body.casefold())
    return letters.strip() in WORDS or letters.split() == ["stop", "all"]


def opted_out_numbers(account: Account) -> set[str]:
    """The numbers, in E.164, that campaigns skip."""
    return {number for number, _ in _numbers(account, account.opt_out_list)}


def opt_out(world: World, account: Account, number: str) -> None:
    """Move all contacts with this number to the opt-out list; add one if there is none."""
    target = account.opt_out_list
    for contact_list in account.own_lists:
        for contact_id in [contact_id for listed, contact_id in _numbers(account, contact_list) if listed == number]:
            target.contacts[contact_id] = contact_list.contacts.pop(contact_id)
    if number not in opted_out_numbers(account):
        add_contact(world, account, target, {"phone_number": number})


def _numbers(account: Account, contact_list: ContactList) -> list[tuple[str, int]]:
    return [
        (number, contact.contact_id)
        for contact in contact_list.contacts.values()
        if (number := normalise(contact.fields["phone_number"] or "", contact.country(account.country)))
    ]
