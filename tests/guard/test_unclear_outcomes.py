"""Answers that are neither yes nor no: reconciled, guarded against a repeat, and never thrown away."""

import json
from typing import Any

import pytest
from support.answering import Service, calling, history, messages
from support.guarding import ANA, BO, MMS, Place, account, campaign, host, sms
from support.scripted import answer, envelope, good, scripted

pytestmark = pytest.mark.anyio

TODAY = 1_795_767_000


# --- messages ----------------------------------------------------------------------------------------

UNCLEAR = {
    "another word": messages({"to": ANA, "message_id": "A-1", "status": "Queued"}, queued_count=1, total_price=0.077),
    "held for approval": messages({"to": ANA, "message_id": "A-1", "status": "WaitApproval"}),
    "small letters": messages({"to": ANA, "message_id": "A-1", "status": "success"}),
    "a blank at its end": messages({"to": ANA, "message_id": "A-1", "status": "SUCCESS "}),
    "a refusal in small letters": messages({"to": ANA, "message_id": "A-1", "status": "invalid_recipient"}),
    "no status": messages({"to": ANA, "message_id": "A-1"}),
    "null": messages({"to": ANA, "message_id": "A-1", "status": None}),
    "a list": messages({"to": ANA, "message_id": "A-1", "status": ["SUCCESS"]}),
    "blocked by its count": messages(
        {"to": ANA, "message_id": "A-1", "status": "SUCCESS"}, queued_count=0, blocked_count=1
    ),
    "refused and paid": messages({"to": ANA, "message_id": "A-1", "status": "THROTTLED"}, total_price="0.0770"),
    "refused and queued": messages({"to": ANA, "message_id": "A-1", "status": "THROTTLED"}, queued_count=1),
    "not mentioned": messages(),
    "no shape": good("queued"),
    "an unknown code": answer(200, envelope({"messages": [{"to": ANA, "status": "SUCCESS"}]}, 200, "ACCEPTED")),
    "a code and its opposite": answer(200, envelope({"messages": [{"to": ANA, "status": "SUCCESS"}]}, 400, "SUCCESS")),
    "a redirect after the deed": answer(303, None),
    "not modified": answer(304, None),
    "multiple choices": answer(300, envelope(None, 300, "MULTIPLE")),
}


@pytest.mark.parametrize("answered", UNCLEAR.values(), ids=UNCLEAR)
async def test_what_is_neither_yes_nor_no_is_unknown_and_not_sent_again(answered: bytes, any_ledger: Place) -> None:
    service = Service(send=answered)
    async with calling(service, any_ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms())
        again = await call("CREATE_SMS_SEND", **sms())
    assert not envelope.successful
    assert "OUTCOME UNKNOWN" in envelope.error
    assert "Nothing was sent" not in envelope.error
    assert "ClickSend's records do not show it so far" in envelope.error
    assert "its outcome is unknown" in again.error
    assert any_ledger.row()["state"] == "unknown"
    assert len(service.sent) == 1


@pytest.mark.parametrize("answered", UNCLEAR.values(), ids=UNCLEAR)
async def test_what_is_neither_yes_nor_no_and_is_in_the_records_was_accepted(answered: bytes, ledger: Place) -> None:
    """The history settles what the answer left open."""
    service = Service(send=answered, records=history("A-1"))
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms())
    assert envelope.successful, envelope
    shown = json.loads(envelope.data)
    assert "ClickSend's records show that all of it was accepted" in shown["_found"]
    assert "A-1" in envelope.data
    assert (ledger.row()["state"], json.loads(ledger.row()["message_ids"])) == ("accepted", ["A-1"])


async def test_an_unclear_message_beside_a_refused_one_is_found_by_its_id(ledger: Place) -> None:
    """The records may have its text in another form."""
    answered = messages(
        {"to": ANA, "message_id": "A-1", "status": "Queued"},
        {"to": BO, "message_id": "B-2", "status": "INVALID_RECIPIENT"},
        queued_count=0,
    )
    row = {"to": ANA, "body": "Hello (shortened)", "message_id": "A-1", "date": "no time at all"}
    service = Service(send=answered, records=lambda _: [row])
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert envelope.error.startswith("1 of 2 were accepted and queued: do NOT send those again. Refused: +61491570157")
    assert "OUTCOME UNKNOWN" not in envelope.error
    assert json.loads(envelope.data)["data"]["messages"][0]["status"] == "Queued"  # the first answer stays
    assert ledger.row()["state"] == "partly"


