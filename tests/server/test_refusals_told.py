"""Refusals in words: what is said is true also where ClickSend did not say it, or not plainly."""

import pytest
from support.inputs import GOOD
from support.scripted import answer, envelope, says, scripted

from server.calls.dispatch import Dispatcher
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

SEND = "CLICKSEND_CREATE_SMS_SEND"
BLOCKED = b"<html><title>Attention Required! | Cloudflare</title></html>"


async def told(content: bytes) -> str:
    """The error of a send that is answered so."""
    async with scripted(says(content)) as upstream, Dispatcher(upstream.settings()) as dispatcher:
        envelope = await dispatcher.call(catalog()[SEND], GOOD[SEND])
    return getattr(envelope, "error", "") or ""


@pytest.mark.parametrize("status", [400, 401, 403, 407, 451])
async def test_a_page_from_in_front_of_the_api_is_told_as_such(status: int) -> None:
    """There are no ids to check where ClickSend was not reached."""
    error = await told(answer(status, BLOCKED, kind="text/html"))
    assert f"HTTP {status} (no JSON, so the refusal may not come from ClickSend's API)" in error
    assert "firewall or a proxy before it reached ClickSend's API" in error
    assert "check the ids" not in error
    assert "credentials are wrong" not in error
    assert error.endswith("Nothing was sent.")


@pytest.mark.parametrize("words", ["Insufficient Balance.", "Your account is restricted", "No number is available"])
async def test_a_400_that_is_not_about_the_input_does_not_ask_to_change_it(words: str) -> None:
    """ClickSend's own words are what there is to go by."""
    error = await told(answer(400, envelope(None, 400, "BAD_REQUEST", words)))
    assert f"BAD_REQUEST: {words}" in error
    assert "change the input before calling again if they are about it" in error
    assert "otherwise a person has to look at the ClickSend account" in error
