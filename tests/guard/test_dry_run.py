"""The dry run: every paid call is checked and priced, none is sent, and the preview shows what would have gone out."""

from decimal import Decimal
from typing import Any

import pytest
from support.guarding import (
    ANA,
    BO,
    MMS,
    Place,
    account,
    asked,
    campaign,
    contact_list,
    data,
    fault,
    guarded,
    host,
    letter,
    sent,
    sms,
)

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio


async def test_every_paid_call_is_priced_and_none_is_sent(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA, BO)
    calls: dict[str, tuple[dict[str, Any], str]] = {
        "CREATE_SMS_SEND": (sms(ANA, BO), "Price: 0.1584 AUD"),
        "CREATE_MMS_SEND": (MMS, "Price: 0.55 AUD"),
        "CREATE_POST_LETTERS_SEND": (letter(), "Price: 1.27 AUD"),
        "CREATE_SMS_CAMPAIGNS_SEND": (campaign(list_id), "Price: 0.1584 AUD"),
        "UPDATE_SMS_CAMPAIGNS": (campaign(list_id, sms_campaign_id=1), "Price: 0.1584 AUD"),
    }
    async with guarded(sandbox, ledger, dry_run=True) as call:
        for _ in range(2):  # the second time is no repeat, as nothing was sent
            for slug, (arguments, price) in calls.items():
                envelope = await call(slug, **arguments)
                assert not envelope.successful
                assert envelope.error.startswith("DRY RUN")
                assert price in envelope.error
                assert f"from the account {sandbox.username}" in envelope.error
                assert envelope.error.endswith("Nothing was sent.")
                assert '"total_price"' in envelope.data
    assert sent(sandbox) == []
    assert ledger.rows() == []
    for path in ("/v3/sms/send", "/v3/mms/send", "/v3/post/letters/send", "/v3/sms-campaigns/send"):
        assert asked(sandbox, path) == 0


async def test_the_preview_shows_recipients_sender_time_text_and_price(ledger: Place, sandbox: RunningSandbox) -> None:
    curly = "Don\u2019t miss it" + "!" * 60
    async with guarded(sandbox, ledger, dry_run=True) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(ANA, BO, body=curly, **{"from": "ACME"}))
    lines = envelope.error.splitlines()
    assert lines[1] == f"Send SMS Messages from the account {sandbox.username}"
    assert lines[2] == f"To: 2: {ANA}, {BO}"
    assert lines[3] == "From: ACME"
    assert lines[4] == "When: now"
    assert lines[5] == f"Text: {curly} (2 parts each, Unicode because of \u2019)"
    assert lines[6].startswith("Price: 0.3168 AUD, 4 parts")


async def test_invisible_characters_are_named(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, dry_run=True) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(body="Hel\u200blo \u202eolleH"))
    assert "Text: Hello olleH (1 part each, Unicode because of U+200B U+202E)" in envelope.error


async def test_many_recipients_and_texts_are_counted(ledger: Place, sandbox: RunningSandbox) -> None:
    messages = [{"to": f"+614915701{n:02}", "body": f"Hello {n}"} for n in range(12)]
    async with guarded(sandbox, ledger, dry_run=True) as call:
        envelope = await call("CREATE_SMS_SEND", messages=messages)
    assert "To: 12: +61491570100, " in envelope.error
    assert "+61491570109 and 2 more" in envelope.error
    assert "and 7 other texts" in envelope.error
    assert "From: the shared number" in envelope.error


async def test_the_limits_hold_in_a_dry_run(ledger: Place, sandbox: RunningSandbox) -> None:
    limits: dict[str, Any] = {"max_cost_per_call": Decimal("0.05"), "blocked_numbers": (BO,)}
    async with guarded(sandbox, ledger, dry_run=True, **limits) as call:
        dear, blocked = await call("CREATE_SMS_SEND", **sms()), await call("CREATE_SMS_SEND", **sms(BO))
        fault(sandbox, "status", path="/v3/sms/price")
        unpriced = await call("CREATE_SMS_SEND", **sms())
    assert "MAX_COST_PER_CALL" in dear.error
    assert "BLOCKED_NUMBERS" in blocked.error
    assert "No price could be had" in unpriced.error


async def test_the_budget_of_the_day_holds_in_a_dry_run_and_is_not_used_up_by_it(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    budget = Decimal("0.10")
    async with guarded(sandbox, any_ledger, max_cost_per_day=budget) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
    async with guarded(sandbox, any_ledger, dry_run=True, max_cost_per_day=budget) as call:
        over = await call("CREATE_SMS_SEND", **sms(BO))
    async with guarded(sandbox, any_ledger, dry_run=True, max_cost_per_day=2 * budget) as call:
        within = [await call("CREATE_SMS_SEND", **sms(BO)) for _ in range(3)]
    assert "MAX_COST_PER_DAY" in over.error
    assert all(envelope.error.startswith("DRY RUN") for envelope in within)


async def test_what_is_free_goes_on_in_a_dry_run(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, dry_run=True) as call:
        await contact_list(call, ANA)
        assert data(await call("SMS_PRICE_POST", **sms()))["total_price"] == 0.0792


async def test_a_real_server_runs_dry_by_its_variable(ledger: Place, sandbox: RunningSandbox) -> None:
    async with host(**account(sandbox, ledger), CLICKSEND_MCP_DRY_RUN="1") as server:
        envelope = await server.call("CREATE_SMS_SEND", sms())
    assert envelope["error"].startswith("DRY RUN (CLICKSEND_MCP_DRY_RUN)")
    assert sent(sandbox) == []
