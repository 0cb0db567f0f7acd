"""`clicksend-mcp ledger --prune`: what still protects from sending twice, or past a budget, is never deleted."""

import os
import pty
import subprocess
import time
from pathlib import Path

import anyio
import pytest
from support.guarding import ANA, BO, Place, account, data, fault, guarded, host, sent, sms
from support.hosting import PATIENCE, PROGRAM, environment, run

from server.ledger.ledger import Ledger
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

DAY = 86_400


async def prune(place: Place, *arguments: str, **more: str) -> tuple[int, str, str]:
    """The real command, without a terminal."""
    return await run("ledger", "--prune", *arguments, CLICKSEND_MCP_LEDGER=place.text, **more)


async def answering(place: Place, answer: str, *arguments: str) -> tuple[int, str, str]:
    """The real command on a terminal at which somebody types this; what the terminal shows is last."""

    def on_terminal() -> tuple[int, str, str]:
        keyboard, screen = pty.openpty()
        program = subprocess.Popen(
            [*PROGRAM, "ledger", *arguments],
            stdin=screen,
            stderr=screen,
            stdout=subprocess.PIPE,
            env=environment(CLICKSEND_MCP_LEDGER=place.text),
        )
        os.close(screen)
        os.write(keyboard, answer.encode())
        out, _ = program.communicate(timeout=PATIENCE)
        shown = os.read(keyboard, 65_536).decode()
        os.close(keyboard)
        return program.returncode, out.decode(), shown

    return await anyio.to_thread.run_sync(on_terminal)


async def filled(ledger: Place, sandbox: RunningSandbox) -> None:
    """An accepted and an unknown send of nine days ago, and an accepted one of today."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        fault(sandbox, "drop", path="/v3/sms/send")
        await call("CREATE_SMS_SEND", **sms(BO))
        ledger.age(9 * DAY)
        data(await call("CREATE_SMS_SEND", **sms(body="Today")))


def states(ledger: Place) -> list[str]:
    return [row["state"] for row in ledger.rows()]


async def test_old_entries_are_deleted_and_open_ones_stay(any_ledger: Place, sandbox: RunningSandbox) -> None:
    """An unknown outcome may still have to be reconciled."""
    await filled(any_ledger, sandbox)
    assert await prune(any_ledger, "8", "--yes") == (0, "1 entry deleted.\n", "")
    assert await prune(any_ledger, "8", "--yes") == (0, "0 entries deleted.\n", "")
    assert states(any_ledger) == ["unknown", "accepted"]
    assert len(any_ledger.run("SELECT * FROM spending")) <= 2
    assert len(any_ledger.run("SELECT * FROM sent_messages")) == 1


async def test_an_abandoned_send_stays_however_old_it_is(any_ledger: Place, sandbox: RunningSandbox) -> None:
    """It remains started."""
    await filled(any_ledger, sandbox)
    any_ledger.reopen()
    any_ledger.age(400 * DAY)
    assert (await prune(any_ledger, "300", "--yes"))[1] == "0 entries deleted.\n"
    assert len(states(any_ledger)) == 3


@pytest.mark.parametrize("days", ["0", "0.5", "0.999", "1e-9"])
async def test_entries_that_duplicates_and_the_budget_need_cannot_be_pruned(
    days: str, ledger: Place, sandbox: RunningSandbox
) -> None:
    """The same call would be sent again, and the day's budget would start over."""
    own = {**account(sandbox, ledger), "CLICKSEND_MCP_MAX_COST_PER_DAY": "0.10"}
    async with host(**own) as server:
        assert (await server.call("CREATE_SMS_SEND", sms()))["successful"]
        status, out, errors = await prune(ledger, days, "--yes")
        assert (status, out) == (2, "")
        assert "1 days is the least" in errors
        assert "The same call was accepted" in (await server.call("CREATE_SMS_SEND", sms()))["error"]
        assert "for 24 hours" in (await server.call("CREATE_SMS_SEND", sms(BO)))["error"]
    assert [message["to"] for message in sent(sandbox)] == [ANA]


