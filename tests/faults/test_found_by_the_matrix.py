"""What the matrix has found, each as small as it can be told."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fault_ledgers import SqliteFile

from server.guard.reconcile import Found, digest, reconcile
from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import Entry, Ledger, State
from tools.answer import Answer
from tools.route import Request

pytestmark = pytest.mark.anyio

SMS = ("+61491570006", "Your table is ready", "")


def entry(name: str, mark: tuple[str, ...] = SMS, *, action: str = "SMS_SEND", state: State = "started") -> Entry:
    marks = (digest(name, *mark),)
    at = time.time()
    return Entry(
        account="account",
        caller="caller",
        action=f"CLICKSEND_CREATE_{action}",
        fingerprint=name,
        recipients=1,
        id=name,
        marks=marks,
        at=at,
        state=state,
    )


async def found(own: Entry, records: list[dict[str, Any]], *others: Entry) -> Found | None:
    """What a look-up finds in these records."""

    async def read(request: Request) -> Answer:
        return Answer({"data": {"data": records if request.query["page"] == 1 else []}})

    async def besides(*_: Any) -> Sequence[Entry]:
        return others

    return await reconcile(own, besides, read)


def message() -> dict[str, Any]:
    to, body, reference = SMS
    return {"to": to, "body": body, "custom_string": reference, "date": int(time.time()), "message_id": "M1"}


async def test_a_record_is_the_send_s_if_nobody_else_can_have_made_it() -> None:
    other = entry("other", ("+61491570157", "Something else", ""))

    assert await found(entry("own"), [message()], other) == Found((message(),), ("M1",), 0)


@pytest.mark.parametrize("state", ["started", "unknown"])
async def test_a_record_that_may_be_another_s_is_not_taken_for_the_send_s(state: State) -> None:
    assert await found(entry("own"), [message()], entry("other", state=state)) == Found((), (), 1)


async def test_a_campaign_that_failed_is_not_taken_for_one_that_was_sent() -> None:
    own = entry("own", ("88", "June", "Sale"), action="SMS_CAMPAIGNS_SEND")
    campaign = {"sms_campaign_id": 311, "list_id": 88, "name": "June", "body": "Sale", "date_added": int(time.time())}

    failed = await found(own, [campaign | {"status": "Failed"}])
    sent = await found(own, [campaign | {"status": "Sent"}])

    assert failed == Found((), (), 1)
    assert sent is not None
    assert (sent.ids, sent.missing) == (("311",), 0)


async def test_a_ledger_that_refuses_a_write_by_a_rule_of_its_own_is_unavailable(tmp_path: Path) -> None:
    place = SqliteFile(tmp_path, 1, variant=1)
    ledger = Ledger(place.url)
    await ledger.start(entry("first"), window=0, budget=None, lasts=60)
    place.take_away()

    with pytest.raises(LedgerUnavailable):
        await ledger.finish("first", "accepted", cost=None)
    with pytest.raises(LedgerUnavailable):
        await ledger.start(entry("second"), window=0, budget=None, lasts=60)
    ledger.close()
