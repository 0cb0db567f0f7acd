"""Lost answers: what ClickSend's records show counts as accepted, all else stays unknown, and nothing is sent twice."""

import json
import time
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from support.guarding import (
    ANA,
    BO,
    MMS,
    Call,
    Host,
    Place,
    account,
    asked,
    campaign,
    contact_list,
    control,
    data,
    dispatching,
    fault,
    guarded,
    host,
    letter,
    sent,
    settings,
    sms,
)
from support.hosting import PATIENCE
from support.scripted import USERNAME, Conversation, good, scripted

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

SEND = "/v3/sms/send"
EARLIER = 3_600  # seconds; after as many a send that is still open was abandoned


def ids(place: Place) -> list[str]:
    """The message ids of the only entry of a ledger."""
    message_ids: list[str] = json.loads(place.row()["message_ids"])
    return message_ids


@pytest.mark.parametrize("kind", ["drop", "truncate", "garbage", "empty"])
async def test_a_send_that_took_effect_is_found_and_counts_as_accepted(
    kind: str, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    fault(sandbox, kind, when="after", path=SEND)
    async with guarded(sandbox, any_ledger, max_cost_per_day=100) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(ANA, BO))
        again = await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert envelope.successful, envelope
    sent_ids = sorted(entry["message_id"] for entry in sent(sandbox))
    answer = json.loads(envelope.data)
    assert sorted(row["message_id"] for row in answer["data"]["messages"]) == sorted(ids(any_ledger)) == sent_ids
    assert "ClickSend's records show that all of it was accepted" in answer["_found"]
    assert "was accepted" in again.error
    assert any_ledger.row()["state"] == "accepted"
    assert any_ledger.row()["cost"] == 158_400  # as much as was reserved
    assert (len(sent(sandbox)), asked(sandbox, SEND)) == (2, 1)


@pytest.mark.parametrize("kind", ["drop", "garbage", "status"])
async def test_a_send_that_did_not_take_effect_stays_unknown_and_is_not_sent_again(
    kind: str, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    fault(sandbox, kind, path=SEND)
    async with guarded(sandbox, any_ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms())
        again = await call("CREATE_SMS_SEND", **sms())
    assert envelope.error.startswith("OUTCOME UNKNOWN")
    assert "do not call again before you have looked in CLICKSEND_GET_SMS_HISTORY" in envelope.error
    assert "records do not show it" in envelope.error
    assert "its outcome is unknown" in again.error
    assert "CLICKSEND_GET_SMS_HISTORY" in again.error
    assert any_ledger.row()["state"] == "unknown"
    assert (sent(sandbox), asked(sandbox, SEND)) == ([], 1)


async def test_an_unknown_send_is_found_by_a_later_repeat_of_the_call(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "drop", when="after", path=SEND)
    fault(sandbox, "status", status=500, path="/v3/sms/history")
    async with guarded(sandbox, any_ledger) as call:
        assert "OUTCOME UNKNOWN" in (await call("CREATE_SMS_SEND", **sms())).error
        again = await call("CREATE_SMS_SEND", **sms())
    (message,) = sent(sandbox)
    assert "was accepted" in again.error
    assert message["message_id"] in again.error
    assert (any_ledger.row()["state"], ids(any_ledger)) == ("accepted", [message["message_id"]])


async def test_records_that_cannot_be_read_leave_it_unknown(ledger: Place, sandbox: RunningSandbox) -> None:
    fault(sandbox, "drop", when="after", path=SEND)
    for kind in ("garbage", "drop", "status"):
        fault(sandbox, kind, path="/v3/sms/history")
    async with guarded(sandbox, ledger) as call:
        envelopes = [await call("CREATE_SMS_SEND", **sms()) for _ in range(3)]
    assert all("nknown" in envelope.error or "UNKNOWN" in envelope.error for envelope in envelopes)
    assert len(sent(sandbox)) == 1


async def test_a_send_that_is_found_in_part_is_reported_with_its_ids(ledger: Place) -> None:
    """ClickSend's history may lag: the first message of two is there already."""

    async def script(conversation: Conversation) -> None:
        if SEND in conversation.request.line:
            conversation.drop()
        else:
            row = {"to": ANA, "body": "Hello", "custom_string": "", "date": 2**40, "message_id": "ID-1"}
            await conversation.say(good({"data": [row]}))

    async with scripted(script) as upstream:
        chosen = settings(_Scripted(upstream.url), ledger)
        async with dispatching(chosen) as call:
            envelope = await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert not envelope.successful
    assert "1 are in ClickSend's records (ID-1), 1 not yet" in envelope.error
    assert ledger.row()["state"] == "unknown"


@dataclass(frozen=True)
class _Scripted:
    """The part of a sandbox that settings need."""

    url: str
    username: str = USERNAME
    api_key: str = "5EC2E7-of-ana"


@pytest.mark.parametrize("effect", ["after", "before"])
async def test_a_lost_campaign_is_searched_among_the_campaigns(
    effect: str, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, any_ledger) as call:
        list_id = await contact_list(call, ANA, BO)
        fault(sandbox, "drop", when=effect, path="/v3/sms-campaigns/send")
        envelope = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id))
        again = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id))
    assert envelope.successful is (effect == "after")
    assert not again.successful
    assert any_ledger.row()["state"] == ("accepted" if effect == "after" else "unknown")
    assert len(sent(sandbox)) == (2 if effect == "after" else 0)


