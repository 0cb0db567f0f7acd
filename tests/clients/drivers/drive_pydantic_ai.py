"""Agents of Pydantic AI whose model is a script: it calls one tool and keeps what it reads as the answer."""

import asyncio
from typing import Any

from driving import PATIENCE, Task, installed
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel


async def main() -> None:
    task = Task()

    async def ask(message: str, *_: Any) -> ElicitResult[dict[str, bool]]:
        action, content = task.person.hears(message)
        return ElicitResult(action=action, content=content)

    target = task.url or StdioTransport(task.command[0], task.command[1:], env=task.environment)
    # It warns that in the newer era nobody will ever be asked; the question comes all the same.
    toolset = MCPToolset(target, elicitation_handler=ask, init_timeout=PATIENCE)

    async def call(tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
        read: list[tuple[bool, str]] = []

        def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            task.tools = [one.name for one in info.function_tools]
            if len(messages) == 1:
                return ModelResponse(parts=[ToolCallPart(tool, arguments)])
            part = messages[-1].parts[0]
            read.append((part.outcome != "success", part.model_response_str()))
            return ModelResponse(parts=[TextPart("done")])

        await Agent(FunctionModel(script), toolsets=[toolset]).run("go")
        return read[0]

    async with toolset:
        task.protocol = toolset.client.protocol_version
        await task.make_calls(call)
    task.report(installed("pydantic-ai-slim", "fastmcp"))


asyncio.run(main())
