"""The actions on contact lists."""

from schemas.inputs import lists
from tools.action import Action, Effect
from tools.outcome import acknowledged
from tools.route import delete, get, post

CREATE_LISTS = Action(
    slug="CLICKSEND_CREATE_LISTS",
    title="Create Contact List",
    input=lists.CreateList,
    route=post("/v3/lists"),
    effect=Effect.WRITE,
    verified_with="CLICKSEND_GET_LISTS",
)

GET_LISTS = Action(
    slug="CLICKSEND_GET_LISTS",
    title="Get All Contact Lists",
    input=lists.Lists,
    route=get("/v3/lists"),
    effect=Effect.READ,
)

DELETE_LISTS = Action(
    slug="CLICKSEND_DELETE_LISTS",
    title="Delete Contact List",
    input=lists.DeleteList,
    route=delete("/v3/lists/{list_id}"),
    effect=Effect.DELETE,
    outcome=acknowledged,
    verified_with="CLICKSEND_GET_LISTS",
)

# A POST, although the slug says GET (documented): ClickSend fetches the file after it has answered, and meanwhile
# `_import_in_progress` of the list is 1 (documented).
GET_LISTS_IMPORT = Action(
    slug="CLICKSEND_GET_LISTS_IMPORT",
    title="Import Contacts to List",
    input=lists.ImportList,
    route=post("/v3/lists/{list_id}/import"),
    effect=Effect.WRITE,
    verified_with="CLICKSEND_GET_LISTS",
    status_route=get("/v3/lists/{list_id}"),
)

# Only in ClickSend's older API descriptions (documented); a 404 may mean that it is gone.
GET_LISTS_EXPORT = Action(
    slug="CLICKSEND_GET_LISTS_EXPORT",
    title="Export Contacts List",
    input=lists.ExportList,
    route=get("/v3/lists/{list_id}/export"),
    effect=Effect.READ,
)

ACTIONS = (CREATE_LISTS, GET_LISTS, DELETE_LISTS, GET_LISTS_IMPORT, GET_LISTS_EXPORT)
