"""Without settings exactly the agreed contract is offered: actions, titles, inputs, types and required inputs."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.config.surface import Surface
from tools.catalog import TOOLSETS, catalog

CONTRACT: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("contract.json").read_text("utf-8"))

each_action = pytest.mark.parametrize("slug", CONTRACT)


def test_without_settings_exactly_the_agreed_actions_are_offered() -> None:
    assert Surface().slugs == CONTRACT.keys()


def test_no_slug_is_declared_twice() -> None:
    declared = [action.slug for toolset in TOOLSETS.values() for action in toolset.actions]

    assert len(declared) == len(set(declared))


def test_every_action_is_found_under_its_own_slug() -> None:
    assert all(action.slug == slug for slug, action in catalog().items())


@each_action
def test_an_action_has_the_agreed_title(slug: str) -> None:
    assert catalog()[slug].title == CONTRACT[slug]["title"]


@each_action
def test_an_action_has_exactly_the_agreed_inputs_and_types(slug: str) -> None:
    published = {name: schema["type"] for name, schema in catalog()[slug].input_schema["properties"].items()}

    assert published == CONTRACT[slug]["required"] | CONTRACT[slug]["optional"]


@each_action
def test_an_action_requires_exactly_the_agreed_inputs(slug: str) -> None:
    assert set(catalog()[slug].input_schema["required"]) == set(CONTRACT[slug]["required"])
