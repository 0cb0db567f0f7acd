"""Hints to hosts, and what may be repeated, follow from what an action does to the world."""

from dataclasses import dataclass

import pytest

from server.protocol.server import tool
from tools.action import Action, Effect
from tools.catalog import TOOLSETS, catalog


@dataclass(frozen=True)
class Case:
    """What an action does, as the four hints that hosts decide by."""

    slug: str
    effect: Effect
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = True


def reads(slug: str) -> Case:
    return Case(slug, Effect.READ, read_only=True, idempotent=True)


def creates(slug: str) -> Case:
    return Case(slug, Effect.WRITE)


def deletes(slug: str) -> Case:
    return Case(slug, Effect.DELETE, destructive=True, idempotent=True)


def sends(slug: str) -> Case:
    return Case(slug, Effect.SEND, destructive=True)


CASES = (
    sends("CLICKSEND_CREATE_SMS_SEND"),
    reads("CLICKSEND_SMS_PRICE_POST"),
    reads("CLICKSEND_GET_SMS_HISTORY"),
    reads("CLICKSEND_GET_SMS_RECEIPTS"),
    reads("CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET"),
    reads("CLICKSEND_GET_STATISTICS_SMS"),
    reads("CLICKSEND_GET_SMS_INBOUND"),
    deletes("CLICKSEND_SMS_CANCEL_ALL_PUT"),
    sends("CLICKSEND_CREATE_MMS_SEND"),
    sends("CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"),
    reads("CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE"),
    sends("CLICKSEND_UPDATE_SMS_CAMPAIGNS"),
    deletes("CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT"),
    reads("CLICKSEND_GET_SMS_CAMPAIGNS3"),
    creates("CLICKSEND_CREATE_LISTS"),
    reads("CLICKSEND_GET_LISTS"),
    deletes("CLICKSEND_DELETE_LISTS"),
    creates("CLICKSEND_GET_LISTS_IMPORT"),
    reads("CLICKSEND_GET_LISTS_EXPORT"),
    creates("CLICKSEND_CREATE_LISTS_CONTACTS"),
    reads("CLICKSEND_GET_LISTS_CONTACTS"),
    Case("CLICKSEND_UPDATE_LISTS_CONTACTS", Effect.WRITE, idempotent=True),
    deletes("CLICKSEND_DELETE_LISTS_CONTACTS"),
    creates("CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND"),
    sends("CLICKSEND_CREATE_POST_LETTERS_SEND"),
    reads("CLICKSEND_GET_ACCOUNT"),
)

# None of the 26 actions shows these afterwards.
NOT_SHOWN = {
    "CLICKSEND_CREATE_MMS_SEND",
    "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND",
    "CLICKSEND_CREATE_POST_LETTERS_SEND",
}


def test_every_action_has_a_row_in_the_order_of_the_catalogue() -> None:
    assert [case.slug for case in CASES] == list(catalog())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_an_action_has_its_effect_and_the_hints_that_follow(case: Case) -> None:
    assert catalog()[case.slug].effect is case.effect
    assert tool(catalog()[case.slug]).model_dump(by_alias=True)["annotations"] == {
        "title": None,
        "readOnlyHint": case.read_only,
        "destructiveHint": case.destructive,
        "idempotentHint": case.idempotent,
        "openWorldHint": case.open_world,
    }


@pytest.mark.parametrize("action", catalog().values(), ids=catalog())
def test_hints_do_not_contradict_each_other(action: Action) -> None:
    assert not (action.read_only and action.destructive)
    assert not (action.effect is Effect.SEND and action.idempotent)
    assert not (action.read_only and action.may_answer_nothing)
    assert not (action.effect is Effect.SEND and action.may_answer_nothing)


@pytest.mark.parametrize("action", catalog().values(), ids=catalog())
def test_what_shows_an_effect_is_an_action_that_reads(action: Action) -> None:
    assert action.verified_with is None or catalog()[action.verified_with].effect is Effect.READ


def test_reading_actions_need_nothing_to_show_them() -> None:
    assert not [slug for slug, action in catalog().items() if action.read_only and action.verified_with]


def test_whatever_must_not_be_repeated_blindly_can_be_looked_up_but_for_a_few() -> None:
    in_the_dark = {
        slug
        for slug, action in catalog().items()
        if not action.read_only and not action.idempotent and action.verified_with is None
    }

    assert in_the_dark == NOT_SHOWN


def test_actions_that_delete_can_be_looked_up_too() -> None:
    assert not [
        slug for slug, action in catalog().items() if action.effect is Effect.DELETE and not action.verified_with
    ]


def test_toolsets_have_a_fixed_order() -> None:
    assert list(TOOLSETS) == ["sms", "mms", "campaigns", "lists", "contacts", "automations", "post", "account"]
