"""The command line of the MCP Inspector, a process for each request. It is started where its packages are installed."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from driving import PATIENCE, Task

NAME = "@modelcontextprotocol/inspector"
VERSION = json.loads(Path("node_modules", NAME, "package.json").read_text("utf-8"))["version"]
TOOL_FAILED = 5  # its exit status after a result that is marked as an error


async def main() -> None:
    task = Task()

    async def inspect(method: str, *options: str, statuses: tuple[int, ...] = (0,)) -> dict[str, Any]:
        words = ["mcp-inspector", "--cli", "--quiet", "--format", "json", "--protocol-era", task.era, *options]
        words += ["--connect-timeout", str(PATIENCE * 1000), "--method", method]
        if task.url:
            words += ["--transport", "http", "--server-url", task.url]
        else:
            words += [word for name, value in task.environment.items() for word in ("-e", f"{name}={value}")]
            words += ["--", *task.command]
        process = await asyncio.create_subprocess_exec(*words, env=dict(os.environ), stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode in statuses, f"{method}: exit status {process.returncode}"
        answer: dict[str, Any] = json.loads(out)["result"]
        return answer

    async def call(tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
        options = ("--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        result = await inspect("tools/call", *options, statuses=(0, TOOL_FAILED))
        return result.get("isError", False), "".join(block["text"] for block in result["content"])

    task.protocol = (await inspect("initialize"))["protocolVersion"]
    # --strict: a schema that some model or host would not take ends it with status 6.
    task.tools = [tool["name"] for tool in (await inspect("tools/list", "--strict"))["tools"]]
    await task.make_calls(call)
    task.report({NAME: VERSION})


asyncio.run(main())
