"""What an account has spent and what was left, over time, as the page draws it."""

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
MOST_STEPS = 40  # besides the one before anything happened
# Seconds that one step of the chart may stand for: what people call a minute, an hour, a day.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def view_spending(world: World, request: Request, body: bytes) -> Response:
    """Steps of equal length: what was spent in each by kind, and the balance at its end."""
    account = chosen_account(world, request)
    charges = list(_charges(account))
    changed = list(account.balances)[1:]  # the first is from when the account was opened
    moments = [at for at, _, _ in charges] + [at for at, _ in changed] or [world.now()]
    first, last = min(moments), max(moments)
    step = _step(last - first)
    start = first - first % step - step  # so that it begins with what there was before
    spent = [dict.fromkeys(KINDS, Decimal(0)) for _ in range((last - start) // step + 1)]
    for at, kind, price in charges:
        spent[(at - start) // step][kind] += price
    # The clock may have been set back: what was recorded later holds.
    balances = {(at - start) // step: balance for at, balance in changed}
    rows, balance = [], account.balances[0][1]
    for place, amounts in enumerate(spent):
        balance = balances.get(place, balance)
        rows.append(_row(start + place * step, step, amounts, balance))
    totals = {kind: tariff.four_places(sum((one[kind] for one in spent), Decimal(0))) for kind in KINDS}
    return JSONResponse({"step": step, "rows": rows, "totals": totals})


def _charges(account: Account) -> Iterator[tuple[int, str, Decimal]]:
    """When, for what and how much; what was cancelled has been paid back."""
    for message in account.messages.values():
        if message.price and not message.cancelled:
            yield message.date, message.kind, message.price
    for letter in account.letters.values():
        if letter.price:
            yield letter.date, "letter", letter.price


def _step(seconds: int) -> int:
    """The shortest step with which so long a time does not need too many."""
    fitting = (step for step in STEPS if seconds < step * (MOST_STEPS - 1))
    days = -(-seconds // (STEPS[-1] * (MOST_STEPS - 1)))
    return next(fitting, STEPS[-1] * days)


def _row(start: int, step: int, amounts: dict[str, Decimal], balance: Decimal) -> Row:
    spent = {kind: tariff.four_places(amount) for kind, amount in amounts.items()}
    return {"from": start, "to": start + step, "spent": spent, "balance": tariff.four_places(balance)}
