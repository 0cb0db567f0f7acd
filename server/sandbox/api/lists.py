"""Contact lists."""

from server.sandbox.api.answers import (
    Answer,
    Call,
    Row,
    bad_request,
    forbidden,
    listing,
    required_text,
    with_links,
)
from server.sandbox.state.models import ContactList, Import
from server.sandbox.state.world import new_email_id

MAX_NAME = 50  # characters; the rest of a longer name is cut off
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
    """DELETE /v3/lists/{list_id}: its contacts are deleted too, and campaigns scheduled for it fail."""
    contact_list = find_list(call)
    if contact_list is call.account.opt_out_list:
        raise bad_request("The opt-out list of an account cannot be deleted.")
    del call.account.lists[contact_list.list_id]
    for campaign in call.account.campaigns.values():
        if campaign.plan.contact_list is contact_list and campaign.sent_at is None:
            campaign.failed = True
    return Answer([], "The list is gone.")


def find_list(call: Call) -> ContactList:
    """The list in the path. Raises Refusal (403) if the account has no such list."""
    contact_list = call.account.lists.get(call.path_id("list_id"))
    if contact_list is None:
        raise forbidden("This account has no such list.")
    return contact_list


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
        # Not a field of the service. Without it a caller could not learn of refused rows or an unreadable file.
        row["_last_import"] = import_row(job)
    return row


def import_row(job: Import) -> Row:
    """The state of an import and, once it has ended, its result."""
    return {
        "import_id": job.import_id,
        "status": job.status,
        "rows_taken": job.added,
        "rows_refused": job.refused,
        "reasons": job.reasons,
        "error": job.error,
        "read_as": job.read_as,
    }
