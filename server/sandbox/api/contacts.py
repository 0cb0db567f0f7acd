"""The contacts of a list."""

from server.sandbox.api.answers import (
    Answer,
    Call,
    Refusal,
    Row,
    bad_request,
    listing,
    not_found,
    whole_number,
)
from server.sandbox.api.lists import find_list
from server.sandbox.state.models import Account, Contact, ContactList
from server.sandbox.state.world import World

REACHABLE_BY = ("phone_number", "email", "fax_number")
CUSTOM_FIELDS = ("custom_1", "custom_2", "custom_3", "custom_4")
CONTACT_FIELDS = (
    "phone_number",
    "first_name",
    "last_name",
    *CUSTOM_FIELDS,
    "fax_number",
    "organization_name",
    "email",
    "address_line_1",
    "address_line_2",
    "address_city",
    "address_state",
    "address_postal_code",
    "address_country",
)


def create_contact(call: Call) -> Answer:
    """POST /v3/lists/{list_id}/contacts"""
    contact_list = find_list(call)
    fields = _fields_of(call)
    _require_reachable(fields)
    if count_contacts(call.account) >= call.world.limits.contacts:
        raise bad_request(f"An account has at most {call.world.limits.contacts} contacts.")
    contact = add_contact(call.world, call.account, contact_list, fields)
    return Answer(_contact_row(contact_list, contact), "The contact is in the list.")


def view_contacts(call: Call) -> Answer:
    """GET /v3/lists/{list_id}/contacts, all or those changed after `updated_after`."""
    contact_list = find_list(call)
    after = whole_number(call.query.get("updated_after"))
    chosen = [contact for contact in contact_list.contacts.values() if after is None or contact.date_updated > after]
    return Answer(listing(call, chosen, lambda contact: _contact_row(contact_list, contact)))


def view_contact(call: Call) -> Answer:
    """GET /v3/lists/{list_id}/contacts/{contact_id}"""
    return Answer(_contact_row(*_find_contact(call)))


def update_contact(call: Call) -> Answer:
    """PUT /v3/lists/{list_id}/contacts/{contact_id}: omitted fields keep their values."""
    contact_list, contact = _find_contact(call)
    fields = contact.fields | _fields_of(call)
    _require_reachable(fields)
    contact.fields = fields
    contact.date_updated = call.world.now()
    return Answer(_contact_row(contact_list, contact), "The contact has changed.")


def delete_contact(call: Call) -> Answer:
    """DELETE /v3/lists/{list_id}/contacts/{contact_id}"""
    contact_list, contact = _find_contact(call)
    del contact_list.contacts[contact.contact_id]
    return Answer([], "The contact is gone.")


def add_contact(world: World, account: Account, contact_list: ContactList, fields: dict[str, str | None]) -> Contact:
    """Add a contact to a list. Duplicates are allowed."""
    blank: dict[str, str | None] = dict.fromkeys(CONTACT_FIELDS)
    blank |= dict.fromkeys(CUSTOM_FIELDS, "") | {"address_country": account.country}
    now = world.now()
    contact = Contact(world.next_id("contact"), blank | fields, now, now)
    contact_list.contacts[contact.contact_id] = contact
    return contact


def count_contacts(account: Account) -> int:
    """How many contacts an account has in all its lists."""
    return sum(len(contact_list.contacts) for contact_list in account.lists.values())


def _find_contact(call: Call) -> tuple[ContactList, Contact]:
    """The contact in the path. As recorded, an unknown list is not found here rather than forbidden."""
    contact_list = call.account.lists.get(call.path_id("list_id"))
    contact = contact_list.contacts.get(call.path_id("contact_id")) if contact_list else None
    if contact_list is None or contact is None:
        raise not_found("No contact has this id in this list.")
    return contact_list, contact


def _fields_of(call: Call) -> dict[str, str | None]:
    fields = {name: call.body[name] for name in CONTACT_FIELDS if call.body.get(name) is not None}
    if not all(isinstance(value, str) for value in fields.values()):
        # As recorded, the code is a number here.
        raise Refusal(400, 400, "Every field of a contact must be a text.")
    return fields


def _require_reachable(fields: dict[str, str | None]) -> None:
    if not any(fields.get(name) for name in REACHABLE_BY):
        raise bad_request(f"A contact needs one of {', '.join(REACHABLE_BY)}.")


def _contact_row(contact_list: ContactList, contact: Contact) -> Row:
    return {
        "contact_id": contact.contact_id,
        "list_id": contact_list.list_id,
        **contact.fields,
        "date_added": contact.date_added,
        "date_updated": contact.date_updated,
        "_list_name": contact_list.name,
    }
