"""What the drivers share. They run in environments of their own, so they import nothing else of this project.

A driver gets one argument, the task as JSON: where the server is, and the calls to make. It prints one JSON object:
the protocol version that was agreed, the names of the tools, and what an agent read after each call.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

PATIENCE = 30  # seconds for a call, on a busy machine
APPROVE = {"approve": True}  # what the form of the server asks for


class Person:
    """Somebody who is asked through the client, and answers as the task says for the call at hand."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.answer = "cancel"

    def hears(self, question: str) -> tuple[str, dict[str, bool] | None]:
        """The action and the content of the answer."""
        self.questions.append(question)
        return self.answer, APPROVE if self.answer == "accept" else None


def installed(*packages: str) -> dict[str, str]:
    """The versions of some Python packages."""
    return {name: version(name) for name in packages}


class Task:
    """What is to be done, and what came of it."""

    def __init__(self) -> None:
        task = json.loads(sys.argv[1])
        self.url: str | None = task.get("url")
        self.command: list[str] = task.get("command", [])
        self.environment: dict[str, str] = task.get("environment", {})
        self.era: str = task["era"]
        self.person = Person()
        self._calls: dict[str, dict[str, Any]] = task["calls"]
        self._said: dict[str, dict[str, Any]] = {}
        self.protocol: str | None = None
        self.tools: list[str] = []

    async def make_calls(self, call: Callable[[str, dict[str, Any]], Awaitable[tuple[bool | None, str]]]) -> None:
        """Make every call with a function that gives whether it was marked as failed, and the text an agent read."""
        for name, one in self._calls.items():
            self.person.answer = one.get("answer", "cancel")
            failed, text = await asyncio.wait_for(call(one["tool"], one["arguments"]), PATIENCE)
            self._said[name] = {"failed": failed, "text": text}

    def report(self, versions: dict[str, str]) -> None:
        """Print what came of it; the run speaks for these versions of packages."""
        told = {
            "versions": versions,
            "protocol": self.protocol,
            "tools": self.tools,
            "calls": self._said,
            "questions": self.person.questions,
        }
        sys.stdout.write(json.dumps(told) + "\n")
