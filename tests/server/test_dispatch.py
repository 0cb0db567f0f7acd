"""One call's journey: what the envelope says when ClickSend refuses, fails, or accepts only a part."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from support.inputs import BAD, GOOD
from support.scripted import (
    Script,
    answer,
    drops,
    envelope,
    good,
    keeps_silent,
    refusal,
    says,
    says_and_closes,
    scripted,
)

from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.settings import Settings, from_environment
from tools.action import Action, Effect
from tools.catalog import catalog

pytestmark = pytest.mark.anyio

READ = "CLICKSEND_GET_ACCOUNT"
SEND = "CLICKSEND_CREATE_SMS_SEND"
CREATE = "CLICKSEND_CREATE_LISTS"
DELETE = "CLICKSEND_DELETE_LISTS"
CANCEL = "CLICKSEND_SMS_CAMPAIGNS_CANCEL_BY_SMS_CAMPAIGN_ID_PUT"


async def call(settings: Settings, slug: str, arguments: dict[str, Any] | None = None) -> Envelope:
    async with Dispatcher(settings) as dispatcher:
        return await dispatcher.call(catalog()[slug], GOOD[slug] if arguments is None else arguments)


async def failure(script: Script, slug: str, arguments: dict[str, Any] | None = None, **settings: Any) -> str:
    """The error of a call that has to fail after exactly one request."""
    async with scripted(script) as upstream:
        result = await call(upstream.settings(**settings), slug, arguments)
    assert len(upstream.requests) == 1
    assert not result.successful
    assert result.error
    return result.error


async def every_action(script: Script | None) -> list[tuple[str, Action, Envelope]]:
    """Each action's envelope, from one server; no script means that nobody listens."""
    async with scripted(script or drops) as upstream:
        settings = upstream.settings()
        if script:
            return await _every_action(settings)
    return await _every_action(settings)


