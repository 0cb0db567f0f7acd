"""LangChain's adapters: they stand on version 1 of the MCP SDK, so this is a genuine client of the older era."""

import asyncio
from typing import Any

from driving import Task, installed
from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.types import ElicitRequestParams, ElicitResult


async def main() -> None:
    task = Task()

    async def ask(_: Any, params: ElicitRequestParams, __: Any) -> ElicitResult:
        action, content = task.person.hears(params.message)
        return ElicitResult(action=action, content=content)

    if task.url:
        connection: Any = {"transport": "http", "url": task.url}
    else:
        start = {"command": task.command[0], "args": task.command[1:], "env": task.environment}
        connection = {"transport": "stdio", **start}
    client = MultiServerMCPClient({"cs": connection}, callbacks=Callbacks(on_elicitation=ask))
    async with client.session("cs", auto_initialize=False) as session:
        task.protocol = str((await session.initialize()).protocolVersion)
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        task.tools = list(tools)

        async def call(tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
            message = await tools[tool].ainvoke({"type": "tool_call", "id": "1", "name": tool, "args": arguments})
            return message.status == "error", message.text

        await task.make_calls(call)
    task.report(installed("langchain-mcp-adapters", "mcp"))


asyncio.run(main())
