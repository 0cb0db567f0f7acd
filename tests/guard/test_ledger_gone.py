"""A ledger that cannot be used: nothing is sent unrecorded, and free calls go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.guarding import MMS, Place, account, contact_list, data, guarded, host, letter, sent, sms, sqlite_place
from support.scripted import good, says_when_released, scripted

from server.calls.dispatch import Dispatcher
from server.config.ledger import LedgerSettings
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

UNUSABLE = ("below a file", "corrupt", "a directory", "a full device", "closed port", "no such schema", "no driver")


@pytest.fixture(params=UNUSABLE)
def unusable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Ledgers that cannot be opened or written."""
    match request.param:
        case "below a file":
            (tmp_path / "file").write_text("in the way")
            place = str(tmp_path / "file" / "ledger.sqlite3")
        case "corrupt":
            (tmp_path / "ledger.sqlite3").write_bytes(b"this is no database" * 1000)
            place = str(tmp_path / "ledger.sqlite3")
        case "a directory":
            place = str(tmp_path)
        case "a full device":
            place = "/dev/full"
        case "closed port":
            place = "postgresql://postgres@127.0.0.1:1/test"
        case "no such schema":
            request.getfixturevalue("postgres")  # skips where there is none
            place = "postgresql://postgres@127.0.0.1:5432/no_such_database"
        case _:
            place = "mysql://root@127.0.0.1/test"  # the start of a real process refuses it already
    yield Place(place)


async def test_every_paid_call_is_refused_and_all_others_go_on(unusable: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, unusable) as call:
        list_id = await contact_list(call, "+61491570156")
        calls: dict[str, dict[str, Any]] = {
            "CREATE_SMS_SEND": sms(),
            "CREATE_MMS_SEND": MMS,
            "CREATE_POST_LETTERS_SEND": letter(),
            "CREATE_SMS_CAMPAIGNS_SEND": {"list_id": list_id, "name": "Sale", "body": "20% off"},
        }
        for slug, arguments in calls.items():
            envelope = await call(slug, **arguments)
            assert not envelope.successful
            assert envelope.error.startswith("The ledger of sends cannot be used (")
            assert "CLICKSEND_MCP_LEDGER" in envelope.error
            assert envelope.error.endswith("Nothing was sent.")
        data(await call("GET_ACCOUNT"))
        data(await call("DELETE_LISTS", list_id=list_id))
    assert sent(sandbox) == []


async def test_a_database_that_goes_away_stops_the_next_send(postgres: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, postgres) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        postgres.run("DROP TABLE sends")
        envelope = await call("CREATE_SMS_SEND", **sms(body="Another"))
    assert envelope.error.startswith("The ledger of sends cannot be used (")
    assert len(sent(sandbox)) == 1


async def test_a_file_that_becomes_unwritable_stops_the_next_send(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        ledger.run("CREATE TRIGGER full BEFORE INSERT ON sends BEGIN SELECT RAISE(FAIL, 'disk full'); END")
        envelope = await call("CREATE_SMS_SEND", **sms(body="Another"))
    assert envelope.error.startswith("The ledger of sends cannot be used (")
    assert len(sent(sandbox)) == 1


async def test_a_send_whose_outcome_cannot_be_recorded_succeeds_and_is_not_repeated(any_ledger: Place) -> None:
    """The database fails between the two writes: the caller gets the answer, and the entry remains started."""
    accepted = good({"messages": [{"to": "+61491570156", "status": "SUCCESS", "message_id": "ID-1"}]})
    async with scripted(says_when_released(accepted)) as upstream:
        chosen = upstream.settings(ledger=LedgerSettings(any_ledger.text))
        async with Dispatcher(chosen) as dispatcher:
            outcome: list[Any] = []

            async def send() -> None:
                outcome.append(await dispatcher.call(catalog()["CLICKSEND_CREATE_SMS_SEND"], sms()))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                await upstream.wait(upstream.arrived)
                any_ledger.run("ALTER TABLE sends RENAME TO away")
                upstream.released.set()
            any_ledger.run("ALTER TABLE away RENAME TO sends")
            assert outcome[0].successful
            assert any_ledger.row()["state"] == "started"
            again = await dispatcher.call(catalog()["CLICKSEND_CREATE_SMS_SEND"], sms())
        assert "under way" in again.error
    assert len(upstream.requests) == 1


async def test_reads_do_not_open_the_ledger(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        data(await call("GET_ACCOUNT"))
        data(await call("SMS_PRICE_POST", **sms()))
        await contact_list(call, "+61491570156")
    assert not _is_there(ledger)


def _is_there(ledger: Place) -> bool:
    return Path(ledger.text).parent.exists()


async def test_a_real_server_with_an_unusable_ledger_serves_reads(tmp_path: Path, sandbox: RunningSandbox) -> None:
    (tmp_path / "file").write_text("in the way")
    with sqlite_place(tmp_path / "file" / "ledger.sqlite3") as place:
        async with host(**account(sandbox, place)) as server:
            refused = await server.call("CREATE_SMS_SEND", sms())
            read = await server.call("GET_ACCOUNT", {})
    assert "The ledger of sends cannot be used" in refused["error"]
    assert read["successful"]
    assert sent(sandbox) == []