async def _every_action(settings: Settings) -> list[tuple[str, Action, Envelope]]:
    async with Dispatcher(settings) as dispatcher:
        return [(slug, action, await dispatcher.call(action, GOOD[slug])) for slug, action in catalog().items()]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, the words for it, and whether ClickSend may have acted."""

    id: str
    script: Script
    words: str
    may_have_acted: bool


HTML = b"<html>Oops</html>"
FAULTS = (
    Fault("dropped", drops, "the connection broke", True),
    Fault("closed", says_and_closes(b""), "closed before the answer was complete", True),
    Fault("silent", keeps_silent, "the answer did not come in time", True),
    Fault("HTML", says(answer(200, HTML, kind="text/html")), "HTTP 200 with a body that is no JSON object", True),
    Fault("empty", says(answer(200)), "HTTP 200 with an empty body", True),
    Fault("array", says(answer(200, [])), "no JSON object", True),
    Fault("no data", says(answer(200, {"http_code": 200, "response_code": "SUCCESS"})), "unknown shape", True),
    Fault("500", says(refusal(500, "INTERNAL_SERVER_ERROR")), "HTTP 500, a fault on ClickSend's side", True),
    Fault("502", says(answer(502, HTML, kind="text/html")), "HTTP 502, a fault on ClickSend's side", True),
    Fault("503", says(answer(503, HTML, kind="text/html")), "HTTP 503, a fault on ClickSend's side", True),
    Fault("503 with a time", says(answer(503, HTML, "Retry-After: 9")), "HTTP 503, a fault on ClickSend's side", True),
    Fault("fault inside 200", says(answer(200, envelope(None, 200, "INTERNAL_ERROR"))), "INTERNAL_ERROR: Well.", True),
    Fault("400", says(refusal(400, "BAD_REQUEST")), "refused with HTTP 400 (BAD_REQUEST: No.)", False),
    Fault("401", says(refusal(401, "UNAUTHORIZED")), "correct the ClickSend username and API key", False),
    Fault("403", says(refusal(403, "FORBIDDEN")), "not this account's", False),
    Fault("404", says(refusal(404, "NOT_FOUND")), "nothing with this id", False),
    Fault("405", says(refusal(405, "NOT_FOUND")), "same input will not help", False),
    Fault("429", says(refusal(429, "TOO_MANY", "Retry-After: 39")), "call again in 39 s", False),
    Fault("429 without a time", says(refusal(429, "TOO_MANY")), "call again in a minute", False),
    Fault("redirect", says(answer(302, None, "Location: https://elsewhere.example/")), "CLICKSEND_BASE_URL", True),
    Fault("403 HTML", says(answer(403, HTML, kind="text/html")), "before it reached ClickSend's API", False),
    Fault("407 HTML", says(answer(407, HTML, kind="text/html")), "a firewall or a proxy", False),
    Fault("401 inside 200", says(answer(200, envelope(None, 401, "UNAUTHORIZED"))), "CLICKSEND_API_KEY", False),
    Fault("no credit", says(answer(200, envelope(None, 200, "INSUFFICIENT_CREDIT"))), "top up the account", False),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
async def test_a_failed_read_never_speaks_of_sending(fault: Fault) -> None:
    error = await failure(fault.script, READ, read_timeout=0.3)
    assert fault.words in error
    assert not any(word in error for word in ("OUTCOME UNKNOWN", "paid", "sent", "Nothing was"))
    assert ("Reading again is safe." in error) is fault.may_have_acted


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
async def test_a_failed_send_says_whether_anything_was_sent(fault: Fault) -> None:
    error = await failure(fault.script, SEND, read_timeout=0.3)
    assert fault.words in error
    assert ("Nothing was sent." in error) is not fault.may_have_acted
    assert ("OUTCOME UNKNOWN" in error) is fault.may_have_acted
    if fault.may_have_acted:
        assert "may have been sent and paid: do not call again before you have looked in" in error
        assert "CLICKSEND_GET_SMS_HISTORY" in error


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
async def test_a_failed_creation_says_whether_anything_was_created(fault: Fault) -> None:
    error = await failure(fault.script, CREATE, read_timeout=0.3)
    assert fault.words in error
    assert ("Nothing was changed." in error) is not fault.may_have_acted
    if fault.may_have_acted:
        assert "OUTCOME UNKNOWN" in error
        assert "may have been created: do not call again before you have looked in CLICKSEND_GET_LISTS" in error


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
async def test_a_failed_deletion_may_be_repeated(fault: Fault) -> None:
    error = await failure(fault.script, DELETE, read_timeout=0.3)
    assert fault.words in error
    assert ("Nothing was changed." in error) is not fault.may_have_acted
    if fault.may_have_acted:
        assert "OUTCOME UNKNOWN" in error
        assert "CLICKSEND_GET_LISTS shows it. Repeating is safe." in error


async def test_every_action_tells_after_a_lost_answer_what_may_have_happened() -> None:
    for slug, action, result in await every_action(drops):
        error = result.error or ""
        if action.effect is Effect.READ:
            assert error == "No usable answer from ClickSend: the connection broke. Reading again is safe.", slug
            continue
        assert error.startswith("OUTCOME UNKNOWN: the connection broke."), slug
        where = action.verified_with or "the ClickSend dashboard"
        assert where in error, slug
        assert where == "the ClickSend dashboard" or catalog()[where].effect is Effect.READ, slug


async def test_every_action_tells_that_an_unreachable_clicksend_did_nothing() -> None:
    consequences = {Effect.READ: "", Effect.SEND: " Nothing was sent."}
    for slug, action, result in await every_action(None):
        error = result.error or ""
        assert error.startswith("ClickSend could not be reached: 127.0.0.1:"), slug
        consequence = consequences.get(action.effect, " Nothing was changed.")
        assert error.endswith(f" refuses connections.{consequence} Calling again later is safe."), slug


async def test_an_answer_without_content_is_success_only_where_no_price_was_to_be_named() -> None:
    for slug, action, result in await every_action(says(b"HTTP/1.1 204 No Content\r\n\r\n")):
        if action.effect in (Effect.WRITE, Effect.DELETE):
            assert result == Envelope.success(""), slug
        else:
            assert not result.successful, slug
            assert ("OUTCOME UNKNOWN" in (result.error or "")) is (action.effect is Effect.SEND), slug


async def test_bad_input_leaves_nothing_on_the_wire() -> None:
    async with scripted(says(good({}))) as upstream, Dispatcher(upstream.settings()) as dispatcher:
        for slug, action in catalog().items():
            result = await dispatcher.call(action, BAD[slug])
            assert (result.successful, result.data) == (False, ""), slug
            assert "no_such_input" in (result.error or ""), slug
            assert "MARK" not in (result.error or ""), slug
    assert upstream.connections == 0


async def test_bad_input_says_that_nothing_was_sent() -> None:
    async with scripted(says(good({}))) as upstream:
        result = await call(upstream.settings(), SEND, {"messages": []})
    assert result.error == "Wrong input: messages must have at least 1 item. Nothing was sent."


async def test_a_problem_of_the_settings_is_the_answer_to_every_action() -> None:
    needed = "No ClickSend credentials: set CLICKSEND_USERNAME and CLICKSEND_API_KEY in the environment"
    for slug, _, result in await _every_action(from_environment({})):
        assert not result.successful, slug
        assert (result.error or "").startswith(needed), slug
    async with scripted(says(good({}))) as upstream:
        await _every_action(upstream.settings(config_error="CLICKSEND_BASE_URL must be https"))
    assert upstream.connections == 0


async def test_every_form_of_arguments_comes_back_as_an_envelope() -> None:
    async with scripted(says(good({}))) as upstream:
        for arguments in ({"\ud800": 1}, {"": {}}, {"messages": {"a": "b"}}, {"messages": [[[]]]}, {"messages": None}):
            result = await call(upstream.settings(), SEND, arguments)
            assert not result.successful
            assert Envelope.model_validate_json(result.model_dump_json()) == result
    assert upstream.connections == 0


async def test_a_fault_inside_this_server_is_an_envelope_too(caplog: pytest.LogCaptureFixture) -> None:
    deep: Any = "MARK" * 20_000
    for _ in range(600):
        deep = [deep]  # can be parsed, but not walked through to shorten it
    error = await failure(says(good(deep)), CREATE)
    assert error.startswith("OUTCOME UNKNOWN: a fault inside this server.")
    assert "RecursionError" in caplog.text
    assert "MARK" not in caplog.text


async def test_a_very_long_refusal_does_not_flood_the_error() -> None:
    error = await failure(says(answer(400, envelope(None, 400, "BAD_REQUEST", "long " * 100_000))), SEND)
    assert "BAD_REQUEST: long long" in error
    assert "Nothing was sent." in error
    assert len(error) < 2_000


# --- answers that accept a part ------------------------------------------------------------------


def messages(*statuses: str) -> list[dict[str, Any]]:
    return [{"to": f"+6140000000{n}", "message_id": str(n), "status": status} for n, status in enumerate(statuses)]


def to_send(count: int) -> dict[str, Any]:
    return {"messages": [{"to": f"+6140000000{n}", "body": "Hello"} for n in range(count)]}


MIXED = messages("SUCCESS", "INVALID_RECIPIENT", "SUCCESS", "COUNTRY_NOT_ENABLED", "SUCCESS")
NONE = messages("INVALID_RECIPIENT", "INSUFFICIENT_CREDIT")


async def test_all_accepted_is_success() -> None:
    content = {"messages": messages("SUCCESS", "SUCCESS"), "total_price": 0.1584}
    async with scripted(says(good(content))) as upstream:
        result = await call(upstream.settings(), SEND, to_send(2))
    assert (result.successful, result.error) == (True, None)
    assert json.loads(result.data) == envelope(content)


async def test_a_partial_send_says_how_many_must_not_be_sent_again_and_lists_the_others() -> None:
    async with scripted(says(good({"messages": MIXED}))) as upstream:
        result = await call(upstream.settings(), SEND, to_send(5))
    assert not result.successful
    assert result.error == (
        "3 of 5 were accepted and queued: do NOT send those again. "
        "Refused: +61400000001: INVALID_RECIPIENT (not a number that can get it); "
        "+61400000003: COUNTRY_NOT_ENABLED (this country is off: a person can switch it on in the ClickSend dashboard)."
    )
    assert json.loads(result.data)["data"]["messages"] == MIXED


async def test_a_send_of_which_nothing_was_accepted_says_that_nothing_was_sent() -> None:
    error = await failure(says(good({"messages": NONE})), SEND, to_send(2))
    assert error.startswith("0 of 2 were accepted. Nothing was sent. Refused: ")
    assert "+61400000001: INSUFFICIENT_CREDIT (the balance is too low" in error


async def test_messages_that_the_answer_does_not_mention_are_unknown() -> None:
    error = await failure(says(good({"messages": messages("SUCCESS", "THROTTLED")})), SEND, to_send(5))
    assert error.startswith("1 of 5 were accepted and queued: do NOT send those again.")
    assert "does not mention 3: OUTCOME UNKNOWN for those." in error


async def test_an_answer_that_mentions_nobody_does_not_say_that_nothing_was_sent() -> None:
    error = await failure(says(good({"messages": []})), SEND, to_send(2))
    assert error.startswith("0 of 2 were accepted.")
    assert "Nothing was sent" not in error
    assert "OUTCOME UNKNOWN" in error


@pytest.mark.parametrize(
    "content",
    [None, [], "queued", {}, {"messages": None}, {"messages": {}}, {"messages": ["SUCCESS"]}],
    ids=json.dumps,
)
async def test_a_send_whose_answer_has_another_shape_is_unknown(content: object) -> None:
    error = await failure(says(good(content)), SEND)
    assert error.startswith("OUTCOME UNKNOWN: the answer has an unknown shape.")


async def test_prices_are_priced_and_not_sent() -> None:
    error = await failure(says(good({"messages": MIXED})), "CLICKSEND_SMS_PRICE_POST", to_send(5))
    assert error.startswith("3 of 5 could be priced. Refused: +61400000001")
    assert "again" not in error
    assert "Nothing was sent" not in error


async def test_refused_letters_are_listed_by_name() -> None:
    slug = "CLICKSEND_CREATE_POST_LETTERS_SEND"
    (recipient,) = GOOD[slug]["recipients"]
    arguments = GOOD[slug] | {"recipients": [recipient, recipient | {"address_name": "Bo"}]}
    rows = [{"address_name": "Ana", "status": "SUCCESS"}, {"address_name": "Bo", "status": "INSUFFICIENT_CREDIT"}]
    error = await failure(says(good({"recipients": rows})), slug, arguments)
    assert error.startswith(
        "1 of 2 were accepted and queued: do NOT send those again. Refused: Bo: INSUFFICIENT_CREDIT"
    )
    assert "a person has to top up the account" in error


async def test_many_refused_are_named_up_to_a_limit() -> None:
    rows = [{"to": f"+61400000{n:03}", "status": "THROTTLED"} for n in range(50)]
    error = await failure(says(good({"messages": rows})), SEND)
    assert error.count("+61400000") == 20
    assert "and 30 more (in data): THROTTLED (the same text went to this number moments ago)" in error


@pytest.mark.parametrize("slug", ["CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND", "CLICKSEND_UPDATE_SMS_CAMPAIGNS"])
@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Draft"])
async def test_a_campaign_that_will_not_go_out_is_no_success(slug: str, status: str) -> None:
    error = await failure(says(good({"sms_campaign_id": 311, "status": status})), slug)
    assert error == f"0 of 1 were accepted. Nothing was sent. Refused: campaign 311: {status}."


@pytest.mark.parametrize("status", ["Queued", "Scheduled", "Sending", "Sent", "Approved", "WaitApproval"])
async def test_a_campaign_that_goes_out_is_success(status: str) -> None:
    async with scripted(says(good({"sms_campaign_id": 311, "status": status}))) as upstream:
        assert (await call(upstream.settings(), "CLICKSEND_CREATE_SMS_CAMPAIGNS_SEND")).successful


async def test_cancelling_a_campaign_is_success_when_it_is_cancelled() -> None:
    async with scripted(says(good({"sms_campaign_id": 311, "status": "Cancelled"}))) as upstream:
        assert (await call(upstream.settings(), CANCEL)).successful


@pytest.mark.parametrize("status", ["Sent", "Scheduled"])
async def test_cancelling_a_campaign_is_no_success_as_long_as_it_is_not_cancelled(status: str) -> None:
    error = await failure(says(good({"sms_campaign_id": 311, "status": status})), CANCEL)
    assert error == f"It was not done. Refused: campaign 311: {status}."


@pytest.mark.parametrize("status", ["", None, "cancelled", 7])
async def test_a_cancelled_campaign_of_unknown_status_is_neither_cancelled_nor_not(status: object) -> None:
    """Only documented statuses tell."""
    error = await failure(says(good({"sms_campaign_id": 311, "status": status})), CANCEL)
    assert error.startswith(f"Neither accepted nor refused: campaign 311: {status}: OUTCOME UNKNOWN for those.")
    assert "CLICKSEND_GET_SMS_CAMPAIGNS3 shows it. Repeating is safe." in error


# --- answers that contradict themselves ----------------------------------------------------------


NO = {
    "400": (400, envelope({"messages": messages("SUCCESS", "SUCCESS")}, 400, "BAD_REQUEST", "No.")),
    "code inside 200": (200, envelope({"messages": messages("SUCCESS", "THROTTLED")}, 200, "THROTTLED", "No.")),
    "400 inside 200": (200, envelope({"messages": messages("THROTTLED", "SUCCESS")}, 400, "BAD_REQUEST", "No.")),
    "an odd status": (400, envelope({"messages": messages("THROTTLED", "Queued")}, 400, "BAD_REQUEST", "No.")),
}


@pytest.mark.parametrize(("status", "content"), NO.values(), ids=NO)
async def test_a_no_that_accepts_messages_all_the_same_is_unknown(status: int, content: dict[str, Any]) -> None:
    async with scripted(says(answer(status, content))) as upstream:
        result = await call(upstream.settings(), SEND, to_send(2))
    assert (result.error or "").startswith("OUTCOME UNKNOWN: the answer says no (")
    assert "accepts messages all the same. It may have been sent and paid" in (result.error or "")
    assert "Nothing was sent" not in (result.error or "")
    assert json.loads(result.data) == content


async def test_a_no_that_accepts_nothing_is_a_no() -> None:
    content = envelope({"messages": messages("THROTTLED", "THROTTLED")}, 400, "BAD_REQUEST", "No.")
    assert "Nothing was sent." in await failure(says(answer(400, content)), SEND, to_send(2))


async def test_a_no_to_a_price_is_a_no_whatever_it_says_of_messages() -> None:
    content = envelope({"messages": messages("SUCCESS")}, 400, "BAD_REQUEST", "No.")
    error = await failure(says(answer(400, content)), "CLICKSEND_SMS_PRICE_POST", to_send(1))
    assert error.startswith("ClickSend refused with HTTP 400 (BAD_REQUEST: No.)")


# --- errors stay short ---------------------------------------------------------------------------


async def test_a_thousand_reasons_do_not_flood_the_error() -> None:
    rows = [{"to": f"+61400000{n:03}", "status": f"REASON_{n}"} for n in range(1000)]
    error = await failure(says(good({"messages": rows})), SEND, to_send(9))
    assert error.count("REASON_") == 10
    assert "and 990 more reasons (in data): OUTCOME UNKNOWN for those." in error
    assert len(error) < 1_500


async def test_a_giant_status_and_a_giant_number_do_not_flood_the_error() -> None:
    rows = [{"to": "+" * 500_000, "status": "S" * 500_000}, {"to": ["x" * 9_999], "status": {"a": "x" * 9_999}}]
    error = await failure(says(good({"messages": rows})), SEND, to_send(2))
    assert "+" * 60 in error
    assert "S" * 60 in error
    assert len(error) < 1_000