async def test_a_longer_window_keeps_entries_longer(ledger: Place, sandbox: RunningSandbox, tmp_path: Path) -> None:
    """Also that of a single caller."""
    await filled(ledger, sandbox)
    status, _, errors = await prune(ledger, "8", "--yes", CLICKSEND_MCP_DUPLICATE_WINDOW=str(10 * DAY))
    assert (status, "10 days is the least" in errors) == (2, True)
    ours = {"CLICKSEND_USERNAME": "a", "CLICKSEND_API_KEY": "b"}
    callers = tmp_path / "callers.toml"
    entry = f'[[caller]]\nname = "a"\ntoken_sha256 = "{"0" * 64}"\n[caller.limits]\nduplicate_window = {12 * DAY}\n'
    await anyio.Path(callers).write_text(entry)
    status, _, errors = await prune(ledger, "8", "--yes", CLICKSEND_MCP_HTTP_CALLERS=str(callers), **ours)
    assert (status, "12 days is the least" in errors) == (2, True)
    assert len(states(ledger)) == 3


@pytest.mark.parametrize("option", ["--prune", "--days"])
@pytest.mark.parametrize("days", ["-1", "nan", "-nan", "inf", "-inf", "-0.001", "1d", ""])
async def test_only_a_number_of_days_is_taken(option: str, days: str, ledger: Place, sandbox: RunningSandbox) -> None:
    """NaN compares as neither less nor more than anything."""
    await filled(ledger, sandbox)
    status, out, errors = await run("ledger", f"{option}={days}", CLICKSEND_MCP_LEDGER=ledger.text)
    assert (status, out) == (2, "")
    assert "must be a number of days" in errors
    assert len(states(ledger)) == 3


async def test_without_a_terminal_pruning_needs_yes(ledger: Place, sandbox: RunningSandbox) -> None:
    """Nobody is there to ask."""
    await filled(ledger, sandbox)
    status, out, errors = await prune(ledger, "8")
    assert (status, out, "add --yes" in errors) == (2, "", True)
    assert len(states(ledger)) == 3
    status, _, errors = await run("ledger", "--yes", CLICKSEND_MCP_LEDGER=ledger.text)
    assert (status, "--yes goes with --prune" in errors) == (2, True)


@pytest.mark.parametrize(
    ("answer", "remaining"), [("y\n", 2), ("Yes\n", 2), ("n\n", 3), ("\n", 3), ("maybe\n", 3), ("\x04", 3)]
)
async def test_on_a_terminal_a_person_is_asked(
    answer: str, remaining: int, ledger: Place, sandbox: RunningSandbox
) -> None:
    """Only a yes is one."""
    await filled(ledger, sandbox)
    status, out, shown = await answering(ledger, answer, "--prune", "8")
    assert "Delete 1 entry older than 8 days for good? [y/N]" in shown
    assert (status, out) == ((0, "1 entry deleted.\n") if remaining == 2 else (2, ""))
    assert ("nothing was deleted" in shown) is (remaining == 3)
    assert len(states(ledger)) == remaining


async def test_used_approvals_stay_as_long_as_they_could_be_used_again(any_ledger: Place) -> None:
    """An approval lives for minutes; what is older than a day is deleted."""
    ledger = Ledger(any_ledger.text)
    assert await ledger.use("today")
    assert await ledger.use("long ago")
    any_ledger.run("UPDATE used_approvals SET at = at - 200000 WHERE token = 'long ago'")
    ledger.prune(time.time() + 1)
    assert not await ledger.use("today")
    assert await ledger.use("long ago")
    ledger.close()


async def test_the_help_explains_each_option(ledger: Place) -> None:
    """Each option has its text."""
    status, out, _ = await run("ledger", "--help", COLUMNS="200")
    assert status == 0
    assert "except sends whose outcome is open" in out
    assert "only sends that this became of" in out
    assert "prune without asking" in out
