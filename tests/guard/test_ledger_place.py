"""The location of the ledger: the same whatever folder the server is started in."""

import os
from pathlib import Path

import pytest
from support.guarding import ANA, Place, account, host, sent, sms
from support.hosting import run

from server.config.settings import from_environment
from server.runtime.env import WrongSetting
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio


def location(text: str) -> str | None:
    """How a setting is understood."""
    return from_environment({"CLICKSEND_MCP_LEDGER": text}, credentials_needed=False).ledger.location


@pytest.mark.parametrize("text", ["~/ledger.sqlite3", "~/a folder/l", "sqlite:///~/ledger.sqlite3"])
def test_the_home_folder_is_filled_in(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell does it in the configuration of a host."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert location(text) == text.removeprefix("sqlite:///").replace("~", str(tmp_path))


@pytest.mark.parametrize("text", ["/var/lib/x/l.sqlite3", "sqlite:////var/lib/x/l.sqlite3"])
def test_an_absolute_path_stays(text: str) -> None:
    """Also as a URL."""
    assert location(text) == "/var/lib/x/l.sqlite3"


@pytest.mark.parametrize(
    "text",
    [
        *("ledger.sqlite3", "./ledger.sqlite3", "../ledger.sqlite3", "data/ledger.sqlite3", ":memory:", "."),
        *("sqlite:///ledger.sqlite3", "sqlite:///./a/b", "sqlite://host/ledger", "sqlite:ledger", "file:ledger"),
        *("~no-such-user-here/ledger.sqlite3", "$HOME/ledger.sqlite3"),
    ],
)
def test_a_relative_path_stops_the_start(text: str) -> None:
    """Each folder would have a ledger of its own, and the same text would go out from each."""
    with pytest.raises(WrongSetting, match="CLICKSEND_MCP_LEDGER must be an absolute path"):
        location(text)


@pytest.mark.parametrize("ending", ["", "/", "/new/"])
@pytest.mark.parametrize("scheme", ["", "sqlite:///"])
def test_a_directory_stops_the_start(scheme: str, ending: str, tmp_path: Path) -> None:
    """It is no file, and has no name for one."""
    with pytest.raises(WrongSetting, match="CLICKSEND_MCP_LEDGER is a directory"):
        location(f"{scheme}{tmp_path}{ending}")


async def test_the_program_refuses_a_relative_path(tmp_path: Path) -> None:
    """As a host starts it."""
    status, out, errors = await run("ledger", CLICKSEND_MCP_LEDGER="here/ledger.sqlite3")
    assert (status, out) == (2, "")
    assert "CLICKSEND_MCP_LEDGER must be an absolute path" in errors


async def test_servers_started_in_two_folders_have_one_ledger(
    tmp_path: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same text from both goes out once."""
    home = tmp_path / "home"
    home.mkdir()
    envelopes = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        own = account(sandbox, Place("~/ledger.sqlite3")) | {"HOME": str(home)}
        async with host(**own) as server:
            envelopes.append(await server.call("CREATE_SMS_SEND", sms()))
        assert os.listdir(tmp_path / folder) == []  # noqa: PTH208
    assert [envelope["successful"] for envelope in envelopes] == [True, False]
    assert [message["to"] for message in sent(sandbox)] == [ANA]