@pytest.mark.parametrize("effect", ["before", "after"])
async def test_a_lost_mms_is_reconciled(effect: str, any_ledger: Place, sandbox: RunningSandbox) -> None:
    fault(sandbox, "drop", when=effect, path="/v3/mms/send")
    async with guarded(sandbox, any_ledger) as call:
        envelope = await call("CREATE_MMS_SEND", **MMS)
        again = await call("CREATE_MMS_SEND", **MMS)
    assert envelope.successful is (effect == "after")
    assert ("was accepted" if effect == "after" else "its outcome is unknown") in again.error
    assert any_ledger.row()["state"] == ("accepted" if effect == "after" else "unknown")
    assert ids(any_ledger) == [message["message_id"] for message in sent(sandbox)]
    assert asked(sandbox, "/v3/mms/send") == 1


async def test_an_mms_with_another_subject_is_another(ledger: Place, sandbox: RunningSandbox) -> None:
    (message,) = MMS["messages"]
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_MMS_SEND", **{**MMS, "messages": [{**message, "subject": "Prices"}]}))
        fault(sandbox, "drop", path="/v3/mms/send")
        envelope = await call("CREATE_MMS_SEND", **MMS)
    assert envelope.error.startswith("OUTCOME UNKNOWN")


async def test_records_are_shown_without_what_outsiders_wrote(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA)
        fault(sandbox, "drop", when="after", path=SEND)
        rows = data(await call("CREATE_SMS_SEND", **sms()))["messages"]
    assert list_id
    assert rows
    assert not {"first_name", "last_name"} & set(rows[0])


async def test_what_clicksend_has_no_records_of_stays_unknown(any_ledger: Place, sandbox: RunningSandbox) -> None:
    fault(sandbox, "drop", when="after", method="POST")
    async with guarded(sandbox, any_ledger) as call:
        envelope = await call("CREATE_POST_LETTERS_SEND", **letter())
        again = await call("CREATE_POST_LETTERS_SEND", **letter())
    assert envelope.error.startswith("OUTCOME UNKNOWN")
    assert "the ClickSend dashboard" in envelope.error
    assert "its outcome is unknown" in again.error
    assert "the ClickSend dashboard" in again.error
    assert any_ledger.row()["state"] == "unknown"
    assert len(sent(sandbox)) == 1


# --- what must not be taken for the lost message ---------------------------------------------------


@dataclass(frozen=True)
class Other:
    """A message that resembles the lost one."""

    id: str
    arguments: dict[str, Any]
    seconds_earlier: int = 0


OTHERS = (
    Other("the same text earlier", sms(), 60),
    Other("another number", sms(BO)),
    Other("another text", sms(body="Hello!")),
    Other("another reference", sms(custom_string="order-1")),
)


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case.id)
async def test_another_message_is_not_taken_for_the_lost_one(
    case: Other, ledger: Place, sandbox: RunningSandbox, tmp_path: Any
) -> None:
    elsewhere = Place(str(tmp_path / "another.sqlite3"))  # sent by another server, or in the dashboard
    control(sandbox, "POST", "clock", {"now": int(time.time()) - case.seconds_earlier})
    async with guarded(sandbox, elsewhere) as call:
        data(await call("CREATE_SMS_SEND", **case.arguments))
    control(sandbox, "POST", "clock", {"advance": case.seconds_earlier})
    fault(sandbox, "drop", path=SEND)
    async with guarded(sandbox, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms())
    assert envelope.error.startswith("OUTCOME UNKNOWN")
    assert ledger.row()["state"] == "unknown"


