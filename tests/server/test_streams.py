"""The program with closed, full or cut-off streams: never a traceback, and a send is reported as sent."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir

import pytest
from support.hosting import PATIENCE, environment, run
from support.inputs import GOOD
from support.scripted import SECRET, USERNAME, good, refusal, says, scripted

SEND = "CLICKSEND_CREATE_SMS_SEND"
ACCEPTED = good({"messages": [{"to": GOOD[SEND]["messages"][0]["to"], "status": "SUCCESS"}]})
PROGRAM = str(Path(sys.executable).with_name("clicksend-mcp"))

COMMANDS = {
    "stdio": ("--sandbox",),
    "help": ("--help",),
    "tools": ("tools",),
    "ledger": ("ledger",),
    "check": ("check",),
    "token": ("token", "ana"),
    "call": ("call", "CLICKSEND_GET_LISTS", "--sandbox"),
    "http that cannot listen": ("http", "--host", "192.0.2.1"),
    "wrong use": ("sned",),
}
STREAMS = {
    "no stdout": ">&-",
    "no stderr": "2>&-",
    "none at all": "<&- >&- 2>&-",
    "full stdout": ">/dev/full",
    "full stderr": "2>/dev/full",
}


def shell(line: str, *command: str, **own: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a shell that redirects its streams; `"$@"` in the line stands for it."""
    return subprocess.run(
        ["bash", "-c", line, "bash", PROGRAM, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=gettempdir(),
        env=environment(**own),
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("streams", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_command_ends_in_a_traceback_whatever_its_streams_are(command: tuple[str, ...], streams: str) -> None:
    """Closed and full streams, each with each command."""
    done = shell(f'"$@" {streams}', *command)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert "a fault inside this program (" not in said
    assert done.returncode in (0, 1, 2, 3)


@pytest.mark.parametrize("streams", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["help", "tools", "ledger"])
def test_output_that_cannot_be_written_is_a_failure_in_one_line(command: str, streams: str) -> None:
    """The line says why."""
    done = shell(f'"$@" {streams}', *COMMANDS[command])
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("clicksend-mcp: the output could not be written: ")


@pytest.mark.parametrize("command", ["tools", "tools --json", "--help", "ledger", "demo"])
def test_a_reader_that_closes_the_pipe_causes_no_error_message(command: str) -> None:
    """`| head -1`, and a reader that reads nothing."""
    first = shell(f'"$@" {command} | head -1')
    assert (first.stdout.count("\n"), first.stderr) == (1, "")
    none = shell(f'exec 3> >(exec true); wait $!; "$@" {command} >&3; exit $?')
    assert (none.returncode, none.stdout, none.stderr) == (141, "", "")


def test_a_closed_stream_is_not_replaced_by_the_next_opened_file(tmp_path: Path) -> None:
    """Print must not write into the ledger."""
    ledger = tmp_path / "ledger.sqlite3"
    for streams in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        done = shell(
            f'"$@" {streams}', "call", SEND, json.dumps(GOOD[SEND]), "--sandbox", CLICKSEND_MCP_LEDGER=str(ledger)
        )
        assert done.returncode in (0, 3)
        assert ledger.read_bytes().startswith(b"SQLite format 3\x00")
    listed = shell('"$@"', "ledger", "--json", CLICKSEND_MCP_LEDGER=str(ledger))
    assert {json.loads(line)["state"] for line in listed.stdout.splitlines()} == {"accepted"}


def test_without_stderr_only_protocol_is_on_stdout() -> None:
    """The sandbox's address is for people."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    done = shell(f"(echo '{line}'; sleep 1) | \"$@\" 2>&-", "--sandbox")
    (answer,) = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, answer["id"]) == (0, 1)
    assert answer["result"]["serverInfo"]["name"] == "clicksend-sandbox"


@pytest.mark.anyio
@pytest.mark.parametrize("streams", [">&-", ">/dev/full"])
async def test_a_send_whose_result_cannot_be_written_is_reported_as_sent(streams: str) -> None:
    """As a failure it would invite another call."""
    async with scripted(says(ACCEPTED)) as upstream:
        status, errors = await in_shell(f'"$@" {streams}', upstream.url)
    assert status == 3
    assert errors.count("\n") == 1
    assert "it WAS sent: do not call again" in errors
    assert [request.line.split()[0] for request in upstream.requests] == ["POST"]


@pytest.mark.anyio
@pytest.mark.parametrize("streams", [">&-", ">/dev/full"])
async def test_a_refused_send_that_cannot_be_written_to_stdout_is_reported_on_stderr(streams: str) -> None:
    """The reason is not lost."""
    async with scripted(says(refusal(401, "UNAUTHORIZED"))) as upstream:
        status, errors = await in_shell(f'"$@" {streams}', upstream.url)
    assert (status, errors.count("\n")) == (3, 1)
    assert "the call was not successful: ClickSend refused with HTTP 401" in errors
    assert "WAS sent" not in errors


async def in_shell(line: str, url: str) -> tuple[int | None, str]:
    """Send one SMS by `call` in a shell: the status and stderr."""
    own = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": url}
    command = ("bash", "-c", line, "bash", PROGRAM, "call", SEND, json.dumps(GOOD[SEND]))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, env=environment(**own))
    async with asyncio.timeout(PATIENCE):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


def test_an_unreadable_stdin_causes_no_traceback() -> None:
    """It is open for writing only, for the server and for `call -`."""
    served = shell('"$@" 0>/dev/null', "--sandbox")
    called = shell('"$@" 0>/dev/null', "call", SEND, "-")
    assert (served.returncode, called.returncode) == (0, 2)
    assert called.stderr.startswith("clicksend-mcp: the arguments cannot be read from stdin: ")
    assert "Traceback" not in served.stderr + called.stderr


def test_a_token_that_nobody_has_seen_is_not_entered() -> None:
    """It is shown only once, on stderr."""
    done = shell('"$@" 2>/dev/full', "token", "ana")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_fault_of_the_program_is_one_line_and_its_place_in_the_log(tmp_path: Path) -> None:
    """The last resort reports the kind of a fault and never its text."""
    (tmp_path / "broken.py").write_text(
        "import sys\nsys.argv = ['clicksend-mcp', 'tools']\n"
        "import tools.reference\n"
        "def fails(): raise ExceptionGroup('a', [ExceptionGroup('b', [LookupError('+61400000001 secret')])])\n"
        "tools.reference.as_text = fails\n"
        "from clicksend_mcp import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "broken.py"], capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stdout) == (70, "")
    first, *log = done.stderr.splitlines()
    assert first == "clicksend-mcp: a fault inside this program (LookupError); nothing more is done"
    assert len(log) == 2
    assert f"LookupError at {tmp_path}/broken.py:4" in log[1]
    assert "secret" not in done.stderr


@pytest.mark.anyio
async def test_an_empty_stdin_is_reported() -> None:
    """`call -` without anything to read."""
    status, out, errors = await run("call", SEND, "-")
    assert (status, out) == (2, "")
    assert errors == "clicksend-mcp: the arguments are not JSON: there is nothing\n"


def test_characters_that_the_terminal_cannot_show_are_no_fault() -> None:
    """Names of people, in an encoding that does not have them."""
    done = shell('PYTHONIOENCODING=ascii "$@" 2>&1', "call", "GRÜẞE")
    assert done.returncode == 2
    assert "there is no tool 'GR\\xdc\\u1e9eE'" in done.stdout
    assert "Traceback" not in done.stdout