async def test_a_message_that_the_answer_left_out_is_found_in_the_records(ledger: Place) -> None:
    answered = messages({"to": ANA, "message_id": "A-1", "status": "SUCCESS"})
    service = Service(send=answered, records=history("A-1", "B-2"))
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert envelope.successful, envelope
    assert sorted(json.loads(ledger.row()["message_ids"])) == ["A-1", "B-2"]


async def test_a_message_that_is_in_neither_stays_unknown(ledger: Place) -> None:
    answered = messages({"to": ANA, "message_id": "A-1", "status": "SUCCESS"})
    service = Service(send=answered, records=history("A-1"))
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert envelope.error.startswith("1 of 2 were accepted and queued: do NOT send those again.")
    assert "does not mention 1: OUTCOME UNKNOWN for those." in envelope.error
    assert "1 are in ClickSend's records (A-1), 1 not yet." in envelope.error
    assert ledger.row()["state"] == "unknown"


async def test_a_record_is_recognised_however_it_writes_the_number_and_the_text(ledger: Place) -> None:
    """A phone is the same in every spelling of its number."""
    row = {"to": "+61 0491 570 156", "body": "Hello\r\nAna ", "custom_string": None, "message_id": "A-1", "date": 2**40}
    service = Service(send=good(None), records=lambda _: [row])
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms(body="Hello\nAna"))
    assert envelope.successful, envelope


@pytest.mark.parametrize(
    "odd",
    [
        {"date": "2030-01-31 09:00:00"},
        {"date": None},
        {"date": {"unix": 1}},
        {"date": "9" * 5_000},
        {"date": True},
        {"to": None, "body": 7, "message_id": []},
        {"to": {"number": 1}, "custom_string": [1]},
    ],
    ids=str,
)
async def test_a_field_of_another_type_does_not_end_the_search(odd: dict[str, Any], ledger: Place) -> None:
    """The right record is found beside such a one."""
    good_row = {"to": ANA, "body": "Hello", "custom_string": "", "message_id": "A-1", "date": 2**40}
    service = Service(send=good(None), records=lambda _: [{**good_row, "message_id": "X-0", **odd}, good_row])
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_SEND", **sms())
    assert envelope.successful, envelope
    assert "A-1" in envelope.data


async def test_an_mms_of_unknown_status_is_searched_in_its_own_history(ledger: Place) -> None:
    service = Service(
        send=messages({"to": ANA, "message_id": "M-1", "status": "Queued:WaitSend"}), records=history("M-1")
    )
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_MMS_SEND", **MMS)
    assert envelope.successful, envelope


# --- campaigns ---------------------------------------------------------------------------------------


def a_campaign(**more: Any) -> dict[str, Any]:
    base = {"sms_campaign_id": 311, "name": "Sale", "list_id": 88, "body": "20% off", "status": "Scheduled"}
    return {**base, "date_added": TODAY, "_total_count": 4, **more}


NESTED = {"sms_campaign": a_campaign(), "total_count": 4}


@pytest.mark.parametrize("slug", ["CREATE_SMS_CAMPAIGNS_SEND", "UPDATE_SMS_CAMPAIGNS"])
async def test_a_campaign_is_read_from_inside_another_object(slug: str, ledger: Place) -> None:
    """Three other integrations read data.sms_campaign."""
    service = Service(send=good(NESTED))
    more = {"sms_campaign_id": 311} if slug.startswith("UPDATE") else {}
    async with calling(service, ledger) as call:
        envelope = await call(slug, **campaign(88, **more))
    assert envelope.successful, envelope
    assert json.loads(envelope.data)["data"] == NESTED
    row = ledger.row()
    assert (row["state"], row["message_ids"], row["recipients"]) == ("accepted", '["311"]', 4)


ANOTHER_SHAPE = {
    "in a list": [a_campaign()],
    "under another name": {"campaign": a_campaign()},
    "without a status": {key: value for key, value in a_campaign().items() if key != "status"},
    "of an unknown status": a_campaign(status="Bereit"),
    "words": "created",
}


