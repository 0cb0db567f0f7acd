"""Limits of cost, for a call and for a day, which neither concurrent calls nor replicas exceed."""

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import anyio
import pytest
from support.guarding import (
    ANA,
    BO,
    MMS,
    SMS_TO_AU,
    Call,
    Place,
    account,
    campaign,
    contact_list,
    control,
    data,
    fault,
    guarded,
    hosts,
    letter,
    sent,
    sms,
    spent,
)

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

LEAST = Decimal("0.000001")  # the smallest difference of amounts that the ledger keeps
UNUSABLE = "+61400990404"


@dataclass(frozen=True)
class Priced:
    """A send and its price in the sandbox."""

    id: str
    slug: str
    price: str
    arguments: dict[str, Any] | None = None  # None for a campaign to a list of Ana and Bo


PRICED = (
    Priced("sms", "CREATE_SMS_SEND", "0.1584", sms(ANA, BO)),
    Priced("sms of 2 parts", "CREATE_SMS_SEND", "0.1584", sms(body="x" * 161)),
    Priced("sms with a refused one", "CREATE_SMS_SEND", "0.0792", sms(ANA, UNUSABLE)),
    Priced("mms", "CREATE_MMS_SEND", "0.5500", MMS),
    Priced("letter", "CREATE_POST_LETTERS_SEND", "1.2700", letter()),
    Priced("campaign", "CREATE_SMS_CAMPAIGNS_SEND", "0.1584"),
)


async def arguments_of(case: Priced, call: Call) -> dict[str, Any]:
    return case.arguments or campaign(await contact_list(call, ANA, BO))


@pytest.mark.parametrize("limit", ["max_cost_per_call", "max_cost_per_day"])
@pytest.mark.parametrize("case", PRICED, ids=lambda case: case.id)
async def test_what_costs_exactly_as_much_as_is_allowed_passes(
    case: Priced, limit: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, **{limit: Decimal(case.price)}) as call:
        await call(case.slug, **await arguments_of(case, call))
    assert spent(sandbox) == Decimal(case.price)


@pytest.mark.parametrize("limit", ["max_cost_per_call", "max_cost_per_day"])
@pytest.mark.parametrize("case", PRICED, ids=lambda case: case.id)
async def test_what_costs_the_least_amount_more_is_refused(
    case: Priced, limit: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, **{limit: Decimal(case.price) - LEAST}) as call:
        envelope = await call(case.slug, **await arguments_of(case, call))
    assert f"It costs {Decimal(case.price).normalize()}" in envelope.error.replace("0 AUD", " AUD").replace("00", "")
    assert f"limit CLICKSEND_MCP_{limit.upper()}; only the operator" in envelope.error
    assert envelope.error.endswith("Nothing was sent.")
    assert (sent(sandbox), ledger.rows() if _was_opened(ledger) else []) == ([], [])


def _was_opened(ledger: Place) -> bool:
    return bool(ledger.run("SELECT 1 FROM sqlite_master WHERE name = 'sends'"))


async def test_a_limit_of_0_lets_only_free_messages_through(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, max_cost_per_call=Decimal(0)) as call:
        assert not (await call("CREATE_SMS_SEND", **sms())).successful
        data(await call("CREATE_SMS_SEND", **sms("+61411111111")))  # a test number of ClickSend's
    assert spent(sandbox) == 0


# --- no price, no send -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["status", "garbage"])
@pytest.mark.parametrize("case", PRICED, ids=lambda case: case.id)
async def test_nothing_is_sent_while_no_price_can_be_had(
    case: Priced, kind: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, max_cost_per_day=Decimal(1000)) as call:
        arguments = await arguments_of(case, call)
        fault(sandbox, kind, method="POST")
        envelope = await call(case.slug, **arguments)
    assert envelope.error.startswith("No price could be had (")
    assert envelope.error.endswith("Nothing was sent.")
    assert sent(sandbox) == []


# --- the day -----------------------------------------------------------------------------------------


async def test_the_day_is_24_hours_and_counts_all_kinds_of_sends(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger, max_cost_per_day=Decimal("0.70")) as call:
        data(await call("CREATE_MMS_SEND", **MMS))  # 0.55
        data(await call("CREATE_SMS_SEND", **sms()))
        refused = await call("CREATE_SMS_SEND", **sms(BO))
        assert "of the 0.70 for 24 hours 0.6292 are spent or reserved" in refused.error
        any_ledger.age(86_390)
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
        any_ledger.age(11)
        data(await call("CREATE_SMS_SEND", **sms(BO)))


