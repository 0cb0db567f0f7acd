"""The ledger: each send is recorded before it departs, with its outcome afterwards, and without private text."""

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.guarding import (
    ANA,
    BO,
    MMS,
    SMS_TO_AU,
    Place,
    account,
    campaign,
    contact_list,
    control,
    data,
    dispatching,
    fault,
    guarded,
    hosts,
    letter,
    sent,
    settings,
    sms,
)
from support.scripted import drops, good, says_when_released, scripted

from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

MARK = "MARK-of-a-private-text"
UNUSABLE = "+61400990404"  # the sandbox refuses it


async def test_a_send_is_recorded_before_it_departs(any_ledger: Place) -> None:
    accepted = good({"messages": [{"to": ANA, "status": "SUCCESS", "message_id": "ID-1"}], "total_price": 0.0792})
    async with scripted(says_when_released(accepted)) as upstream:
        chosen = settings(_Account(upstream.url), any_ledger)
        async with dispatching(chosen) as call, anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: call("CREATE_SMS_SEND", **sms()))
            await upstream.wait(upstream.arrived)
            started = any_ledger.row()
            upstream.released.set()
    assert (started["state"], started["action"], started["recipients"]) == ("started", "CLICKSEND_CREATE_SMS_SEND", 1)
    ended = any_ledger.row()
    assert (ended["state"], ended["message_ids"], ended["cost"]) == ("accepted", '["ID-1"]', 79_200)


@dataclass(frozen=True)
class _Account:
    """As much of a sandbox as settings need."""

    url: str
    username: str = "ana-of-acme"
    api_key: str = "5EC2E7-of-ana"


@dataclass(frozen=True)
class Ending:
    """A send, and its outcome in the ledger."""

    id: str
    slug: str
    arguments: dict[str, Any]
    state: str
    ids: int
    cost: str | None  # in the account's currency
    recipients: int = 1
    fault: dict[str, Any] = field(default_factory=dict)


ENDINGS = (
    Ending("accepted", "CREATE_SMS_SEND", sms(ANA, BO), "accepted", 2, "0.1584", 2),
    Ending("partly", "CREATE_SMS_SEND", sms(ANA, UNUSABLE), "partly", 1, "0.0792", 2),
    Ending("refused each", "CREATE_SMS_SEND", sms(UNUSABLE), "refused", 0, "0"),
    Ending("refused whole", "CREATE_SMS_SEND", sms(), "refused", 0, "0", fault={"kind": "status", "status": 400}),
    Ending("took nothing on", "CREATE_SMS_SEND", sms(), "refused", 0, "0", fault={"kind": "status", "status": 429}),
    Ending("lost", "CREATE_SMS_SEND", sms(), "unknown", 0, None, fault={"kind": "drop"}),
    Ending("mms", "CREATE_MMS_SEND", MMS, "accepted", 1, "0.55"),
    Ending("letter", "CREATE_POST_LETTERS_SEND", letter(), "accepted", 1, "1.27"),
    Ending("found", "CREATE_MMS_SEND", MMS, "accepted", 1, None, fault={"kind": "drop", "when": "after"}),
    Ending("lost letter", "CREATE_POST_LETTERS_SEND", letter(), "unknown", 0, None, fault={"kind": "drop"}),
)


@pytest.mark.parametrize("case", ENDINGS, ids=lambda case: case.id)
async def test_the_outcome_is_recorded_with_ids_and_cost(
    case: Ending, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    if case.fault:
        fault(sandbox, method="POST", **case.fault)
    async with guarded(sandbox, any_ledger) as call:
        await call(case.slug, **case.arguments)
    row = any_ledger.row()
    ids = json.loads(row["message_ids"])
    assert (row["state"], len(ids), row["recipients"]) == (case.state, case.ids, case.recipients)
    assert row["cost"] == (None if case.cost is None else int(float(case.cost) * 1_000_000))
    if case.ids:
        assert ids == [entry["message_id"] for entry in sent(sandbox)]


async def test_a_campaign_is_recorded_with_its_id_and_the_number_of_its_contacts(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, any_ledger) as call:
        list_id = await contact_list(call, ANA, BO)
        made = data(await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id)))
    row = any_ledger.row()
    assert (row["state"], json.loads(row["message_ids"])) == ("accepted", [str(made["sms_campaign_id"])])
    assert row["recipients"] == 2