async def test_the_same_text_that_this_ledger_has_as_sent_is_not_taken_for_it(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger, duplicate_window=0) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        fault(sandbox, "drop", path=SEND)
        envelope = await call("CREATE_SMS_SEND", **sms())
    assert envelope.error.startswith("OUTCOME UNKNOWN")
    assert [row["state"] for row in ledger.rows()] == ["accepted", "unknown"]


async def test_two_equal_messages_of_one_call_need_two_records(ledger: Place, sandbox: RunningSandbox) -> None:
    fault(sandbox, "drop", when="after", path=SEND)
    async with guarded(sandbox, ledger) as call:
        twice = [*sms(custom_string="a")["messages"], *sms(custom_string="b")["messages"]]
        envelope = await call("CREATE_SMS_SEND", messages=twice)
    assert envelope.successful
    assert len(set(ids(ledger))) == len(sent(sandbox)) == 2


async def test_a_send_of_many_is_found_over_several_pages(ledger: Place, sandbox: RunningSandbox) -> None:
    fault(sandbox, "drop", when="after", path=SEND)
    async with guarded(sandbox, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(*(f"+614915{n:05}" for n in range(250))))
    assert envelope.successful
    assert len(set(ids(ledger))) == 250
    assert asked(sandbox, "/v3/sms/history") == 3


# --- a process that dies -------------------------------------------------------------------------


async def until_sent(sandbox: RunningSandbox) -> None:
    """Wait until the sandbox has accepted a message."""
    with anyio.fail_after(PATIENCE):
        while not sent(sandbox):  # noqa: ASYNC110 - bounded above
            await anyio.sleep(0.01)


async def kill(server: Host) -> None:
    """End a server with SIGKILL, which it cannot catch."""
    server.program.process.kill()
    await server.program.process.wait()


async def after_the_death(call: Call, ledger: Place) -> Any:
    """The answer of a server that starts later to the same call."""
    assert ledger.row()["state"] == "started"
    assert "under way" in (await call("CREATE_SMS_SEND", **sms())).error  # it may be, as far as the ledger shows
    ledger.age(EARLIER)
    return await call("CREATE_SMS_SEND", **sms())


async def test_a_send_whose_server_was_killed_after_it_took_effect_is_found(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "delay", when="after", seconds=60, path=SEND)
    async with host(**account(sandbox, any_ledger)) as server:
        await server.start("CREATE_SMS_SEND", sms())
        await until_sent(sandbox)
        await kill(server)
    async with guarded(sandbox, any_ledger, duplicate_window=2 * EARLIER) as call:
        again = await after_the_death(call, any_ledger)
    (message,) = sent(sandbox)
    assert "was accepted" in again.error
    assert (any_ledger.row()["state"], ids(any_ledger)) == ("accepted", [message["message_id"]])


async def test_a_send_whose_server_was_killed_before_it_took_effect_is_unknown(any_ledger: Place) -> None:
    async def script(conversation: Conversation) -> None:
        if SEND in conversation.request.line:
            await conversation.until_hung_up()
        else:
            await conversation.say(good({"data": []}))

    async with scripted(script) as upstream:
        ours = _Scripted(upstream.url)
        async with host(**account(ours, any_ledger)) as server:
            await server.start("CREATE_SMS_SEND", sms())
            await upstream.wait(upstream.arrived)
            await kill(server)
        chosen = settings(ours, any_ledger, limits={"duplicate_window": 2 * EARLIER})
        async with dispatching(chosen) as call:
            again = await after_the_death(call, any_ledger)
    assert "its outcome is unknown" in again.error
    assert any_ledger.row()["state"] == "unknown"
    assert sum(SEND in request.line for request in upstream.requests) == 1


async def test_any_later_send_settles_what_a_dead_process_left_open(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        data(await call("CREATE_MMS_SEND", **MMS))
        data(await call("CREATE_POST_LETTERS_SEND", **letter()))
        any_ledger.reopen()
        any_ledger.age(EARLIER)
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    states = {(row["action"], row["state"]) for row in any_ledger.rows()}
    assert states == {
        ("CLICKSEND_CREATE_SMS_SEND", "accepted"),
        ("CLICKSEND_CREATE_MMS_SEND", "accepted"),
        ("CLICKSEND_CREATE_POST_LETTERS_SEND", "unknown"),
    }
