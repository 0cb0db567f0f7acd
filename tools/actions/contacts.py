"""The actions on contacts."""

from schemas.inputs import contacts
from tools.action import Action, Effect
from tools.outcome import acknowledged
from tools.route import delete, get, post, put

CREATE_LISTS_CONTACTS = Action(
    slug="CLICKSEND_CREATE_LISTS_CONTACTS",
    title="Create Contact in List",
    input=contacts.CreateContact,
    route=post("/v3/lists/{list_id}/contacts"),
    effect=Effect.WRITE,
    verified_with="CLICKSEND_GET_LISTS_CONTACTS",
)

GET_LISTS_CONTACTS = Action(
    slug="CLICKSEND_GET_LISTS_CONTACTS",
    title="Get All Contacts in List",
    input=contacts.Contacts,
    route=get("/v3/lists/{list_id}/contacts"),
    effect=Effect.READ,
    untrusted_fields=("all fields of contacts",),
)

UPDATE_LISTS_CONTACTS = Action(
    slug="CLICKSEND_UPDATE_LISTS_CONTACTS",
    title="Update Contact in List",
    input=contacts.UpdateContact,
    route=put("/v3/lists/{list_id}/contacts/{contact_id}"),
    effect=Effect.WRITE,
    verified_with="CLICKSEND_GET_LISTS_CONTACTS",
)

DELETE_LISTS_CONTACTS = Action(
    slug="CLICKSEND_DELETE_LISTS_CONTACTS",
    title="Delete Contact from List",
    input=contacts.DeleteContact,
    route=delete("/v3/lists/{list_id}/contacts/{contact_id}"),
    effect=Effect.DELETE,
    outcome=acknowledged,
    verified_with="CLICKSEND_GET_LISTS_CONTACTS",
)

ACTIONS = (CREATE_LISTS_CONTACTS, GET_LISTS_CONTACTS, UPDATE_LISTS_CONTACTS, DELETE_LISTS_CONTACTS)
