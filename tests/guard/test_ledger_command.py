"""`clicksend-mcp ledger`: the sends as a table and as JSON lines, filtered."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.guarding import ANA, BO, MMS, Place, data, fault, guarded, sent, sms
from support.hosting import run

from server.cli.main import main
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

UNUSABLE = "+61400990404"
DAY = 86_400


async def filled(ledger: Place, sandbox: RunningSandbox) -> None:
    """An MMS nine days ago; today a send whose outcome is unknown, and one accepted in part."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_MMS_SEND", **MMS))
        ledger.age(9 * DAY)
        fault(sandbox, "drop", path="/v3/sms/send")
        await call("CREATE_SMS_SEND", **sms())
        await call("CREATE_SMS_SEND", **sms(ANA, BO, "+61491570158", UNUSABLE))


Command = Callable[..., str]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in this process; returns what it prints if it succeeds."""

    def run_it(ledger: Place, *arguments: str) -> str:
        monkeypatch.setenv("CLICKSEND_MCP_LEDGER", ledger.text)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["ledger", *arguments])
        printed = capsys.readouterr()
        assert (end.value.code, printed.err) == (0, "")
        return printed.out

    return run_it


async def test_people_get_a_table_newest_first(command: Command, any_ledger: Place, sandbox: RunningSandbox) -> None:
    await filled(any_ledger, sandbox)
    head, partly, lost = (command(any_ledger)).splitlines()
    assert head.split("  ")[0] == "time (UTC)"
    assert partly.split()[2:6] == ["CREATE_SMS_SEND", "partly", "4", "0.2376"]
    assert partly.endswith(" and 1 more")
    assert lost.split()[2:] == ["CREATE_SMS_SEND", "unknown", "1", "?"]
    assert head.index("state") == partly.index("partly") == lost.index("unknown")


async def test_programs_get_a_line_of_json_for_each(
    command: Command, any_ledger: Place, sandbox: RunningSandbox
) -> None:
    await filled(any_ledger, sandbox)
    entries = [json.loads(line) for line in (command(any_ledger, "--json", "--days", "10")).splitlines()]
    assert [entry["state"] for entry in entries] == ["partly", "unknown", "accepted"]
    assert [entry["cost"] for entry in entries] == ["0.2376", None, "0.55"]
    (mms,) = sent(sandbox)[:1]
    assert entries[2]["message_ids"] == [mms["message_id"]]
    assert entries[2]["action"] == "CLICKSEND_CREATE_MMS_SEND"
    assert list(entries[0]) == [
        *("id", "at", "account", "caller", "action", "state", "recipients", "cost", "message_ids", "fingerprint")
    ]


async def test_it_is_filtered_by_days_state_and_action(
    command: Command, ledger: Place, sandbox: RunningSandbox
) -> None:
    await filled(ledger, sandbox)

    def states(*arguments: str) -> list[str]:
        printed = command(ledger, "--json", *arguments)
        return [json.loads(line)["state"] for line in printed.splitlines() if line]

    assert states("--state", "unknown") == ["unknown"]
    assert states("--state", "accepted") == []
    assert states("--days", "10", "--action", "CLICKSEND_CREATE_MMS_SEND") == ["accepted"]
    assert states("--days", "0") == []


async def test_an_empty_ledger_says_so(command: Command, ledger: Place) -> None:
    assert (command(ledger)).splitlines()[-1] == "(nothing)"
    assert (command(ledger, "--json")).strip() == ""


async def test_kept_texts_are_shown_only_to_programs(command: Command, ledger: Place, sandbox: RunningSandbox) -> None:
    async with guarded(sandbox, ledger, keeps_texts=True) as call:
        data(await call("CREATE_SMS_SEND", **sms(body="Grüße")))
    assert "Grüße" not in command(ledger)
    assert json.loads(command(ledger, "--json"))["request"] == sms(body="Grüße")


@pytest.mark.parametrize("where", ["file/ledger.sqlite3", "postgresql://nobody@127.0.0.1:1/test"])
@pytest.mark.parametrize("arguments", [(), ("--prune", "1", "--yes")])
async def test_an_unusable_ledger_is_one_line(where: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = where if "://" in where else str(tmp_path / where)
    status, out, errors = await run("ledger", *arguments, CLICKSEND_MCP_LEDGER=place)
    assert (status, out, len(errors.splitlines())) == (1, "", 1)
    assert errors.startswith("clicksend-mcp: the ledger cannot be used (")
    assert "CLICKSEND_MCP_LEDGER" in errors


@pytest.mark.parametrize("arguments", [("--state", "lost"), ("--action", "SEND"), ("--days", "many"), ("--prune",)])
def test_a_wrong_use_is_told(
    arguments: tuple[str, ...], ledger: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSEND_MCP_LEDGER", ledger.text)
    with pytest.raises(SystemExit) as end:
        main(["ledger", *arguments])
    printed = capsys.readouterr()
    assert (end.value.code, printed.out) == (2, "")
    assert arguments[0] in printed.err


async def test_the_real_program_prints_the_table(ledger: Place, sandbox: RunningSandbox) -> None:
    await filled(ledger, sandbox)
    status, out, errors = await run("ledger", CLICKSEND_MCP_LEDGER=ledger.text)
    assert (status, len(out.splitlines()), errors) == (0, 3, "")
