"""Every conversation pays for the definitions: each has a budget of bytes, and so have those offered by default."""

import json

import pytest

from server.config.surface import Surface
from server.protocol.server import tool
from tools.action import Action
from tools.catalog import catalog

A_TOOL = 1_550  # bytes; the longest, the letter, has 1,531; our rule
BY_DEFAULT = 16_000  # bytes; our rule


def size(action: Action) -> int:
    """Bytes of what a model reads of a tool: name, description and inputs."""
    published = tool(action).model_dump(by_alias=True, exclude_none=True, mode="json")
    shown = {word: published[word] for word in ("name", "description", "inputSchema")}
    return len(json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode())


@pytest.mark.parametrize("action", catalog().values(), ids=catalog())
def test_a_definition_keeps_to_the_budget(action: Action) -> None:
    assert size(action) <= A_TOOL


def test_what_is_offered_by_default_keeps_to_the_budget() -> None:
    assert sum(map(size, Surface().actions)) <= BY_DEFAULT
