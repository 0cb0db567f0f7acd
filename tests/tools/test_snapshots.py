"""Each published tool definition is on file: a review sees every change to what hosts and models read."""

import json
import os
from pathlib import Path

import pytest

from server.protocol.server import tool
from tools.action import Action
from tools.catalog import TOOLSETS, catalog

FOLDER = Path(__file__).with_name("snapshots")
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"

ORDER = FOLDER / "order.txt"  # hosts cache prompts by the exact text of the list


def definition(action: Action) -> str:
    """What a host receives of an action, as a file."""
    published = tool(action).model_dump(by_alias=True, exclude_none=True, mode="json")
    return json.dumps(published, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def listing() -> str:
    """The toolsets and their tools as they are published; a toolset that is not offered by default says so."""
    lines = []
    for toolset in TOOLSETS.values():
        lines.append(f"{toolset.name}{'' if toolset.default else ' (not by default)'}")
        lines += [f"  {action.slug}" for action in toolset.actions]
    return "\n".join(lines) + "\n"


def test_the_tools_are_listed_in_the_order_on_file() -> None:
    if UPDATE:
        ORDER.write_text(listing(), "utf-8", newline="\n")

    assert ORDER.read_text("utf-8") == listing(), (
        "the tools are listed differently now: run `make accept` and review it"
    )


@pytest.mark.parametrize("action", catalog().values(), ids=catalog())
def test_a_published_definition_is_the_one_on_file(action: Action) -> None:
    file = FOLDER / f"{action.slug}.json"
    if UPDATE:
        FOLDER.mkdir(exist_ok=True)
        file.write_text(definition(action), "utf-8", newline="\n")

    assert file.is_file(), f"{action.slug} is not on file: run `make accept` and review the new definition"
    assert file.read_text("utf-8") == definition(action), (
        f"{action.slug} is published differently now: run `make accept` and review the difference"
    )


def test_every_definition_on_file_belongs_to_an_action() -> None:
    left_over = [file for file in FOLDER.iterdir() if file.stem not in catalog() and file != ORDER]
    if UPDATE:
        for file in left_over:
            file.unlink()
        return

    assert not left_over, f"no action publishes {[file.name for file in left_over]}: run `make accept`"
