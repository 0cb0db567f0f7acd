"""The definitions are sent with every conversation, so each tool has a budget of bytes, and all of them together."""

import json
from pathlib import Path

import pytest

from server.protocol.server import tool
from tools.catalog import catalog

FILE = Path(__file__).with_name("budget.json")
BUDGET: dict[str, int] = json.loads(FILE.read_text("utf-8"))
ALL_TOGETHER = 16_000


def size(slug: str) -> int:
    """Bytes of what a model is given of a tool: name, description and inputs."""
    published = tool(catalog()[slug]).model_dump(by_alias=True, exclude_none=True, mode="json")
    shown = {word: published[word] for word in ("name", "description", "inputSchema")}
    return len(json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode())


def test_every_action_has_a_budget_and_no_budget_is_left_over() -> None:
    assert list(BUDGET) == list(catalog())


@pytest.mark.parametrize("slug", catalog())
def test_a_definition_keeps_to_its_budget(slug: str) -> None:
    assert size(slug) <= BUDGET[slug], (
        f"{slug} has {size(slug)} bytes now: shorten it, or, if it is worth that, raise it in {FILE.name}"
    )


def test_all_definitions_together_keep_to_the_budget() -> None:
    assert sum(map(size, catalog())) <= ALL_TOGETHER
