"""The ledger's file: nothing is sent that another process cannot see, and it is for its user alone."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.guarding import ANA, BO, Place, account, data, guarded, host, sent, sms
from support.hosting import run

from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import Entry, Ledger, new_id
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio


def beside(ledger: Place, suffix: str) -> Path:
    """A file that SQLite keeps beside the ledger's."""
    return Path(f"{ledger.text}{suffix}")


def delete(ledger: Place) -> None:
    """As a person does it who does not know of the files beside it."""
    Path(ledger.text).unlink()


def delete_all(ledger: Place) -> None:
    for suffix in ("", "-wal", "-shm"):
        beside(ledger, suffix).unlink()


def move(ledger: Place) -> None:
    Path(ledger.text).rename(f"{ledger.text}.old")


def move_the_folder(ledger: Place) -> None:
    folder = Path(ledger.text).parent
    folder.rename(f"{folder}-old")


def replace_the_folder(ledger: Place) -> None:
    """The folder of a backup is put into the place of the ledger's."""
    folder = Path(ledger.text).parent
    folder.rename(f"{folder}-old")
    shutil.copytree(f"{folder}-old", folder)


def replace(ledger: Place) -> None:
    """Put a copy into its place, as editors and synchronising programs do."""
    shutil.copy(ledger.text, f"{ledger.text}.new")
    Path(f"{ledger.text}.new").replace(ledger.text)


def replace_by_another(ledger: Place) -> None:
    other = Ledger(f"{ledger.text}.other")
    other.entries()
    other.close()
    Path(f"{ledger.text}.other").replace(ledger.text)


def empty(ledger: Place) -> None:
    os.truncate(ledger.text, 0)


def make_read_only(ledger: Place) -> None:
    Path(ledger.text).chmod(0o400)


def make_writable(ledger: Place) -> None:
    Path(ledger.text).chmod(0o600)


def put_back(moved: Path) -> None:
    Path(f"{moved}-old").rename(moved)


