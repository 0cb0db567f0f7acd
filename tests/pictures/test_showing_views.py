"""Who is shown views: hosts that declare MCP Apps, in both eras and over both transports, and nobody else."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client import ClientExtension, advertise
from mcp.server import apps as sdk_apps
from picture_days import PRICE, SHOWING, STATISTICS, program, shows
from support import offered
from support.hosting import ERAS, running_http

from server.config.settings import Settings
from server.protocol import apps
from server.protocol.server import build_server, tool
from server.sandbox.serve import RunningSandbox

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.anyio

in_both_eras = pytest.mark.parametrize("era", ERAS)
over_both_transports = pytest.mark.parametrize("transport", ["stdio", "http"])

MESSAGES = {
    "messages": [{"to": "+61400550001", "body": "It\u2019s ready"}, {"to": "+61400990404", "body": "It\u2019s ready"}]
}


@asynccontextmanager
async def served(transport: str, sandbox: RunningSandbox, **own: str) -> AsyncIterator[StdioServerParameters | str]:
    """The real program, for one client or for several at one address."""
    started = program(sandbox, **own)
    if transport == "stdio":
        yield started
        return
    settings = {name: value for name, value in (started.env or {}).items() if name.startswith("CLICKSEND_")}
    async with running_http(**settings) as (_, url):
        yield url


def wire(model: Any) -> dict[str, Any]:
    """What travels, without what the newer era adds to every result."""
    dumped: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    (dumped.get("_meta") or {}).pop("io.modelcontextprotocol/serverInfo", None)
    if not dumped.get("_meta"):
        dumped.pop("_meta", None)
    return dumped


async def sees_nothing_of_views(client: Client, era: str) -> None:
    listed, resources = await client.list_tools(), await client.list_resources()
    with pytest.raises(MCPError, match="Unknown resource") as refused:
        await client.read_resource(apps.URI)
    assert [wire(one) for one in listed.tools] == [wire(tool(action)) for action in offered.ACTIONS]
    assert resources.resources == []
    assert refused.value.error.data == {"uri": apps.URI}
    assert client.server_capabilities.extensions is None
    if era == "auto":
        assert (listed.cache_scope, resources.cache_scope) == ("public", "public")


@in_both_eras
@pytest.mark.parametrize(
    "declared",
    [
        advertise("io.modelcontextprotocol/tasks"),
        advertise(apps.EXTENSION),
        advertise(apps.EXTENSION, {"mimeTypes": ["text/html"]}),
        advertise(apps.EXTENSION, {"mimeTypes": apps.MIME_TYPE}),
    ],
    ids=["another extension", "no kind of page", "another kind of page", "no list of kinds"],
)
async def test_a_host_that_declares_something_else_sees_nothing_of_views(era: str, declared: ClientExtension) -> None:
    async with Client(build_server(Settings()), mode=era, extensions=[declared]) as client:
        await sees_nothing_of_views(client, era)


@in_both_eras
@over_both_transports
async def test_each_host_gets_what_it_has_declared(era: str, transport: str, sandbox: RunningSandbox) -> None:
    results: list[list[dict[str, Any]]] = []
    async with served(transport, sandbox) as program:
        for declared in (None, shows(), None):
            async with Client(program, mode=era, extensions=declared) as client:
                if declared is None:
                    await sees_nothing_of_views(client, era)
                else:
                    await _is_told_of_views(client, era)
                results.append([wire(await client.call_tool(*call)) for call in ((STATISTICS, {}), (PRICE, MESSAGES))])
    without, shown, again = results
    pictures = [one.pop("_meta")[apps.VIEW_DATA] for one in shown]
    assert [one["kind"] for one in pictures] == ["statistics", "price"]
    # What the model reads is the same, but for the ids of messages, which differ from call to call.
    for one in (*without, *shown, *again):
        assert one.pop("content")
        assert one["structuredContent"].pop("data")
    assert without == shown == again


async def _is_told_of_views(client: Client, era: str) -> None:
    listed, resources = await client.list_tools(), await client.list_resources()
    (page,) = (await client.read_resource(apps.URI)).contents
    with pytest.raises(MCPError, match="Unknown resource"):
        await client.read_resource("ui://clicksend/another.html")
    assert client.server_capabilities.extensions == {apps.EXTENSION: {}}
    with_views = {one.name: one.meta for one in listed.tools if one.meta}
    assert with_views == {slug: {"ui": {"resourceUri": apps.URI}} for slug in SHOWING}
    # All the rest is as it is for everybody.
    assert [wire(one.model_copy(update={"meta": None})) for one in listed.tools] == [
        wire(tool(action)) for action in offered.ACTIONS
    ]
    (listed_view,) = resources.resources
    assert (listed_view.uri, listed_view.mime_type) == (apps.URI, "text/html;profile=mcp-app")
    assert (page.uri, page.mime_type, page.meta) == (apps.URI, apps.MIME_TYPE, {"ui": {"prefersBorder": True}})
    assert getattr(page, "text", "").startswith("<!doctype html>")
    if era == "auto":
        # What differs between hosts must not be kept by one for another.
        assert (listed.cache_scope, resources.cache_scope) == ("private", "private")


@pytest.mark.parametrize(("era", "views_shown"), [("auto", SHOWING), ("legacy", set())])
async def test_without_sessions_views_are_for_hosts_that_declare_them_with_each_request(
    era: str, views_shown: set[str], sandbox: RunningSandbox
) -> None:
    async with (
        served("http", sandbox, CLICKSEND_MCP_HTTP_STATELESS="1") as program,
        Client(program, mode=era, extensions=shows()) as client,
    ):
        assert {one.name for one in (await client.list_tools()).tools if one.meta} == views_shown


@in_both_eras
async def test_a_failure_without_data_has_no_picture(era: str) -> None:
    async with Client(build_server(Settings()), mode=era, extensions=shows()) as client:
        result = wire(await client.call_tool(PRICE, MESSAGES))
    assert result["isError"]
    assert "_meta" not in result


def test_nothing_of_a_view_is_loaded_before_one_is_shown() -> None:
    loaded = "import sys, server.protocol; print('tools.view' in sys.modules, 'mcp.server.apps' in sys.modules)"
    done = subprocess.run((sys.executable, "-c", loaded), capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_names_are_those_of_the_sdk() -> None:
    assert (apps.EXTENSION, apps.MIME_TYPE) == (sdk_apps.EXTENSION_ID, sdk_apps.APP_MIME_TYPE)
