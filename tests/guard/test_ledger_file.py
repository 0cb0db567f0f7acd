"""The ledger's file: no send is recorded where other processes cannot see it, and only its user may read it."""

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
    """As a person does who does not know of the files beside it."""
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
    """Put the folder of a backup in its place."""
    folder = Path(ledger.text).parent
    folder.rename(f"{folder}-old")
    shutil.copytree(f"{folder}-old", folder)


def replace(ledger: Place) -> None:
    """Put a copy in its place, as editors and file synchronization do."""
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


def delete_the_wal(ledger: Place) -> None:
    beside(ledger, "-wal").unlink()


def replace_the_wal(ledger: Place) -> None:
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
    delete_the_wal: "its -wal file was deleted or replaced",
    replace_the_wal: "its -wal file was deleted or replaced",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_a_running_server_sends_nothing_that_other_processes_could_not_see(
    change: Callable[[Place], None], ledger: Place, sandbox: RunningSandbox
) -> None:
    """A change behind a server's back stops its next send, with the reason."""
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
    """No entry is forgotten."""
    file = Path(ledger.text)
    moved = file.parent if way == "folder" else file
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        moved.rename(f"{moved}-old")
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
        assert not moved.exists()  # no new one is created in its place
        put_back(moved)
        assert "was accepted" in (await call("CREATE_SMS_SEND", **sms())).error
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    assert len(sent(sandbox)) == len(ledger.rows()) == 2


async def test_a_ledger_that_is_writable_again_is_used_again(ledger: Place, sandbox: RunningSandbox) -> None:
    """The server need not be restarted."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        make_read_only(ledger)
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
        make_writable(ledger)
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    assert len(ledger.rows()) == 2


async def test_a_deleted_wal_is_not_lost_without_other_processes(ledger: Place, sandbox: RunningSandbox) -> None:
    """The server that has it open writes it into the file, and continues with a new one."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        delete_the_wal(ledger)
        assert not (await call("CREATE_SMS_SEND", **sms(BO))).successful
        assert [row["state"] for row in ledger.rows()] == ["accepted"]
        assert "was accepted" in (await call("CREATE_SMS_SEND", **sms())).error
        data(await call("CREATE_SMS_SEND", **sms(BO)))
    assert len(ledger.rows()) == 2


async def test_another_process_does_not_repeat_a_send_recorded_in_a_deleted_wal(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    """It cannot read what the first one wrote, so it sends nothing while that one lives."""
    async with host(**account(sandbox, ledger)) as first:
        assert (await first.call("CREATE_SMS_SEND", sms()))["successful"]
        delete_the_wal(ledger)
        async with host(**account(sandbox, ledger)) as second:
            refused = await second.call("CREATE_SMS_SEND", sms())
            assert "another process still writes to it" in refused["error"]
            assert not (await first.call("CREATE_SMS_SEND", sms(BO)))["successful"]
            repeated = await second.call("CREATE_SMS_SEND", sms())
            assert "was accepted" in repeated["error"]
    assert [message["to"] for message in sent(sandbox)] == [ANA]


async def test_a_truncated_ledger_stops_the_next_send(ledger: Place, sandbox: RunningSandbox) -> None:
    """To half its size."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
    async with guarded(sandbox, ledger) as call:
        assert "was accepted" in (await call("CREATE_SMS_SEND", **sms())).error
        cut(ledger)
        envelope = await call("CREATE_SMS_SEND", **sms(BO))
    assert envelope.error.startswith("The ledger of sends cannot be used (")
    assert len(sent(sandbox)) == 1


async def test_a_second_ledger_in_this_process_does_not_release_the_locks_of_the_first(
    ledger: Place, sandbox: RunningSandbox
) -> None:
    """In POSIX, closing any descriptor of a file releases all locks of the process on it."""
    async with guarded(sandbox, ledger) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
        again = Ledger(ledger.text)
        again.entries()
        status, _, errors = await run(
            "ledger", CLICKSEND_MCP_LEDGER=ledger.text
        )  # the last one to close deletes the WAL
        assert (status, errors) == (0, "")
        data(await call("CREATE_SMS_SEND", **sms(BO)))
        again.close()
    assert len(ledger.rows()) == 2


# --- permissions -------------------------------------------------------------------------------------


def open_to_all(folder: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o666)


def permissions(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


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


async def test_the_permissions_of_other_users_are_removed(tmp_path: Path) -> None:
    """Also from its WAL, and whatever the umask."""
    file = tmp_path / "ledger.sqlite3"
    await write(str(file))
    with closing(sqlite3.connect(file)) as other:
        other.execute("SELECT * FROM sends")
        open_to_all(tmp_path)
        ledger = Ledger(str(file))
        await ledger.check()
        assert permissions(tmp_path) == dict.fromkeys(
            ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"), 0o600
        )
        ledger.close()


async def test_all_created_folders_are_private_to_the_user(tmp_path: Path) -> None:
    """Not only the last one; existing ones keep their permissions."""
    os.chmod(tmp_path, 0o755)  # noqa: PTH101
    before = os.umask(0)
    try:
        await write(str(tmp_path / "one" / "two" / "three" / "ledger.sqlite3"))
    finally:
        os.umask(before)
    made = [tmp_path / "one", tmp_path / "one" / "two", tmp_path / "one" / "two" / "three"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in made] == [0o700] * 3
    assert permissions(made[-1]) == {"ledger.sqlite3": 0o600}
    assert stat.S_IMODE(os.stat(tmp_path).st_mode) == 0o755  # noqa: PTH116


async def test_a_dangling_link_creates_no_file_elsewhere(tmp_path: Path) -> None:
    """Another user may have planted it."""
    link, target = tmp_path / "ledger.sqlite3", tmp_path / "elsewhere.sqlite3"
    link.symlink_to(target)
    with pytest.raises(LedgerUnavailable, match="is a link to a file that is not there"):
        await write(str(link))
    assert not target.exists()


async def test_a_link_to_a_ledger_is_followed(tmp_path: Path) -> None:
    """Operators keep it on another volume; its target becomes private."""
    link, target = tmp_path / "ledger.sqlite3", tmp_path / "volume" / "ledger.sqlite3"
    await write(str(target))
    target.chmod(0o644)
    link.symlink_to(target)
    await write(str(link))
    assert len(Place(str(target)).rows()) == 2
    assert permissions(target.parent) == {"ledger.sqlite3": 0o600}


@pytest.mark.parametrize("kind", ["folder", "device", "pipe"])
async def test_what_is_not_a_regular_file_is_left_alone(kind: str, tmp_path: Path) -> None:
    """Its permissions too."""
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
async def test_a_ledger_with_two_names_is_not_used(when: str, ledger: Place, sandbox: RunningSandbox) -> None:
    """Each name would have a WAL of its own, which the other process does not read."""
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
