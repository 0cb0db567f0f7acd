"""The question to a person: it shows all that is sent, cleaned and bounded, and the yes is bound to exactly that."""

import json
import time
from typing import Any

import pytest
from support.guarding import (
    ANA,
    BO,
    MMS,
    Place,
    campaign,
    contact_list,
    control,
    data,
    guarded,
    join,
    letter,
    sent,
    settings,
    sms,
)

from server.calls.dispatch import Dispatcher
from server.config.limits import Approval
from server.guard.decisions import Approved, Question
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

ALWAYS = {"approval": Approval(always=True, deletes=True)}


async def asked(call: Any, slug: str, **arguments: Any) -> str:
    """The text of the question that a call leads to."""
    question = await call(slug, **arguments)
    assert isinstance(question, Question), question
    return question.text


async def test_every_field_that_is_sent_is_in_the_question(ledger: Place, sandbox: RunningSandbox) -> None:
    """Links, reply addresses, references, pictures and all lines of an address."""
    async with guarded(sandbox, ledger, **ALWAYS) as call:
        list_id = await contact_list(call, ANA)
        text = await asked(
            call,
            "CREATE_SMS_SEND",
            **sms(from_email="boss@example.com", custom_string="order-7", source="shop", country="AU"),
        )
        for part in ("from_email boss@example.com", "custom_string order-7", "source shop", "country AU"):
            assert part in text
        text = await asked(
            call,
            "UPDATE_SMS_CAMPAIGNS",
            **campaign(
                list_id, sms_campaign_id=311, body="See smsg.io/xxxxx", url_to_shorten="https://a.example/x?y=1"
            ),
        )
        for part in ("sms_campaign_id 311", "url_to_shorten https://a.example/x?y=1", "name Sale"):
            assert part in text
        assert f"everybody on contact list {list_id}, 1 contacts" in text
        text = await asked(call, "CREATE_MMS_SEND", **{**MMS, "media_file": f"https://files.example/{'m' * 900}.gif"})
        assert f"media_file https://files.example/{'m' * 900}.gif" in text
        assert "subject Menu" in text
        text = await asked(
            call, "CREATE_POST_LETTERS_SEND", **letter(address_line_2="Unit 7", custom_string="inv-9"), priority_post=1
        )
        for part in ("address_line_2 Unit 7", "address_postal_code 6000", "return_address_id 1001", "priority_post 1"):
            assert part in text
    assert sent(sandbox) == []


async def test_each_of_many_recipients_and_texts_is_in_the_question(ledger: Place, sandbox: RunningSandbox) -> None:
    """It says who gets which text from whom, and nobody is merely counted."""
    messages = [{"to": f"+614915701{n:02}", "body": f"Hello {n}", "custom_string": f"c{n}"} for n in range(25)]
    async with guarded(sandbox, ledger, **ALWAYS) as call:
        text = await asked(call, "CREATE_SMS_SEND", messages=messages)
    lines = text.splitlines()
    for number, message in enumerate(messages):
        place = lines.index(f"To: 1: {message['to']}")
        assert lines[place + 3] == f"Text: Hello {number} (1 part each)"
        assert f"Also for {message['to']}: custom_string c{number}" in lines
    assert " more" not in text


async def test_what_does_not_fit_into_a_question_cannot_be_approved(ledger: Place, sandbox: RunningSandbox) -> None:
    """Nobody reads a thousand numbers."""
    messages = [{"to": f"+6149157{n:04}", "body": "Hello"} for n in range(1000)]
    async with guarded(sandbox, ledger, **ALWAYS) as call:
        envelope = await call("CREATE_SMS_SEND", messages=messages)
    assert "does not fit into one question" in envelope.error
    assert "split it into several calls" in envelope.error
    assert envelope.error.endswith("Nothing was sent.")
    assert sent(sandbox) == []


@pytest.mark.parametrize("odd", ["\u202eevil", "a\u2028To: 1: +1", "a\u2029b", "a\x85b", "a\x1b[31mb", "x\u200by"])
async def test_no_field_can_write_a_line_of_the_question(odd: str, ledger: Place, sandbox: RunningSandbox) -> None:
    """Neither of a send nor of a deletion."""
    async with guarded(sandbox, ledger, **ALWAYS) as call:
        send = await asked(call, "CREATE_SMS_SEND", **sms(custom_string=odd, source=odd))
        delete = await asked(call, "SMS_CANCEL_ALL_PUT", custom_string=odd)
    for text in (send, delete):
        assert not set(text) & set("\u202e\u2028\u2029\x85\u200b")
        assert not [line for line in text.split("\n") if line.startswith("To: 1: +1")]


@pytest.mark.parametrize("more", [{}, {"max_recipients": 5}], ids=["approval alone", "and a limit"])
async def test_a_list_that_was_swapped_between_question_and_yes_is_not_sent_to(
    more: dict[str, Any], ledger: Place, sandbox: RunningSandbox
) -> None:
    """The yes is bound to the recipients."""
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA)
    async with guarded(sandbox, ledger, **ALWAYS, **more) as call:
        question = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id))
        contact = data(await call("GET_LISTS_CONTACTS", list_id=list_id))["data"][0]["contact_id"]
    async with guarded(sandbox, ledger) as call:
        data(await call("DELETE_LISTS_CONTACTS", list_id=list_id, contact_id=contact))
    join(sandbox, list_id, BO)
    action = catalog()["CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND"]
    async with Dispatcher(settings(sandbox, ledger, limits={**ALWAYS, **more})) as dispatcher:
        again = await dispatcher.call(action, campaign(list_id), Approved(question.token))
    assert isinstance(again, Question)
    assert again.token != question.token
    assert sent(sandbox) == []


async def test_a_yes_covers_the_request_to_the_letter(ledger: Place, sandbox: RunningSandbox) -> None:
    """Even if two requests are one call to the ledger."""
    async with guarded(sandbox, ledger, **ALWAYS) as call:
        questions = [await call("CREATE_SMS_SEND", **sms(**more)) for more in ({}, {"source": "a"}, {"body": "Hello "})]
    assert len({question.token for question in questions}) == 3


async def test_no_field_looks_like_another(ledger: Place, sandbox: RunningSandbox) -> None:
    """Each has a line of its own."""
    async with guarded(sandbox, ledger, **ALWAYS) as call:
        text = await asked(call, "CREATE_SMS_SEND", **sms(custom_string="a; from_email b@example.com"))
    assert "Also: custom_string a; from_email b@example.com" in text.splitlines()


async def test_a_scheduled_campaign_says_that_its_list_may_change(ledger: Place, sandbox: RunningSandbox) -> None:
    """It goes to anyone who is on the list then."""
    async with guarded(sandbox, ledger, approval=Approval(always=True)) as call:
        list_id = await contact_list(call, ANA)
        text = await asked(call, "CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id, schedule=int(time.time()) + 3600))
    assert f"everybody on contact list {list_id}, 1 contacts now, and whoever is on it then" in text


async def test_a_deletion_is_asked_about_with_what_it_names(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, **ALWAYS) as call:
        text = await asked(call, "DELETE_LISTS_CONTACTS", list_id=88, contact_id=9)
    assert text == 'Delete Contact from List {"list_id":88,"contact_id":9}\nFor good?'
    assert json.loads(text.split(" List ")[1].split("\n")[0]) == {"list_id": 88, "contact_id": 9}
    assert control(sandbox, "GET", "sent")["sent"] == []
