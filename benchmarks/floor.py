"""The floor: the smallest possible MCP server for ClickSend on the SDK's low-level API.

The same tools, read from a file. A call is one httpx call, and its answer is returned as text. Nothing is checked,
guarded, recorded or shortened. `python floor.py stdio|http TOOLS.json`.
"""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import uvicorn
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

Context = ServerRequestContext[httpx.AsyncClient]


def build(tools: dict[str, dict[str, Any]]) -> Server[httpx.AsyncClient]:
    """A server whose tools are routes."""
    published = [
        Tool(name=name, description=one["description"], input_schema=one["inputSchema"]) for name, one in tools.items()
    ]

    @asynccontextmanager
    async def lifespan(_: Server[httpx.AsyncClient]) -> AsyncIterator[httpx.AsyncClient]:
        account = (os.environ["CLICKSEND_USERNAME"], os.environ["CLICKSEND_API_KEY"])
        async with httpx.AsyncClient(base_url=os.environ["CLICKSEND_BASE_URL"], auth=account, timeout=60) as client:
            yield client

    async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=published)

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        method, path = tools[params.name]["method"], tools[params.name]["path"]
        values = params.arguments or {}
        path = path.format_map(values)
        if method == "GET":
            answer = await context.lifespan_context.get(path, params=values)
        else:
            answer = await context.lifespan_context.request(method, path, json=values)
        return CallToolResult(content=[TextContent(type="text", text=answer.text)], is_error=not answer.is_success)

    def input_schema(name: str) -> dict[str, Any] | None:
        return tools[name]["inputSchema"] if name in tools else None

    return Server(
        "floor",
        lifespan=lifespan,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=input_schema,
    )


async def stdio(server: Server[httpx.AsyncClient]) -> None:
    """Serve over stdin and stdout."""
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


async def http(server: Server[httpx.AsyncClient]) -> None:
    """Serve at /mcp on the port in the environment."""
    app = server.streamable_http_app()
    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, port=int(os.environ["PORT"]))).serve()


if __name__ == "__main__":
    built = build(json.loads(Path(sys.argv[2]).read_text("utf-8")))
    anyio.run(http if sys.argv[1] == "http" else stdio, built)
