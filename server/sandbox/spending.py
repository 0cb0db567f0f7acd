"""What an account has spent and what was left, over time, as the page draws it."""

from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from server.sandbox import tariff
from server.sandbox.answers import Row
from server.sandbox.control import ControlError
from server.sandbox.models import Account
from server.sandbox.world import World

KINDS = ("sms", "mms", "letter")
MOST_STEPS = 40
# Seconds that one step of the chart may stand for: what people call a minute, an hour, a day.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def view_spending(world: World, request: Request, body: bytes) -> Response:
    """Steps of equal length: what was spent in each by kind, and the balance at its end."""
    account = world.accounts.get(request.query_params.get("account") or world.username)
    if account is None:
        raise ControlError("there is no such account")
    charges = list(_charges(account))
    moments = [at for at, _, _ in charges] + [at for at, _ in account.balances]
    first, last = min(moments), max(moments)
    step = _step(last - first)
    start = first - first % step
    count = (last - start) // step + 1
    spent = [dict.fromkeys(KINDS, Decimal(0)) for _ in range(count)]
    for at, kind, price in charges:
        spent[(at - start) // step][kind] += price
    rows = [_row(account, start + place * step, step, amounts) for place, amounts in enumerate(spent)]
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


def _row(account: Account, start: int, step: int, amounts: dict[str, Decimal]) -> Row:
    known = [at for at, _ in account.balances]
    place = bisect_right(known, start + step - 1)
    balance = account.balances[max(place - 1, 0)][1]
    spent = {kind: tariff.four_places(amount) for kind, amount in amounts.items()}
    return {"from": start, "to": start + step, "spent": spent, "balance": tariff.four_places(balance)}
