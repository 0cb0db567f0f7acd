"""Hints to hosts, and what may be repeated, follow from what an action does to the world."""

import pytest

from server.protocol.server import tool
from tools.action import Action, Effect
from tools.catalog import TOOLSETS, catalog

each_action = pytest.mark.parametrize("action", catalog().values(), ids=catalog())


@each_action
def test_a_get_reads_and_a_delete_deletes(action: Action) -> None:
    """Other methods say nothing about the effect: ClickSend prices by POST and cancels by PUT (documented)."""
    if action.route.method == "GET":
        assert action.effect is Effect.READ
    if action.route.method == "DELETE":
        assert action.effect is Effect.DELETE


@each_action
def test_the_hints_follow_from_the_effect(action: Action) -> None:
    reads, sends = action.effect is Effect.READ, action.effect is Effect.SEND

    assert tool(action).model_dump(by_alias=True)["annotations"] == {
        "title": None,
        "readOnlyHint": reads,
        "destructiveHint": sends or action.effect is Effect.DELETE,
        "idempotentHint": reads or (not sends and action.route.method in ("PUT", "DELETE")),
        "openWorldHint": True,
    }


@each_action
def test_hints_do_not_contradict_each_other(action: Action) -> None:
    assert not (action.read_only and action.destructive)
    assert not (action.effect is Effect.SEND and action.idempotent)
    assert not (action.read_only and action.may_answer_nothing)
    assert not (action.effect is Effect.SEND and action.may_answer_nothing)


@each_action
def test_what_shows_an_effect_is_an_action_that_reads(action: Action) -> None:
    assert action.verified_with is None or catalog()[action.verified_with].effect is Effect.READ


def test_reading_actions_need_nothing_to_show_them() -> None:
    assert not [slug for slug, action in catalog().items() if action.read_only and action.verified_with]


def test_what_must_not_be_repeated_blindly_can_be_looked_up_if_its_toolset_reads() -> None:
    unverifiable = [
        action.slug
        for toolset in TOOLSETS.values()
        for action in toolset.actions
        if not action.read_only and not action.idempotent and action.verified_with is None
        if any(other.read_only for other in toolset.actions)
    ]

    assert not unverifiable


def test_actions_that_delete_can_be_looked_up_too() -> None:
    assert not [
        slug for slug, action in catalog().items() if action.effect is Effect.DELETE and not action.verified_with
    ]
