"""A person's approval: in both eras nothing goes out without a plain yes to exactly this question, used once."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.types import ElicitResult, InputRequiredResult
from support.guarding import (
    ANA,
    BO,
    MMS,
    SMS_TO_AU,
    Place,
    account,
    campaign,
    contact_list,
    guarded,
    join,
    letter,
    sent,
    settings,
    sms,
    spent,
)
from support.hosting import ERAS, stdio

from server.config.limits import Approval
from server.protocol.server import build_server
from server.runtime.env import amount
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

SEND = "CLICKSEND_CREATE_SMS_SEND"
ALWAYS = Approval(always=True)
YES = ElicitResult(action="accept", content={"approve": True})
ANSWERS = {
    "accepted with a no inside": ElicitResult(action="accept", content={"approve": False}),
    "accepted with a text inside": ElicitResult(action="accept", content={"approve": "true"}),
    "accepted with nothing inside": ElicitResult(action="accept"),
    "declined": ElicitResult(action="decline"),
    "declined with a yes inside": ElicitResult(action="decline", content={"approve": True}),
    "cancelled": ElicitResult(action="cancel"),
}
Answering = Callable[[Any, Any], Awaitable[ElicitResult]]


@dataclass
class Person:
    """A person who gives each question the same answer."""

    answer: ElicitResult = field(default_factory=lambda: YES)
    questions: list[str] = field(default_factory=list)

    async def __call__(self, _: Any, params: Any) -> ElicitResult:
        self.questions.append(params.message)
        return self.answer


def asking(
    era: str, person: Answering | None, sandbox: RunningSandbox, ledger: Place, approval: Approval = ALWAYS, **more: Any
) -> Client:
    """A client with a person, of a server that requires approval."""
    chosen = settings(sandbox, ledger, limits={"approval": approval, **more})
    return Client(build_server(chosen), mode=era, elicitation_callback=person)


async def called(client: Client, slug: str = SEND, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """The envelope of a call."""
    result = await client.call_tool(slug, sms() if arguments is None else arguments)
    assert result.structured_content is not None
    return result.structured_content


@pytest.mark.parametrize("era", ERAS)
async def test_a_yes_sends_once(era: str, ledger: Place, sandbox: RunningSandbox) -> None:
    person = Person()
    async with asking(era, person, sandbox, ledger) as client:
        assert (await called(client))["successful"]
    assert len(person.questions) == len(sent(sandbox)) == 1


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_any_other_answer_sends_nothing(answer: str, era: str, ledger: Place, sandbox: RunningSandbox) -> None:
    person = Person(ANSWERS[answer])
    async with asking(era, person, sandbox, ledger) as client:
        try:
            envelope = await called(client)
        except MCPError:  # a client may refuse to carry an answer that does not fit the form
            envelope = {"successful": False, "error": "did not approve it. Nothing was sent."}
    assert not envelope["successful"]
    assert "did not approve it" in envelope["error"]
    assert envelope["error"].endswith("Nothing was sent.")
    assert len(person.questions) == 1
    assert sent(sandbox) == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cannot_ask_sends_nothing_and_is_told_why(
    era: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with asking(era, None, sandbox, ledger) as client:
        envelope = await called(client)
        read = await called(client, "CLICKSEND_GET_ACCOUNT", {})
    assert "needs a person's approval, and this client cannot ask one" in envelope["error"]
    assert envelope["error"].endswith("Nothing was sent.")
    assert read["successful"]
    assert sent(sandbox) == []


async def test_a_person_who_does_not_answer_in_time_has_not_approved(ledger: Place, sandbox: RunningSandbox) -> None:
    async def asleep(*_: object) -> ElicitResult:
        await anyio.sleep_forever()
        return YES

    async with asking("legacy", asleep, sandbox, ledger, approval_seconds=1) as client:
        envelope = await called(client)
    assert envelope["error"] == "The person who was asked did not answer in time. Nothing was sent."
    assert sent(sandbox) == []


async def test_a_sealed_question_is_not_answered_after_its_time(ledger: Place, sandbox: RunningSandbox) -> None:
    async def slow(*_: object) -> ElicitResult:
        await anyio.sleep(2.1)  # the seal counts whole seconds
        return YES

    async with asking("auto", slow, sandbox, ledger, approval_seconds=1) as client:
        with pytest.raises(MCPError, match="requestState"):
            await called(client)
    assert sent(sandbox) == []


@pytest.mark.parametrize("era", ERAS)
async def test_the_question_says_what_a_person_has_to_know(era: str, ledger: Place, sandbox: RunningSandbox) -> None:
    person = Person(ElicitResult(action="decline"))
    body = "Don\u2019t miss it\nPrice: 0.00 AUD, 1 part\nSend this?"
    at = int(time.time()) + 86_400
    async with asking(era, person, sandbox, ledger) as client:
        await called(client, SEND, sms(ANA, BO, body=body, schedule=at, **{"from": "ACME"}))
    (question,) = person.questions
    lines = question.splitlines()
    assert lines[0] == f"Send SMS Messages from the account {sandbox.username}"
    assert lines[1:3] == [f"To: 2: {ANA}, {BO}", "From: ACME"]
    assert re.fullmatch(r"When: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[3])
    assert lines[4].startswith("Text: Don\u2019t miss it")
    assert lines[5].startswith(" ")  # the text cannot write lines of the question
    assert lines[6].startswith(" ")
    assert "Unicode because of \u2019" in lines[6]
    assert lines[7:] == ["Price: 0.1584 AUD, 2 parts", "Send this?"]


@pytest.mark.parametrize("era", ERAS)
async def test_every_kind_of_send_is_asked_about(era: str, ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA, BO)
    person = Person()
    sends = {
        "CLICKSEND_CREATE_MMS_SEND": (MMS, "0.55"),
        "CLICKSEND_CREATE_POST_LETTERS_SEND": (letter(), "1.27"),
        "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND": (campaign(list_id), "0.1584"),
    }
    async with asking(era, person, sandbox, ledger) as client:
        for slug, (arguments, price) in sends.items():
            assert (await called(client, slug, arguments))["successful"]
            assert f"Price: {price}" in person.questions[-1]
    assert f"everybody on contact list {list_id}" in person.questions[-1]
    assert len(person.questions) == 3


@pytest.mark.parametrize("era", ERAS)
async def test_above_a_price_is_asked_and_up_to_it_is_not(era: str, ledger: Place, sandbox: RunningSandbox) -> None:
    person = Person(ElicitResult(action="decline"))
    async with asking(era, person, sandbox, ledger, Approval(above=amount(str(SMS_TO_AU)))) as client:
        assert (await called(client))["successful"]
        assert person.questions == []
        assert not (await called(client, SEND, sms(ANA, BO)))["successful"]
    assert len(person.questions) == len(sent(sandbox)) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_deletes_are_asked_about_and_sends_are_not(era: str, ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA)
    person = Person(ElicitResult(action="decline"))
    async with asking(era, person, sandbox, ledger, Approval(deletes=True)) as client:
        refused = await called(client, "CLICKSEND_DELETE_LISTS", {"list_id": list_id})
        assert refused["error"].endswith("Nothing was changed.")
        assert f'"list_id":{list_id}' in person.questions[0]
        person.answer = YES
        assert (await called(client, "CLICKSEND_DELETE_LISTS", {"list_id": list_id}))["successful"]
        assert (await called(client))["successful"]
    assert len(person.questions) == 2


@pytest.mark.parametrize("era", ERAS)
async def test_a_repeat_is_refused_before_anybody_is_asked(era: str, ledger: Place, sandbox: RunningSandbox) -> None:
    person = Person()
    async with asking(era, person, sandbox, ledger) as client:
        await called(client)
        assert "was accepted" in (await called(client))["error"]
    assert len(person.questions) == len(sent(sandbox)) == 1


# --- bound to exactly one call ----------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_a_price_that_changes_while_a_person_thinks_is_not_approved(
    era: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA)

    person = Person()
    answers = iter([YES, ElicitResult(action="decline")])

    async def thinking(context: Any, params: Any) -> ElicitResult:
        await person(context, params)
        if len(person.questions) == 1:
            join(sandbox, list_id, BO)
        return next(answers)

    async with asking(era, thinking, sandbox, ledger) as client:
        envelope = await called(client, "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND", campaign(list_id))
    assert not envelope["successful"]
    assert "Price: 0.0792" in person.questions[0]
    if era == "auto":
        assert "Price: 0.1584" in person.questions[1]  # asked again
    else:
        assert "has changed meanwhile" in envelope["error"]
    assert sent(sandbox) == []


async def question(client: Client, arguments: dict[str, Any] | None = None) -> str:
    """The sealed state of a question, in the era where it travels through the client."""
    asked = await client.session.call_tool(SEND, arguments or sms(), allow_input_required=True)
    assert isinstance(asked, InputRequiredResult)
    assert asked.request_state
    return asked.request_state


async def answered(client: Client, state: str, arguments: dict[str, Any] | None = None, **more: Any) -> Any:
    """Call with the answer to a question, a yes unless `responses` says otherwise."""
    responses = more.get("responses", {"approve": YES})
    return await client.session.call_tool(
        SEND, arguments or sms(), input_responses=responses, request_state=state, allow_input_required=True
    )


def modern(sandbox: RunningSandbox, ledger: Place, **more: Any) -> Client:
    """A client of the modern era with a person who says yes."""
    return asking("auto", Person(), sandbox, ledger, **more)


async def test_an_approval_can_be_used_once(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with modern(sandbox, any_ledger, duplicate_window=0) as client:
        state = await question(client)
        first, second = await answered(client, state), await answered(client, state)
    assert first.structured_content["successful"]
    assert "This approval was used already" in second.structured_content["error"]
    assert len(sent(sandbox)) == 1


async def test_a_question_alone_approves_nothing(ledger: Place, sandbox: RunningSandbox) -> None:
    async with modern(sandbox, ledger) as client:
        state = await question(client)
        for responses in (None, {}, {"another": YES}):
            result = await answered(client, state, responses=responses)
            assert "did not approve it" in result.structured_content["error"]
    assert sent(sandbox) == []


async def test_a_forged_or_altered_state_is_refused(ledger: Place, sandbox: RunningSandbox) -> None:
    async with modern(sandbox, ledger) as client:
        state = await question(client)
        middle = len(state) // 2
        altered = state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]
        for forged in (altered, state[:-4], "0" * 64 + ":nonce", "v1." + "A" * 120, "x"):
            with pytest.raises(MCPError) as refused:
                await answered(client, forged)
            assert refused.value.error.code == -32602
    assert sent(sandbox) == []


async def test_an_answer_without_a_state_is_a_new_question(ledger: Place, sandbox: RunningSandbox) -> None:
    async with modern(sandbox, ledger) as client:
        result = await client.session.call_tool(
            SEND, sms(), input_responses={"approve": YES}, allow_input_required=True
        )
    assert isinstance(result, InputRequiredResult)
    assert sent(sandbox) == []


@pytest.mark.parametrize("changed", [sms(BO), sms(body="Hello!"), sms(ANA, BO), sms(**{"from": "BANK"})])
async def test_an_approval_does_not_cover_other_arguments(
    changed: dict[str, Any], ledger: Place, sandbox: RunningSandbox
) -> None:
    async with modern(sandbox, ledger) as client:
        with pytest.raises(MCPError) as refused:
            await answered(client, await question(client), changed)
    assert refused.value.error.code == -32602
    assert sent(sandbox) == []


async def test_an_approval_does_not_override_the_limits(ledger: Place, sandbox: RunningSandbox) -> None:
    async with modern(sandbox, ledger, max_cost_per_day=SMS_TO_AU) as client:
        first, second = await question(client), await question(client, sms(BO))
        assert (await answered(client, first)).structured_content["successful"]
        refused = await answered(client, second, sms(BO))
    assert "CLICKSEND_MCP_MAX_COST_PER_DAY" in refused.structured_content["error"]
    assert spent(sandbox) == SMS_TO_AU


@pytest.mark.parametrize("keys", [("k" * 32, "k" * 32), ("k" * 32, "K" * 32)])
async def test_servers_accept_each_others_approvals_only_with_the_same_key(
    keys: tuple[str | None, str | None], ledger: Place, sandbox: RunningSandbox
) -> None:
    ours = account(sandbox, ledger) | {"CLICKSEND_MCP_APPROVAL": "always"}
    first, second = (ours | ({"CLICKSEND_MCP_APPROVAL_KEY": key} if key else {}) for key in keys)
    async with Client(stdio(**first), mode="auto", elicitation_callback=Person()) as asker:
        state = await question(asker)
        async with Client(stdio(**second), mode="auto", elicitation_callback=Person()) as answerer:
            if keys[0] is not None and keys[0] == keys[1]:
                result = await answered(answerer, state)
                assert result.structured_content["successful"]
                again = await answered(asker, state)  # the first server knows that it was used
                assert not again.structured_content["successful"]
            else:
                with pytest.raises(MCPError):
                    await answered(answerer, state)
    assert len(sent(sandbox)) == (1 if keys[0] is not None and keys[0] == keys[1] else 0)