async def test_a_clock_set_back_does_not_free_the_day(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger, max_cost_per_day=SMS_TO_AU) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        any_ledger.age(-10 * 86_400)
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
    assert spent(sandbox) == SMS_TO_AU


@dataclass(frozen=True)
class Reserved:
    """A send that fails, and whether it keeps its reservation."""

    id: str
    fault: dict[str, Any]
    kept: bool


RESERVED = (
    Reserved("refused", {"kind": "status", "status": 400}, False),
    Reserved("not accepted", {"kind": "status", "status": 429}, False),
    Reserved("unknown", {"kind": "drop"}, True),
    Reserved("found", {"kind": "drop", "when": "after"}, True),
)


@pytest.mark.parametrize("case", RESERVED, ids=lambda case: case.id)
async def test_a_refused_send_frees_its_reservation_and_an_unknown_one_keeps_it(
    case: Reserved, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    fault(sandbox, path="/v3/sms/send", **case.fault)
    async with guarded(sandbox, any_ledger, max_cost_per_day=SMS_TO_AU) as call:
        await call("CREATE_SMS_SEND", **sms())
        second = await call("CREATE_SMS_SEND", **sms(BO))
    assert second.successful is not case.kept
    assert spent(sandbox) <= SMS_TO_AU


async def test_a_partly_refused_send_keeps_only_what_it_cost(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger, max_cost_per_day=2 * SMS_TO_AU) as call:
        await call("CREATE_SMS_SEND", **sms(ANA, UNUSABLE))
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    assert spent(sandbox) == 2 * SMS_TO_AU


async def test_a_dead_process_keeps_its_reservation(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger, max_cost_per_day=SMS_TO_AU) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        any_ledger.reopen()
        for _ in range(2):  # under way at first, then abandoned and reconciled
            assert "24 hours" in (await call("CREATE_SMS_SEND", **sms(BO))).error
            any_ledger.age(3600)
    assert spent(sandbox) == SMS_TO_AU


async def test_40_concurrent_sends_do_not_exceed_the_budget_of_the_day(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    budget = 7 * SMS_TO_AU + Decimal("0.0791")
    async with guarded(sandbox, any_ledger, max_cost_per_day=budget) as call, anyio.create_task_group() as tasks:
        for n in range(40):
            tasks.start_soon(lambda n=n: call("CREATE_SMS_SEND", **sms(f"+614915701{n:02}")))
    assert spent(sandbox) == 7 * SMS_TO_AU
    assert sum(row["cost"] for row in any_ledger.rows()) == int(7 * SMS_TO_AU * 1_000_000)


async def test_three_servers_on_one_ledger_do_not_exceed_the_budget_of_the_day(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    environment = account(sandbox, any_ledger) | {"CLICKSEND_MCP_MAX_COST_PER_DAY": "0.4"}
    async with hosts(3, **environment) as servers:
        started = [
            [await server.start("CREATE_SMS_SEND", sms(f"+6149157{index}{n:03}")) for n in range(10)]
            for index, server in enumerate(servers)
        ]
        answers = [await server.answers(*numbers) for server, numbers in zip(servers, started, strict=True)]
    envelopes = [envelope for own in answers for envelope in own]
    assert sum(envelope["successful"] for envelope in envelopes) == 5
    assert spent(sandbox) == 5 * SMS_TO_AU
    refusals = [envelope["error"] for envelope in envelopes if not envelope["successful"]]
    assert [error for error in refusals if "MAX_COST_PER_DAY" not in error] == []


# --- campaigns that are changed --------------------------------------------------------------------


async def test_a_campaign_that_a_change_sends_at_once_is_limited_too(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA, BO)
        later = campaign(list_id, schedule=int(time.time()) + 3600)
        made = data(await call("CREATE_SMS_CAMPAIGNS_SEND", **later))["sms_campaign_id"]
    longer = campaign(list_id, sms_campaign_id=made) | {"body": "x" * 400}
    limits = ({"max_cost_per_call": Decimal("0.20")}, {"max_cost_per_day": Decimal("0.47")})
    for limit in limits:
        async with guarded(sandbox, ledger, **limit) as call:
            for schedule in ({}, {"schedule": 0}):
                envelope = await call("UPDATE_SMS_CAMPAIGNS", **longer, **schedule)
                assert "It costs 0.4752" in (envelope.error or ""), (limit, schedule, envelope)
            envelope = await call("UPDATE_SMS_CAMPAIGNS", **longer, schedule=int(time.time()) + 60)
            assert "goes to whoever is on its list then" in (envelope.error or "")
    assert sent(sandbox) == []
    control(sandbox, "POST", "clock", {"advance": 7200})
    assert spent(sandbox) == 2 * SMS_TO_AU  # the price of the campaign before the changes
