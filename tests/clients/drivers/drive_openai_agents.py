"""Agents of the OpenAI Agents SDK whose model is a script: it calls one tool and keeps what it reads as the answer."""

import asyncio
import json
from typing import Any

from agents import Agent, ModelResponse, RunConfig, Runner, Usage
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from agents.models.interface import Model
from driving import PATIENCE, Task, installed
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText


class Script(Model):
    """Calls a tool, and then says that it is done."""

    def __init__(self, tool: str, arguments: dict[str, Any]) -> None:
        self.calling = ResponseFunctionToolCall(
            call_id="1", type="function_call", name=tool, arguments=json.dumps(arguments)
        )
        self.offered: list[str] = []
        self.read: str | None = None

    async def get_response(self, *_: Any, input: Any, tools: list[Any], **__: Any) -> ModelResponse:  # noqa: A002
        self.offered = [tool.name for tool in tools]
        outputs = [item["output"] for item in input if item.get("type") == "function_call_output"]
        if not outputs:
            return ModelResponse([self.calling], Usage(), None)
        # A tool's text comes as a string or as a list of blocks.
        said = outputs[0]
        self.read = said if isinstance(said, str) else "".join(block["text"] for block in said)
        done = ResponseOutputText(text="done", type="output_text", annotations=[])
        message = ResponseOutputMessage(id="2", content=[done], role="assistant", status="completed", type="message")
        return ModelResponse([message], Usage(), None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


async def main() -> None:
    task = Task()
    if task.url:
        server = MCPServerStreamableHttp({"url": task.url}, client_session_timeout_seconds=PATIENCE)
    else:
        start = {"command": task.command[0], "args": task.command[1:], "env": task.environment}
        server = MCPServerStdio(start, client_session_timeout_seconds=PATIENCE)

    async def call(tool: str, arguments: dict[str, Any]) -> tuple[None, str]:
        script = Script(tool, arguments)
        await Runner.run(
            Agent("agent", model=script, mcp_servers=[server]), "go", run_config=RunConfig(tracing_disabled=True)
        )
        task.tools = script.offered
        assert script.read is not None
        return None, script.read  # a model is told in words only

    async with server:
        task.protocol = server.session.protocol_version
        await task.make_calls(call)
    task.report(installed("openai-agents", "mcp"))


asyncio.run(main())
