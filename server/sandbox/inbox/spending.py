"""The spending and the balance of an account over time, for the chart of the page."""

from collections.abc import Iterator
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.sandbox.api import tariff
from server.sandbox.api.answers import Row
from server.sandbox.inbox.listings import chosen_account
from server.sandbox.state.models import Account
from server.sandbox.state.world import World

KINDS = ("sms", "mms", "letter")
MAX_STEPS = 40  # besides the one before the first event
# Seconds per step of the chart: round parts of minutes, hours and days.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def view_spending(world: World, request: Request, body: bytes) -> Response:
    """Steps of equal length, each with what was spent by kind and the balance at its end."""
    account = chosen_account(world, request)
    charges = list(_charges(account))
    changes = list(account.balances)[1:]  # the first is the opening balance
    moments = [at for at, _, _ in charges] + [at for at, _ in changes] or [world.now()]
    first, last = min(moments), max(moments)
    step = _step(last - first)
    start = first - first % step - step  # begin with the opening balance
    spent = [dict.fromkeys(KINDS, Decimal(0)) for _ in range((last - start) // step + 1)]
    for at, kind, price in charges:
        spent[(at - start) // step][kind] += price
    # The clock may have been set back; the balance recorded last is right.
    balances = {(at - start) // step: balance for at, balance in changes}
    rows, balance = [], account.balances[0][1]
    for index, amounts in enumerate(spent):
        balance = balances.get(index, balance)
        rows.append(_row(start + index * step, step, amounts, balance))
    totals = {kind: tariff.four_places(sum((amounts[kind] for amounts in spent), Decimal(0))) for kind in KINDS}
    return JSONResponse({"step": step, "rows": rows, "totals": totals})


def _charges(account: Account) -> Iterator[tuple[int, str, Decimal]]:
    """The time, kind and amount of each charge; cancelled messages were refunded."""
    for message in account.messages.values():
        if message.price and not message.cancelled:
            yield message.date, message.kind, message.price
    for letter in account.letters.values():
        if letter.price:
            yield letter.date, "letter", letter.price


def _step(seconds: int) -> int:
    """The shortest step that divides so many seconds into few enough steps."""
    fitting = (step for step in STEPS if seconds < step * (MAX_STEPS - 1))
    days = -(-seconds // (STEPS[-1] * (MAX_STEPS - 1)))
    return next(fitting, STEPS[-1] * days)


def _row(start: int, step: int, amounts: dict[str, Decimal], balance: Decimal) -> Row:
    spent = {kind: tariff.four_places(amount) for kind, amount in amounts.items()}
    return {"from": start, "to": start + step, "spent": spent, "balance": tariff.four_places(balance)}
