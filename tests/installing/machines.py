"""What the tests of the ways to install share: a machine as hosts find it, and a host that starts a server there."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from server.sandbox.serve import RunningSandbox

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds; a first start installs


@dataclass(frozen=True)
class Machine:
    """Where hosts start programs: `environment` is what they pass on, `network` what downloading needs here."""

    home: Path
    environment: dict[str, str]
    network: dict[str, str]

    def run(self, *command: str | Path, **own: str) -> str:
        """Run a command that has to succeed, and that may download; what it has written to stdout."""
        environment = self.environment | self.network | own
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", cwd=self.home, env=environment, check=False
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    @asynccontextmanager
    async def started(self, command: str, args: Sequence[str], env: Mapping[str, str]) -> AsyncIterator[Client]:
        """A host that starts a server: a client of it. The server knows what the host passes on, and `env`."""
        environment = {**self.environment, **env}
        server = StdioServerParameters(command=command, args=list(args), env=environment, cwd=self.home)
        async with asyncio.timeout(PATIENCE), Client(server) as client:
            yield client


async def tools_of(client: Client) -> list[str]:
    """The names of the tools that a server lists."""
    return [tool.name for tool in (await client.list_tools()).tools]


async def call(client: Client, slug: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Call a tool; the envelope."""
    result = await client.call_tool(f"CLICKSEND_{slug}", dict(arguments or {}))
    assert result.structured_content is not None, result
    assert set(result.structured_content) <= {"successful", "data", "error"}
    return result.structured_content


def username(envelope: Mapping[str, Any]) -> str:
    """Whose account ClickSend has answered with."""
    assert envelope["successful"], envelope
    found: str = json.loads(envelope["data"])["data"]["username"]
    return found


def upstream(sandbox: RunningSandbox) -> dict[str, str]:
    """The one variable that tests add to what a host is told: ClickSend is the sandbox."""
    return {"CLICKSEND_BASE_URL": sandbox.url}


def missing(what: str) -> None:
    """Skip where something is not installed; on CI that is a failure."""
    assert os.environ.get("REQUIRE_SERVICES") != "1", f"REQUIRE_SERVICES=1, and {what} is not there"
    pytest.skip(f"needs {what}")
