"""Deferred sends, which limits cannot check: to a list as it will be then, or by a rule of its own accord."""

import time
from decimal import Decimal
from typing import Any

import pytest
from support.guarding import ANA, Place, contact_list, data, guarded, sent

from server.config.limits import Approval
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

RULE = {"rule_name": "r", "dedicated_number": "*", "message_search_type": 0, "enabled": 1}
LIMITS: tuple[dict[str, Any], ...] = (
    {"max_recipients": 5},
    {"allowed_countries": frozenset({"AU"})},
    {"max_cost_per_call": Decimal(5)},
    {"max_cost_per_day": Decimal(5)},
)


@pytest.mark.parametrize("limit", LIMITS, ids=str)
async def test_a_scheduled_campaign_is_refused_where_its_recipients_or_price_are_limited(
    limit: dict[str, Any], ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, **limit) as call:
        campaign = {"list_id": await contact_list(call, ANA), "name": "Sale", "body": "20% off"}
        later = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign, schedule=int(time.time()) + 3600)
        assert "goes to whoever is on its list then" in later.error
        assert later.error.endswith("Nothing was sent.")
        assert sent(sandbox) == []
        data(await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign))


@pytest.mark.parametrize(("action", "address"), [("AUTO_REPLY", "Thanks"), ("SMS", ANA), ("GROUP_SMS", "88")])
@pytest.mark.parametrize(
    "limit",
    [{"max_cost_per_day": Decimal(5)}, {"approval": Approval(always=True)}, {"dry_run": True}],
    ids=["budget", "approval", "dry run"],
)
async def test_a_rule_that_sends_by_itself_does_not_bypass_price_and_approval(
    limit: dict[str, Any], action: str, address: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, **limit) as call:
        made = await call("CREATE_AUTOMATIONS_SMS_INBOUND", **RULE, action=action, action_address=address)
        assert "would send later, unseen and past the limits" in made.error
        assert made.error.endswith("Nothing was changed.")
        data(await call("CREATE_AUTOMATIONS_SMS_INBOUND", **RULE, action="POLL", action_address=""))


async def test_replies_to_anyone_who_writes_are_refused_where_recipients_are_limited(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, allowed_countries=frozenset({"AU"})) as call:
        made = await call("CREATE_AUTOMATIONS_SMS_INBOUND", **RULE, action="AUTO_REPLY", action_address="Thanks")
    assert "would send later, unseen and past the limits" in made.error


@pytest.mark.parametrize(
    "label", [{"schedule": 0}, {"custom_string": ""}, {"source": "agent"}, {"country": "AU"}, {"from": ""}], ids=str
)
async def test_a_label_or_a_default_value_makes_no_other_call(
    label: dict[str, Any], ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", messages=[{"to": ANA, "body": "Hello"}]))
        again = await call("CREATE_SMS_SEND", messages=[{"to": ANA, "body": "Hello", **label}])
    assert "The same call was accepted" in again.error
    assert len(sent(sandbox)) == 1
