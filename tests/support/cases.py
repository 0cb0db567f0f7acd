"""The cases of the actions, a file a toolset: arguments, and the request that has to leave."""

import json
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "actions"
TOMORROW = int(time.time()) + 86_400


@dataclass(frozen=True)
class Case:
    """Arguments of an action, and the request they become: method, path with query, and the body, if there is one."""

    slug: str
    name: str
    arguments: dict[str, Any] = field(repr=False)
    request: str


def _cases(file: Path) -> list[Case]:
    content = tomllib.loads(file.read_text("utf-8").replace("$TOMORROW", str(TOMORROW)))
    return [
        Case(slug, entry["name"], _arguments(entry), entry["request"]) for slug in content for entry in content[slug]
    ]


def _arguments(entry: dict[str, Any]) -> dict[str, Any]:
    """A table, or JSON text for what TOML cannot express, such as null."""
    arguments = entry["arguments"]
    read: dict[str, Any] = json.loads(arguments) if isinstance(arguments, str) else arguments
    return read


CASES = tuple(case for file in sorted(FOLDER.glob("*.toml")) for case in _cases(file))
