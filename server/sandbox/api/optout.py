"""Opting out: whoever answers STOP moves to the account's opt-out list, and campaigns leave them out.

ClickSend does so on every account, for campaigns only: what is sent singly is the sender's own affair. Its help names
no word by which a person opts in again; who is deleted from the opt-out list does.
"""

from server.sandbox.api.contacts import add_contact
from server.sandbox.state.models import Account, ContactList
from server.sandbox.state.numbers import normalise
from server.sandbox.state.world import World

WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})


def wanted(body: str) -> bool:
    """Whether a message says that its sender wants no more, and nothing else; case and punctuation do not matter."""
    letters = "".join(character if character.isalnum() else " " for character in body.casefold())
    return letters.strip() in WORDS or letters.split() == ["stop", "all"]


def opted_out(account: Account) -> set[str]:
    """The numbers, in E.164, that campaigns leave out."""
    return {number for number, _ in _numbers(account, account.opt_out_list)}


def opt_out(world: World, account: Account, number: str) -> None:
    """Move everybody with this number to the opt-out list; a number that is on no list is put there too."""
    target = account.opt_out_list
    for contact_list in account.own_lists:
        for contact_id in [contact_id for listed, contact_id in _numbers(account, contact_list) if listed == number]:
            target.contacts[contact_id] = contact_list.contacts.pop(contact_id)
    if number not in opted_out(account):
        add_contact(world, account, target, {"phone_number": number})


def _numbers(account: Account, contact_list: ContactList) -> list[tuple[str, int]]:
    return [
        (number, contact.contact_id)
        for contact in contact_list.contacts.values()
        if (number := normalise(contact.fields["phone_number"] or "", contact.country(account.country)))
    ]
