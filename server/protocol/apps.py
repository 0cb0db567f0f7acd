"""MCP Apps: hosts that declare the extension show a view beside some results; it is served here.

Other hosts see nothing of it. The SDK's own class for the extension needs its `MCPServer`; this server is a low-level
one, so the same fields are set below.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    ListResourcesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    TextResourceContents,
    Tool,
)

from server.guard.call import Call
from server.protocol.sdk_internals import advertise_extension
from tools.action import Action
from tools.answer import Answer

EXTENSION = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
URI = "ui://clicksend/view.html"
VIEW_DATA = "clicksend/picture"  # in `_meta` of a result: for the view, not for the model

_ONE_HOUR = 3_600_000  # milliseconds
_UI = {"ui": {"prefersBorder": True}}  # no domains: the view loads nothing and calls nobody

Context = ServerRequestContext[Any]


def client_supports_apps(context: Context) -> bool:
    """Whether the client has declared that it shows views, for the connection or with this request."""
    capabilities = context.session.client_capabilities
    return capabilities is not None and _declared(capabilities.extensions)


def _declared(extensions: Mapping[str, Any] | None) -> bool:
    declared = (extensions or {}).get(EXTENSION)
    types = declared.get("mimeTypes") if isinstance(declared, dict) else None
    return isinstance(types, list) and MIME_TYPE in types


async def advertise_apps(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Middleware that declares the extension to clients that have declared it."""
    result = await call_next(ctx)
    if ctx.method == "initialize":
        capabilities = (ctx.params or {}).get("capabilities") or {}
        supported = _declared(capabilities.get("extensions"))
    else:
        supported = ctx.method == "server/discover" and client_supports_apps(ctx)
    if supported:
        advertise_extension(result, EXTENSION)
    return result


def with_view_link(tool: Tool, action: Action) -> Tool:
    """A tool as it is listed for a host with views."""
    return tool.model_copy(update={"meta": {"ui": {"resourceUri": URI}}}) if action.view else tool


def with_view(result: CallToolResult, call: Call) -> CallToolResult:
    """A result with the data of its view in `_meta`, if there are any; a view shows a failure without them."""
    data = (result.structured_content or {}).get("data")
    if call.action.view is None or not data:
        return result
    from tools.view import view_of

    view = view_of(call.action.view, call.arguments, Answer(json.loads(data)))
    return result.model_copy(update={"meta": {**(result.meta or {}), VIEW_DATA: view}}) if view else result


async def list_resources(context: Context, _: PaginatedRequestParams | None) -> ListResourcesResult:
    """Lists the view, for hosts that show views."""
    if not client_supports_apps(context):
        return ListResourcesResult(resources=[])
    view = Resource(
        uri=URI,
        name="view",
        title="ClickSend",
        description="SMS statistics and price previews, for people",
        mime_type=MIME_TYPE,
        meta=_UI,
    )
    return ListResourcesResult(resources=[view], cache_scope="private")


async def read_resource(context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    """The view's page, for hosts that show views. Raises MCPError for any other URI."""
    if str(params.uri) != URI or not client_supports_apps(context):
        raise MCPError(code=INVALID_PARAMS, message="Unknown resource", data={"uri": str(params.uri)})
    view = TextResourceContents(uri=URI, mime_type=MIME_TYPE, text=_view(), meta=_UI)
    return ReadResourceResult(contents=[view], ttl_ms=_ONE_HOUR, cache_scope="private")


@cache
def _view() -> str:
    """The page, read when it is first asked for; one file, because hosts do not let it load others."""
    return Path(__file__).with_name("view.html").read_text(encoding="utf-8")
