"""Contact lists and the contacts in them."""

from server.sandbox.answers import (
    Answer,
    Call,
    Refusal,
    Row,
    bad_request,
    forbidden,
    listing,
    not_found,
    required_text,
    whole_number,
    with_links,
)
from server.sandbox.models import Account, Contact, ContactList, Import
from server.sandbox.world import World, new_email_id

MAX_NAME = 50  # characters; the rest of a longer name is cut off
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
LIST_FIELDS = {"list_id": "list_id", "list_name": "list_name"}


def create_list(call: Call) -> Answer:
    """POST /v3/lists. Names may repeat."""
    name = required_text(call.body, "list_name")
    if len(call.account.own_lists) >= call.world.limits.lists:
        raise bad_request(f"An account has at most {call.world.limits.lists} lists.")
    contact_list = ContactList(call.world.next_id("list"), name[:MAX_NAME], new_email_id())
    call.account.lists[contact_list.list_id] = contact_list
    return Answer(_list_row(contact_list), "The list is there.")


def view_lists(call: Call) -> Answer:
    """GET /v3/lists"""
    page = listing(call, list(call.account.lists.values()), _list_row, fields=LIST_FIELDS)
    return Answer(with_links(call, page))


def view_list(call: Call) -> Answer:
    """GET /v3/lists/{list_id}"""
    return Answer(_list_row(find_list(call)))


def delete_list(call: Call) -> Answer:
    """DELETE /v3/lists/{list_id}: its contacts go too, and campaigns that wait for it fail."""
    gone = find_list(call)
    if gone is call.account.opt_out_list:
        raise bad_request("The opt-out list of an account cannot be deleted.")
    del call.account.lists[gone.list_id]
    for campaign in call.account.campaigns.values():
        if campaign.plan.contact_list is gone and campaign.sent_at is None:
            campaign.failed = True
    return Answer([], "The list is gone.")


def create_contact(call: Call) -> Answer:
    """POST /v3/lists/{list_id}/contacts"""
    contact_list = find_list(call)
    fields = _given_fields(call)
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
    """PUT /v3/lists/{list_id}/contacts/{contact_id}: fields that are not given stay."""
    contact_list, contact = _find_contact(call)
    fields = contact.fields | _given_fields(call)
    _require_reachable(fields)
    contact.fields = fields
    contact.date_updated = call.world.now()
    return Answer(_contact_row(contact_list, contact), "The contact has changed.")


def delete_contact(call: Call) -> Answer:
    """DELETE /v3/lists/{list_id}/contacts/{contact_id}"""
    contact_list, contact = _find_contact(call)
    del contact_list.contacts[contact.contact_id]
    return Answer([], "The contact is gone.")


def find_list(call: Call) -> ContactList:
    """The list in the path. Raises Refusal (403) when the account has no such list."""
    contact_list = call.account.lists.get(call.path_id("list_id"))
    if contact_list is None:
        raise forbidden("This account has no such list.")
    return contact_list


def add_contact(world: World, account: Account, contact_list: ContactList, fields: dict[str, str | None]) -> Contact:
    """Put a new contact into a list. Duplicates are welcome."""
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
    """Here an unknown list is not found rather than forbidden, as recorded from the live service."""
    contact_list = call.account.lists.get(call.path_id("list_id"))
    contact = contact_list.contacts.get(call.path_id("contact_id")) if contact_list else None
    if contact_list is None or contact is None:
        raise not_found("No contact has this id in this list.")
    return contact_list, contact


def _given_fields(call: Call) -> dict[str, str | None]:
    fields = {name: call.body[name] for name in CONTACT_FIELDS if call.body.get(name) is not None}
    if not all(isinstance(value, str) for value in fields.values()):
        # The service answers with a number for a code here, as recorded.
        raise Refusal(400, 400, "Every field of a contact must be a text.")
    return fields


def _require_reachable(fields: dict[str, str | None]) -> None:
    if not any(fields.get(name) for name in REACHABLE_BY):
        raise bad_request(f"A contact needs one of {', '.join(REACHABLE_BY)}.")


def _list_row(contact_list: ContactList) -> Row:
    row = {
        "list_id": contact_list.list_id,
        "list_name": contact_list.name,
        "list_email_id": contact_list.email_id,
        "_contacts_count": len(contact_list.contacts),
        "_import_in_progress": int(contact_list.imports_running > 0),
        "_optout_in_progress": 0,
    }
    if job := contact_list.last_import:
        # The service has no such field; without it nobody would learn of rows or a file that could not be read.
        row["_last_import"] = import_row(job)
    return row


def import_row(job: Import) -> Row:
    """How an import ended, or that it still runs."""
    return {
        "import_id": job.import_id,
        "status": job.status,
        "rows_taken": job.added,
        "rows_refused": job.refused,
        "reasons": job.reasons,
        "error": job.error,
        "read_as": job.read_as,
    }


def _contact_row(contact_list: ContactList, contact: Contact) -> Row:
    return {
        "contact_id": contact.contact_id,
        "list_id": contact_list.list_id,
        **contact.fields,
        "date_added": contact.date_added,
        "date_updated": contact.date_updated,
        "_list_name": contact_list.name,
    }
