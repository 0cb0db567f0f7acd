"""FastMCP's client, in both protocol eras."""

import asyncio
from typing import Any

from driving import Task, installed
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport


async def main() -> None:
    task = Task()

    async def ask(message: str, *_: Any) -> ElicitResult[dict[str, bool]]:
        action, content = task.person.hears(message)
        return ElicitResult(action=action, content=content)

    target = task.url or StdioTransport(task.command[0], task.command[1:], env=task.environment)
    mode = "legacy" if task.era == "legacy" else "auto"
    async with Client(target, mode=mode, elicitation_handler=ask) as client:

        async def call(tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
            result = await client.call_tool(tool, arguments, raise_on_error=False)
            return result.is_error, "".join(block.text for block in result.content)

        task.protocol = client.protocol_version
        task.tools = [tool.name for tool in await client.list_tools()]
        await task.make_calls(call)
    task.report(installed("fastmcp"))


asyncio.run(main())