@pytest.mark.parametrize("keeps", [False, True])
async def test_texts_and_numbers_are_stored_only_on_request(
    keeps: bool, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    private = sms(ANA, UNUSABLE, body=MARK, custom_string=f"{MARK}-reference")
    async with guarded(sandbox, any_ledger, keeps_texts=keeps) as call:
        await call("CREATE_SMS_SEND", **private)
        fault(sandbox, "drop", when="after", path="/v3/sms/send")
        await call("CREATE_SMS_SEND", **sms(BO, body=f"{MARK} again"))
        stored = _everything_in(any_ledger)
    stored += _everything_in(any_ledger)
    for secret in (MARK, ANA, ANA[1:], BO, UNUSABLE):
        assert (secret.encode() in stored) is keeps, secret
    assert sandbox.username.encode() not in stored
    assert sandbox.api_key.encode() not in stored


def _everything_in(ledger: Place) -> bytes:
    """Every byte of a ledger's files, or every value of its tables."""
    if "://" not in ledger.text:
        return b"".join(file.read_bytes() for file in Path(ledger.text).parent.iterdir())
    tables = ("sends", "callers", "used_approvals")
    return "".join(str(ledger.run(f"SELECT * FROM {table}")) for table in tables).encode()


async def test_the_file_and_its_directory_are_private_to_the_user(ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        file = Path(ledger.text)
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert {stat.S_IMODE(entry.stat().st_mode) for entry in file.parent.iterdir()} == {0o600}


# --- duplicates --------------------------------------------------------------------------------------


async def test_a_duplicate_within_the_window_is_refused_with_the_outcome_of_the_first(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, any_ledger) as call:
        (message,) = data(await call("CREATE_SMS_SEND", **sms()))["messages"]
        any_ledger.age(42)
        again = await call("CREATE_SMS_SEND", **sms())
    assert not again.successful
    assert again.error.startswith("The same call was accepted 4")
    assert message["message_id"] in again.error
    assert "another custom_string, or wait" in again.error
    assert again.error.endswith("Nothing was sent by this call.")
    assert len(sent(sandbox)) == len(any_ledger.rows()) == 1


async def test_the_same_call_after_the_window_is_sent(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger, duplicate_window=60) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        any_ledger.age(58)
        assert not (await call("CREATE_SMS_SEND", **sms())).successful
        any_ledger.age(3)
        data(await call("CREATE_SMS_SEND", **sms()))
    assert len(sent(sandbox)) == 2


async def test_a_window_of_0_lets_every_call_through(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger, duplicate_window=0) as call:
        for _ in range(3):
            data(await call("CREATE_SMS_SEND", **sms()))
    assert len(sent(sandbox)) == len(any_ledger.rows()) == 3


async def test_a_clock_set_back_does_not_open_the_window(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        any_ledger.age(-86_400)  # as if the clock was set back by a day
        again = await call("CREATE_SMS_SEND", **sms())
    assert "accepted 0 s ago" in again.error
    assert len(sent(sandbox)) == 1


@dataclass(frozen=True)
class Again:
    """A second call, and whether it is the same one."""

    id: str
    arguments: dict[str, Any]
    same: bool


AGAIN = (
    Again("the same", sms(ANA, BO), True),
    Again("another order", sms(BO, ANA), True),
    Again("numbers written otherwise", sms("+61 491 570 156", "+61-491-570-157"), True),
    Again("as JSON text", {"messages": json.dumps(sms(ANA, BO)["messages"])}, True),
    Again("blanks for what is left out", sms(ANA, BO, source=None, schedule=None), True),
    Again("a reference", sms(ANA, BO, custom_string="second copy"), False),
    Again("another text", sms(ANA, BO, body="Hello!"), False),
    Again("fewer", sms(ANA), False),
    Again("one twice", {"messages": [*sms(ANA, BO)["messages"], *sms(BO, custom_string="again")["messages"]]}, False),
)


@pytest.mark.parametrize("case", AGAIN, ids=lambda case: case.id)
async def test_what_counts_as_the_same_call(case: Again, ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms(ANA, BO)))
        again = await call("CREATE_SMS_SEND", **case.arguments)
    assert again.successful is not case.same
    assert (len(sent(sandbox)) == 2) is case.same


@pytest.mark.parametrize("slug", ["CREATE_MMS_SEND", "CREATE_POST_LETTERS_SEND", "CREATE_SMS_CAMPAIGNS_SEND"])
async def test_other_sends_are_not_repeated_either(slug: str, any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger) as call:
        list_id = await contact_list(call, ANA)
        arguments = MMS if "MMS" in slug else letter() if "LETTERS" in slug else campaign(list_id)
        data(await call(slug, **arguments))
        again = await call(slug, **arguments)
    assert "another name" in again.error if "CAMPAIGN" in slug else "another custom_string" in again.error
    assert len(sent(sandbox)) == 1


async def test_what_was_refused_may_be_sent_again_at_once(any_ledger: Place, sandbox: RunningSandbox) -> None:
    fault(sandbox, "status", status=429, headers={"retry-after": "1"}, path="/v3/sms/send")
    async with guarded(sandbox, any_ledger) as call:
        assert not (await call("CREATE_SMS_SEND", **sms())).successful
        data(await call("CREATE_SMS_SEND", **sms()))
    assert [row["state"] for row in any_ledger.rows()] == ["refused", "accepted"]


async def test_what_was_accepted_in_part_is_not_sent_again(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, any_ledger) as call:
        await call("CREATE_SMS_SEND", **sms(ANA, UNUSABLE))
        again = await call("CREATE_SMS_SEND", **sms(ANA, UNUSABLE))
    assert "accepted in part" in again.error
    assert "send only what was refused" in again.error
    assert len(sent(sandbox)) == 1


async def test_what_never_reached_clicksend_may_be_sent_again(ledger: Place, sandbox: RunningSandbox) -> None:
    async with scripted(drops) as gone:
        pass
    async with dispatching(settings(sandbox, ledger, base_url=gone.url)) as call:
        for _ in range(2):
            envelope = await call("CREATE_SMS_SEND", **sms())
            assert envelope.error.startswith("ClickSend could not be reached")
    assert [row["state"] for row in ledger.rows()] == ["refused", "refused"]


# --- concurrent calls --------------------------------------------------------------------------------


async def test_of_50_concurrent_identical_calls_one_is_sent(any_ledger: Place, sandbox: RunningSandbox) -> None:
    envelopes: list[Any] = []

    async def send() -> None:
        envelopes.append(await call("CREATE_SMS_SEND", **sms()))

    async with guarded(sandbox, any_ledger) as call, anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(send)
    assert len(envelopes) == 50
    assert len(sent(sandbox)) == 1
    assert sum(envelope.successful for envelope in envelopes) == 1
    repeats = [envelope.error for envelope in envelopes if not envelope.successful]
    assert all("under way" in error or "was accepted" in error for error in repeats)


async def test_concurrent_calls_leave_no_connection_open(postgres: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, postgres) as call, anyio.create_task_group() as tasks:
        for n in range(30):
            tasks.start_soon(lambda n=n: call("CREATE_SMS_SEND", **sms(custom_string=str(n))))
    assert len(sent(sandbox)) == 30
    await postgres.become(0)


async def test_of_four_servers_with_the_same_call_one_sends(any_ledger: Place, sandbox: RunningSandbox) -> None:
    async with hosts(4, **account(sandbox, any_ledger)) as servers:
        ids = [[await server.start("CREATE_SMS_SEND", sms()) for _ in range(3)] for server in servers]
        answers = [await server.answers(*own_ids) for server, own_ids in zip(servers, ids, strict=True)]
    envelopes = [envelope for own_answers in answers for envelope in own_answers]
    assert sum(envelope["successful"] for envelope in envelopes) == 1
    assert all(envelope["successful"] or envelope["error"].startswith("The same call") for envelope in envelopes)
    assert len(sent(sandbox)) == len(any_ledger.rows()) == 1


async def test_another_account_may_send_the_same_through_the_same_ledger(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    control(sandbox, "POST", "accounts", {"username": "bo", "api_key": "5EC2E7-of-bo"})
    bo = _Account(sandbox.url, "bo", "5EC2E7-of-bo")
    async with guarded(sandbox, any_ledger) as as_ana, guarded(bo, any_ledger) as as_bo:
        data(await as_ana("CREATE_SMS_SEND", **sms()))
        data(await as_bo("CREATE_SMS_SEND", **sms()))
    assert len({row["account"] for row in any_ledger.rows()}) == 2
    assert sum(row["cost"] for row in any_ledger.rows()) == 2 * int(SMS_TO_AU * 1_000_000)
