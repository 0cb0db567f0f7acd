"""Prices in answers: what was accepted never costs less than its quote, and what is no amount is no price."""

from decimal import Decimal

import pytest
from support.answering import Service, calling, messages
from support.guarding import ANA, BO, Place, dispatching, settings, sms
from support.scripted import Conversation, scripted

pytestmark = pytest.mark.anyio

PRICES = (
    0,
    "0",
    "1e-7",
    -0.07,
    -5,
    "-5.00",
    "NaN",
    "Infinity",
    "-Infinity",
    1e30,
    "1e900000",
    "",
    None,
    [],
    True,
    "0.01",
)


@pytest.mark.parametrize("price", PRICES, ids=str)
async def test_what_was_accepted_never_costs_less_than_its_quote(price: object, any_ledger: Place) -> None:
    """The budget has room for one send, whatever price its answer names."""
    row = {"to": ANA, "message_id": "A-1", "status": "SUCCESS"}
    service = Service(send=messages(row, total_price=price))
    async with calling(service, any_ledger, max_cost_per_day=Decimal("0.10")) as call:
        envelopes = [await call("CREATE_SMS_SEND", **sms(custom_string=str(number))) for number in range(4)]
    assert envelopes[0].successful, envelopes[0]
    assert all("CLICKSEND_MCP_MAX_COST_PER_DAY" in later.error for later in envelopes[1:])
    assert len(service.sent) == 1
    assert (any_ledger.row()["state"], any_ledger.row()["cost"]) == ("accepted", 70_000)


async def test_a_price_above_the_quote_is_what_it_costs(ledger: Place) -> None:
    row = {"to": ANA, "message_id": "A-1", "status": "SUCCESS"}
    async with calling(Service(send=messages(row, total_price="0.0900")), ledger, max_cost_per_day=Decimal(1)) as call:
        await call("CREATE_SMS_SEND", **sms())
    assert ledger.row()["cost"] == 90_000


@pytest.mark.parametrize("price", [0, "-1", "0.07", None], ids=str)
async def test_a_part_costs_no_less_than_its_share_of_the_quote(price: object, ledger: Place) -> None:
    """One of two at 0.20 costs 0.10."""
    answered = messages(
        {"to": ANA, "message_id": "A-1", "status": "SUCCESS"},
        {"to": BO, "message_id": "B-2", "status": "THROTTLED"},
        total_price=price,
    )
    async with calling(Service(send=answered, price="0.2000"), ledger, max_cost_per_day=Decimal(1)) as call:
        await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert (ledger.row()["state"], ledger.row()["cost"]) == ("partly", 100_000)


@pytest.mark.parametrize(
    "price", ["NaN", "-0.07", "1e-2", "Infinity", "1e900000", True, [], 10**9, None, "0,07"], ids=str
)
async def test_a_quote_that_is_no_amount_is_no_price(price: object, ledger: Place) -> None:
    service = Service(price=price)
    async with calling(service, ledger, max_cost_per_call=Decimal(5)) as call:
        envelope = await call("CREATE_SMS_SEND", **sms())
    assert "No price could be had" in envelope.error
    assert envelope.error.endswith("Nothing was sent.")
    assert service.sent == []


async def test_a_quote_for_fewer_than_were_asked_about_is_no_price(ledger: Place) -> None:
    """A message without a price could cost anything."""

    async def script(conversation: Conversation) -> None:
        await conversation.say(messages({"to": ANA, "status": "SUCCESS"}, total_price="0.07"))

    async with scripted(script) as upstream:
        service = Service(url=upstream.url)
        async with dispatching(settings(service, ledger, limits={"max_cost_per_call": Decimal(5)})) as call:  # type: ignore[arg-type]
            envelope = await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert "No price could be had (ClickSend names none for all of it)" in envelope.error
    assert [request.line.split()[1] for request in upstream.requests] == ["/v3/sms/price"]
