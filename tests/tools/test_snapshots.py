"""Each published tool definition is on file, so that a review sees every change to what hosts and models read."""

import json
import os
from pathlib import Path

import pytest

from server.protocol.server import tool
from tools.action import Action
from tools.catalog import catalog

FOLDER = Path(__file__).with_name("snapshots")
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"

ORDER = (
    "CLICKSEND_CREATE_SMS_SEND",
    "CLICKSEND_SMS_PRICE_POST",
    "CLICKSEND_GET_SMS_HISTORY",
    "CLICKSEND_GET_SMS_RECEIPTS",
    "CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET",
    "CLICKSEND_GET_STATISTICS_SMS",
    "CLICKSEND_GET_SMS_INBOUND",
    "CLICKSEND_SMS_CANCEL_ALL_PUT",
    "CLICKSEND_CREATE_MMS_SEND",
    "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND",
    "CLICKSEND_CALCULATE_SMS_CAMPAIGNS_PRICE",
    "CLICKSEND_UPDATE_SMS_CAMPAIGNS",
    "CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT",
    "CLICKSEND_GET_SMS_CAMPAIGNS3",
    "CLICKSEND_CREATE_LISTS",
    "CLICKSEND_GET_LISTS",
    "CLICKSEND_DELETE_LISTS",
    "CLICKSEND_GET_LISTS_IMPORT",
    "CLICKSEND_GET_LISTS_EXPORT",
    "CLICKSEND_CREATE_LISTS_CONTACTS",
    "CLICKSEND_GET_LISTS_CONTACTS",
    "CLICKSEND_UPDATE_LISTS_CONTACTS",
    "CLICKSEND_DELETE_LISTS_CONTACTS",
    "CLICKSEND_CREATE_AUTOMATIONS_SMS_INBOUND",
    "CLICKSEND_CREATE_POST_LETTERS_SEND",
    "CLICKSEND_GET_ACCOUNT",
)


def definition(action: Action) -> str:
    """What a host receives of an action, as a file."""
    published = tool(action).model_dump(by_alias=True, exclude_none=True, mode="json")
    return json.dumps(published, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_the_tools_are_listed_in_a_fixed_order() -> None:
    assert tuple(catalog()) == ORDER


@pytest.mark.parametrize("action", catalog().values(), ids=catalog())
def test_a_published_definition_is_the_one_on_file(action: Action) -> None:
    file = FOLDER / f"{action.slug}.json"
    if UPDATE:
        FOLDER.mkdir(exist_ok=True)
        file.write_text(definition(action), "utf-8", newline="\n")

    assert file.is_file(), f"{action.slug} is not on file: run `make snapshots` and review the new definition"
    assert file.read_text("utf-8") == definition(action), (
        f"{action.slug} is published differently now: run `make snapshots` and review the difference"
    )


def test_every_definition_on_file_belongs_to_an_action() -> None:
    left_over = [file for file in FOLDER.iterdir() if file.stem not in catalog() or file.suffix != ".json"]
    if UPDATE:
        for file in left_over:
            file.unlink()
        return

    assert not left_over, f"no action publishes {[file.name for file in left_over]}: run `make snapshots`"
