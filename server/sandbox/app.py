"""The application: the routes of all operations, and how an operation is answered over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.sandbox.api import (
    account,
    automations,
    campaigns,
    contacts,
    inbound,
    letters,
    lists,
    records,
    sending,
    transfer,
)
from server.sandbox.api.answers import Call, Handler, Operation, Refusal, bad_request, envelope
from server.sandbox.api.resources import RESOURCES
from server.sandbox.control import controls
from server.sandbox.inbox import events, inbox, page
from server.sandbox.origin_guard import same_origin_only
from server.sandbox.state.calls import parse_json
from server.sandbox.state.world import Limits, MayReach, World
from server.sandbox.wire import observed

OPERATIONS: tuple[Operation, ...] = (
    ("GET", "/v3/account", account.view_account),
    ("POST", "/v3/sms/send", sending.send_sms),
    ("POST", "/v3/sms/price", sending.price_sms),
    ("PUT", "/v3/sms/cancel-all", sending.cancel_all_sms),
    ("PUT", "/v3/sms/{message_id}/cancel", sending.cancel_sms),
    ("POST", "/v3/mms/send", sending.send_mms),
    ("POST", "/v3/mms/price", sending.price_mms),
    ("GET", "/v3/sms/history", records.view_history),
    ("GET", "/v3/mms/history", records.view_mms_history),
    ("GET", "/v3/sms/receipts", records.view_receipts),
    ("GET", "/v3/sms/receipts/{message_id}", records.view_receipt),
    ("PUT", "/v3/sms/receipts-read", records.mark_receipts_read),
    ("GET", "/v3/statistics/sms", records.view_statistics),
    ("GET", "/v3/sms/inbound", inbound.view_inbound),
    ("PUT", "/v3/sms/inbound-read", inbound.mark_inbound_read),
    ("PUT", "/v3/sms/inbound-read/{message_id}", inbound.mark_one_inbound_read),
    ("POST", "/v3/automations/sms/inbound", automations.create_rule),
    ("GET", "/v3/automations/sms/inbound", automations.view_rules),
    ("GET", "/v3/automations/sms/inbound/{inbound_rule_id}", automations.view_rule),
    ("DELETE", "/v3/automations/sms/inbound/{inbound_rule_id}", automations.delete_rule),
    ("POST", "/v3/sms-campaigns/send", campaigns.send_campaign),
    ("POST", "/v3/sms-campaigns/price", campaigns.price_campaign),
    ("GET", "/v3/sms-campaigns", campaigns.view_campaigns),
    ("GET", "/v3/sms-campaigns/{sms_campaign_id}", campaigns.view_campaign),
    ("PUT", "/v3/sms-campaigns/{sms_campaign_id}", campaigns.update_campaign),
    ("PUT", "/v3/sms-campaigns/{sms_campaign_id}/cancel", campaigns.cancel_campaign),
    ("POST", "/v3/lists", lists.create_list),
    ("GET", "/v3/lists", lists.view_lists),
    ("GET", "/v3/lists/{list_id}", lists.view_list),
    ("DELETE", "/v3/lists/{list_id}", lists.delete_list),
    ("POST", "/v3/lists/{list_id}/contacts", contacts.create_contact),
    ("GET", "/v3/lists/{list_id}/contacts", contacts.view_contacts),
    ("GET", "/v3/lists/{list_id}/contacts/{contact_id}", contacts.view_contact),
    ("PUT", "/v3/lists/{list_id}/contacts/{contact_id}", contacts.update_contact),
    ("DELETE", "/v3/lists/{list_id}/contacts/{contact_id}", contacts.delete_contact),
    ("POST", "/v3/lists/{list_id}/import", transfer.import_list),
    ("GET", "/v3/lists/{list_id}/export", transfer.export_list),
    ("POST", "/v3/post/letters/send", letters.send_letters),
    ("POST", "/v3/post/letters/price", letters.price_letters),
    ("GET", "/v3/post/return-addresses", letters.view_return_addresses),
    *(operation for resource in RESOURCES for operation in resource.operations()),
)
RATE_LIMITED = frozenset({"/v3/account"})


def build_app(
    username: str = "sandbox",
    api_key: str = "sandbox",
    *,
    limits: Limits | None = None,
    host: str = "127.0.0.1",
    may_reach: MayReach | None = None,
) -> Starlette:
    """A fresh sandbox as an ASGI application, with one ordinary account and the documented test users.

    `host` is the name or address it listens on. `may_reach` says which addresses imports and webhooks may reach; None
    allows any.
    """
    world = World(username, api_key, limits or Limits(), may_reach)
    routes = [Route(path, _endpoint(world, path, handler), methods=[method]) for method, path, handler in OPERATIONS]
    return Starlette(
        routes=[
            *routes,
            Route("/files/{file_id}", _download(world)),
            *controls.routes(world),
            *inbox.routes(world),
            *events.routes(world),
            *page.routes(world),
        ],
        middleware=[Middleware(same_origin_only, host), Middleware(observed, world)],
        exception_handlers={HTTPException: _no_such_route},
    )


def _endpoint(world: World, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        body = await request.body()
        headers: dict[str, str] = {}
        try:
            if path in RATE_LIMITED:
                headers = account.count_request(world, request.client.host if request.client else "")
            caller = account.authenticate(world, request.headers.get("authorization"))
            campaigns.send_due(world, caller)
            answer = handler(
                Call(
                    world=world,
                    account=caller,
                    path=request.path_params,
                    query=request.query_params,
                    body=_parse(body),
                    origin=str(request.base_url).rstrip("/"),
                    url=str(request.url.replace(query="")),
                )
            )
        except Refusal as refusal:
            return _refused(refusal, headers)
        afterwards = BackgroundTask(answer.afterwards) if answer.afterwards else None
        content = envelope(200, "SUCCESS", answer.message, answer.data)
        return JSONResponse(content, headers=headers, background=afterwards)

    return respond


def _parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty body counts as an empty object. Raises Refusal (400)."""
    try:
        parsed = parse_json(body or b"{}")
    except ValueError:
        raise bad_request("The body is not JSON.") from None
    if not isinstance(parsed, dict):
        raise bad_request("The body must be a JSON object.")
    return parsed


def _refused(refusal: Refusal, headers: dict[str, str]) -> Response:
    content = envelope(refusal.status, refusal.code, refusal.message, None)
    return JSONResponse(content, refusal.status, headers | refusal.headers)


async def _no_such_route(request: Request, error: Exception) -> Response:
    """The answer to an unknown path (404), or to a method that a path does not have (405, with the same code)."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse(envelope(status, "NOT_FOUND", "There is nothing here.", None), status)


def _download(world: World) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of exported files, which need no credentials."""

    async def respond(request: Request) -> Response:
        content = world.files.get(request.path_params["file_id"])
        if content is None:
            raise HTTPException(404)
        return Response(content, media_type="text/csv", headers={"content-disposition": "attachment"})

    return respond