@pytest.mark.parametrize("data", ANOTHER_SHAPE.values(), ids=ANOTHER_SHAPE)
@pytest.mark.parametrize("body", ["20% off", "20% off smsg.io/aB3xY"])
async def test_a_campaign_of_yet_another_shape_is_reconciled_and_its_answer_kept(
    data: object, body: str, ledger: Place
) -> None:
    """ClickSend may have filled in the short link."""
    service = Service(send=good(data), records=lambda _: [a_campaign(body=body, date_added=2**40)])
    arguments = campaign(
        88, **({"body": "20% off smsg.io/xxxxx", "url_to_shorten": "https://a.example"} if "smsg" in body else {})
    )
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_CAMPAIGNS_SEND", **arguments)
    assert envelope.successful, envelope
    assert json.loads(envelope.data)["data"] == data
    assert (ledger.row()["state"], ledger.row()["message_ids"]) == ("accepted", '["311"]')


@pytest.mark.parametrize("added", ["2030-01-31T09:00:00", "yesterday", None, [1]], ids=str)
async def test_a_campaign_whose_record_has_no_readable_time_is_found_by_its_id(added: object, ledger: Place) -> None:
    service = Service(send=good(a_campaign(status=None)), records=lambda _: [a_campaign(date_added=added)])
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(88))
    assert envelope.successful, envelope


async def test_a_campaign_that_cannot_be_found_keeps_its_answer(ledger: Place) -> None:
    """The agent needs the id in it."""
    data = {"campaign": a_campaign()}
    async with calling(Service(send=good(data)), ledger) as call:
        envelope = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(88))
    assert envelope.error.startswith("OUTCOME UNKNOWN: the answer has an unknown shape.")
    assert json.loads(envelope.data)["data"] == data


async def test_a_lost_campaign_is_shown_as_clicksend_shows_one(ledger: Place) -> None:
    service = Service(send=answer(200), records=lambda _: [a_campaign(date_added=2**40)])
    async with calling(service, ledger) as call:
        envelope = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(88))
    assert envelope.successful, envelope
    assert json.loads(envelope.data)["data"]["sms_campaign_id"] == 311


# --- the repeat of a send that was not found ---------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "arguments", "where", "how"),
    [
        ("CREATE_SMS_SEND", sms(), "CLICKSEND_GET_SMS_HISTORY", "give another custom_string"),
        ("CREATE_SMS_CAMPAIGNS_SEND", campaign(88), "CLICKSEND_GET_SMS_CAMPAIGNS3", "give another name"),
        ("CREATE_MMS_SEND", MMS, "the ClickSend dashboard", "give another custom_string"),
    ],
)
async def test_the_repeat_of_a_send_that_was_not_found_is_answered_with_what_is_known_and_two_ways_on(
    slug: str, arguments: dict[str, Any], where: str, how: str, ledger: Place
) -> None:
    """Advice about a second copy made agents go round in circles."""
    service = Service(send=answer(500, b"<html>", kind="text/html"))
    async with calling(service, ledger) as call:
        first = await call(slug, **arguments)
        ledger.age(45)
        again = await call(slug, **arguments)
    assert f"do not call again before you have looked in {where}" in first.error
    for error in (first.error, again.error):
        assert "Two ways on: look in " + where in error
        assert how in error
        assert "second copy" not in error
    assert again.error.startswith(
        "The same call was made 45 s ago and its outcome is unknown, so it was not sent again."
    )
    assert "ClickSend's records do not show it so far" in again.error
    assert "held back for another 555 s" in again.error
    assert again.error.endswith("Nothing was sent by this call.")
    assert len(service.sent) == 1


async def test_the_repeat_is_answered_with_what_the_records_show_of_it(ledger: Place) -> None:
    service = Service(send=good(None), records=history("A-1"))
    async with calling(service, ledger) as call:
        await call("CREATE_SMS_SEND", **sms(ANA, BO))
        again = await call("CREATE_SMS_SEND", **sms(ANA, BO))
    assert "1 are in ClickSend's records (A-1), 1 not yet." in again.error


# --- a real process ---------------------------------------------------------------------------------


async def test_a_real_server_reports_a_status_nobody_knows(ledger: Place) -> None:
    service = Service(send=UNCLEAR["another word"])
    async with scripted(service.talk) as upstream:
        service.url = upstream.url
        environment = {**account(service, ledger), "CLICKSEND_MCP_RECONCILE_AFTER": "0"}  # type: ignore[arg-type]
        async with host(**environment) as agent:
            first = await agent.call("CREATE_SMS_SEND", sms())
            again = await agent.call("CREATE_SMS_SEND", sms())
    assert (
        "Neither accepted nor refused (queued_count is 1, and 0 have the status SUCCESS): +61491570156"
        in first["error"]
    )
    assert "Queued: OUTCOME UNKNOWN for those." in first["error"]
    assert "its outcome is unknown" in again["error"]
    assert len(service.sent) == 1