def cut(ledger: Place) -> None:
    os.truncate(ledger.text, Path(ledger.text).stat().st_size // 2)


def delete_the_log(ledger: Place) -> None:
    beside(ledger, "-wal").unlink()


def replace_the_log(ledger: Place) -> None:
    shutil.copy(beside(ledger, "-wal"), beside(ledger, "-wal.new"))
    beside(ledger, "-wal.new").replace(beside(ledger, "-wal"))


CHANGES = {
    delete: "its file is gone",
    delete_all: "its file is gone",
    move: "its file is gone",
    move_the_folder: "its file is gone",
    replace_the_folder: "its file was replaced",
    replace: "its file was replaced",
    replace_by_another: "its file was replaced",
    empty: "its file was emptied",
    make_read_only: "its file may not be written to",
    delete_the_log: "its -wal file was deleted or replaced",
    replace_the_log: "its -wal file was deleted or replaced",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_a_running_server_sends_nothing_that_another_process_cannot_see(
    change: Callable[[Place], None], ledger: Place, sandbox: RunningSandbox
) -> None:
    """M8: what is changed behind a server's back stops its next send, with the reason."""
    async with host(**account(sandbox, ledger)) as server:
        assert (await server.call("CREATE_SMS_SEND", sms()))["successful"]
        change(ledger)
        refused = await server.call("CREATE_SMS_SEND", sms(BO))
        assert refused["error"].startswith("The ledger of sends cannot be used (" + CHANGES[change])
        assert refused["error"].endswith("Nothing was sent.")
        assert (await server.call("GET_ACCOUNT", {}))["successful"]
    assert len(sent(sandbox)) == 1


@pytest.mark.parametrize("way", ["file", "folder"])
async def test_a_ledger_that_is_put_back_is_used_again(way: str, ledger: Place, sandbox: RunningSandbox) -> None:
    """M8: nothing that stood in it is forgotten."""
    file = Path(ledger.text)
    moved = file.parent if way == "folder" else file
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        moved.rename(f"{moved}-old")
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
        assert not moved.exists()  # no other one is made in its place
        put_back(moved)
        assert "was accepted" in (await call("CREATE_SMS_SEND", **sms())).error
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    assert len(sent(sandbox)) == len(ledger.rows()) == 2


async def test_a_ledger_that_is_writable_again_is_used_again(ledger: Place, sandbox: RunningSandbox) -> None:
    """M8: the server need not be restarted."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        make_read_only(ledger)
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
        make_writable(ledger)
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    assert len(ledger.rows()) == 2


async def test_what_stood_in_a_deleted_log_is_not_lost_where_nobody_else_came(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    """M8: the server that has it open writes it into the file, and goes on with a new one."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        delete_the_log(ledger)
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
        assert [row["state"] for row in ledger.rows()] == ["accepted"]
        assert "was accepted" in (await call("CREATE_SMS_SEND", **sms())).error
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    assert len(ledger.rows()) == 2


async def test_another_process_does_not_repeat_what_stood_in_a_deleted_log(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    """M8: it cannot know what the first one wrote, so it sends nothing while that one lives."""
    async with host(**account(sandbox, ledger)) as first:
        assert (await first.call("CREATE_SMS_SEND", sms()))["successful"]
        delete_the_log(ledger)
        async with host(**account(sandbox, ledger)) as second:
            refused = await second.call("CREATE_SMS_SEND", sms())
            assert "another process still writes to it" in refused["error"]
            assert not (await first.call("CREATE_SMS_SEND", sms(BO)))["successful"]
            repeated = await second.call("CREATE_SMS_SEND", sms())
            assert "was accepted" in repeated["error"]
    assert [one["to"] for one in sent(sandbox)] == [ANA]


async def test_a_ledger_cut_short_stops_the_next_send(ledger: Place, sandbox: RunningSandbox) -> None:
    """M8: half a file."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
    async with guarded(sandbox, ledger) as call:
        assert "was accepted" in (await call("CREATE_SMS_SEND", **sms())).error
        cut(ledger)
        envelope = await call("CREATE_SMS_SEND", **sms(BO))
    assert envelope.error.startswith("The ledger of sends cannot be used (")
    assert len(sent(sandbox)) == 1


async def test_a_second_ledger_in_this_process_does_not_take_the_first_one_s_locks(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    """M8: with POSIX, closing any descriptor of a file gives up all locks of the process on it."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        again = Ledger(ledger.text)
        again.entries()
        status, _, errors = await run(
            "ledger", CLICKSEND_MCP_LEDGER=ledger.text
        )  # the last one to close deletes the log
        assert (status, errors) == (0, "")
        data(await call("CREATE_SMS_SEND", **sms(BO)))
        again.close()
    assert len(ledger.rows()) == 2


# --- for its user alone ------------------------------------------------------------------------------


def open_to_all(folder: Path) -> None:
    for one in folder.iterdir():
        one.chmod(0o666)


def rights(folder: Path) -> dict[str, int]:
    return {one.name: stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()}


async def write(place: str) -> None:
    ledger = Ledger(place)
    number = new_id()
    try:
        await ledger.start(
            Entry(account="a", caller="c", action="", fingerprint=number, recipients=1, id=number),
            window=0,
            budget=None,
            lasts=60,
        )
    finally:
        ledger.close()


async def test_a_ledger_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """L7: also what is beside it, and whatever the umask."""
    file = tmp_path / "ledger.sqlite3"
    await write(str(file))
    with closing(sqlite3.connect(file)) as other:
        other.execute("SELECT * FROM sends")
        open_to_all(tmp_path)
        ledger = Ledger(str(file))
        await ledger.check()
        assert rights(tmp_path) == dict.fromkeys(("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"), 0o600)
        ledger.close()


async def test_all_folders_that_are_made_are_for_the_user_alone(tmp_path: Path) -> None:
    """L7: not only the last one; one that was there stays as it is."""
    os.chmod(tmp_path, 0o755)  # noqa: PTH101
    before = os.umask(0)
    try:
        await write(str(tmp_path / "one" / "two" / "three" / "ledger.sqlite3"))
    finally:
        os.umask(before)
    made = [tmp_path / "one", tmp_path / "one" / "two", tmp_path / "one" / "two" / "three"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in made] == [0o700] * 3
    assert rights(made[-1]) == {"ledger.sqlite3": 0o600}
    assert stat.S_IMODE(os.stat(tmp_path).st_mode) == 0o755  # noqa: PTH116


async def test_a_link_that_leads_nowhere_makes_no_file_elsewhere(tmp_path: Path) -> None:
    """L7: somebody else may have laid it."""
    link, target = tmp_path / "ledger.sqlite3", tmp_path / "elsewhere.sqlite3"
    link.symlink_to(target)
    with pytest.raises(LedgerUnavailable, match="is a link to a file that is not there"):
        await write(str(link))
    assert not target.exists()


async def test_a_link_to_a_ledger_is_followed(tmp_path: Path) -> None:
    """L7: operators keep it on another volume; the rights of its target are seen to."""
    link, target = tmp_path / "ledger.sqlite3", tmp_path / "volume" / "ledger.sqlite3"
    await write(str(target))
    target.chmod(0o644)
    link.symlink_to(target)
    await write(str(link))
    assert len(Place(str(target)).rows()) == 2
    assert rights(target.parent) == {"ledger.sqlite3": 0o600}


@pytest.mark.parametrize("kind", ["folder", "device", "pipe"])
async def test_what_is_no_file_is_left_alone(kind: str, tmp_path: Path) -> None:
    """L7: its rights too."""
    place = tmp_path / "ledger.sqlite3"
    if kind == "folder":
        place.mkdir(mode=0o755)
    elif kind == "pipe":
        os.mkfifo(place)
        place.chmod(0o644)
    else:
        place = Path("/dev/null")
    before = place.stat().st_mode
    with pytest.raises(LedgerUnavailable, match="is no file"):
        await write(str(place))
    assert place.stat().st_mode == before


@pytest.mark.parametrize("when", ["before it was opened", "while it was open"])
async def test_a_ledger_of_two_names_is_not_used(when: str, ledger: Place, sandbox: RunningSandbox) -> None:
    """M8: each name would have a log of its own, in which the other process does not look."""
    other = Place(f"{ledger.text}.other")
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms(BO)))
        if when == "while it was open":
            os.link(ledger.text, other.text)
            refused = await call("CREATE_SMS_SEND", **sms())
    if when == "before it was opened":
        os.link(ledger.text, other.text)
        async with guarded(sandbox, other) as call:
            refused = await call("CREATE_SMS_SEND", **sms())
    assert "its file has a second name" in refused.error
    assert refused.error.endswith("Nothing was sent.")
    assert len(sent(sandbox)) == 1
    delete(other)
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
