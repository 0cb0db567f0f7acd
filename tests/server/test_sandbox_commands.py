"""How people and hosts come to the sandbox: where its inbox is, and how programs are pointed at it."""

import signal
import socket
from typing import Any

import httpx
import pytest
from mcp import Client
from support.hosting import free_port, run, running, running_http, stdio

pytestmark = pytest.mark.anyio

SEND = ("call", "CLICKSEND_CREATE_SMS_SEND", '{"messages": [{"to": "+61400000001", "body": "Hello"}]}')


async def test_the_host_is_told_where_the_inbox_is() -> None:
    """The address was on stderr only, on a random port."""
    port = free_port()
    async with Client(stdio("--sandbox", "--sandbox-port", str(port))) as client:
        inbox = f"http://127.0.0.1:{port}/_sandbox/inbox"
        assert inbox in (client.instructions or "")
        async with httpx.AsyncClient(trust_env=False) as web:
            assert "<title>" in (await web.get(inbox)).text


async def test_callers_over_http_are_not_told_of_an_address_they_cannot_open() -> None:
    """It is one of the server's machine."""
    async with running_http("--sandbox") as (_, url), Client(f"{url.strip()}") as client:
        assert (client.instructions or "").startswith("SANDBOX")
        assert "inbox" not in (client.instructions or "")


async def test_a_taken_port_for_the_sandbox_is_told_in_one_line() -> None:
    """With the way it was given."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, errors = await run("--sandbox", "--sandbox-port", port)
    assert (status, out) == (2, "")
    assert errors.startswith(f"clicksend-mcp: the sandbox cannot listen on port {port}: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("wrong", [("--sandbox-port", "8799"), ("--sandbox", "--sandbox-port", "8799", *SEND)])
async def test_a_port_without_a_sandbox_that_serves_is_a_wrong_use(wrong: tuple[str, ...]) -> None:
    """It would be silently ignored."""
    status, _, errors = await run(*wrong)
    assert status == 2
    assert "--sandbox-port goes with --sandbox" in errors


async def test_the_sandbox_says_how_the_program_is_pointed_at_it() -> None:
    """A list that one call had made was not there in the next, and the way out was written nowhere."""
    async with running("sandbox", "--port", "0") as sandbox:
        exports: dict[str, str] = {}
        while len(exports) < 3:
            line = await sandbox.line()
            if line.startswith("export "):
                name, _, value = line.strip().removeprefix("export ").partition("=")
                exports[name] = value
        # The ledger is the temporary folder's, as the exports are of an account like any other.
        assert (await run(*SEND, **exports, CLICKSEND_MCP_DUPLICATE_WINDOW="0"))[0] == 0
        status, out, _ = await run("call", "CLICKSEND_GET_SMS_HISTORY", **exports)
        assert status == 0
        assert "+61400000001" in out
        sandbox.process.send_signal(signal.SIGTERM)
        assert await sandbox.ended() == 0


async def test_a_check_of_the_sandbox_needs_no_account() -> None:
    """`check --sandbox` was refused."""
    for order in (("check", "--sandbox"), ("--sandbox", "check")):
        status, out, errors = await run(*order)
        assert (status, out.splitlines()[0]) == (0, "Credentials are right: account sandbox, balance 100.000000 AUD.")
        assert "http" not in errors


async def test_a_sandbox_that_others_reach_says_so_and_can_be_opened() -> None:
    """It said nothing of who can reach it, and printed an address that cannot be opened."""
    async with running("sandbox", "--port", "0", "--host", "0.0.0.0") as program:
        said = [await program.line() for _ in range(4)]
        url = said[2].split(" is shown at ")[1].strip()
        assert "Whoever reaches this port" in said[3]
        assert "0.0.0.0" not in "".join(said)
        async with httpx.AsyncClient(trust_env=False) as web:
            assert (await web.get(url)).status_code == 200
    async with running("sandbox", "--port", "0") as program:
        assert "Whoever reaches" not in "".join([await program.line() for _ in range(4)])


async def test_over_http_the_sandbox_fetches_nothing_from_this_machine() -> None:
    """An import of a stranger read what a service of this machine had answered."""
    async with running_http("--sandbox") as (_, url), Client(url.strip()) as client:

        async def call(name: str, arguments: dict[str, Any]) -> str:
            result = await client.call_tool(name, arguments)
            assert result.structured_content
            return str(result.structured_content["data"])

        await call("CLICKSEND_CREATE_LISTS", {"list_name": "Strangers"})
        order = {"list_id": 1001, "file_url": f"{url.strip().removesuffix('/mcp')}/healthz", "field_order": ["phone"]}
        await call("CLICKSEND_GET_LISTS_IMPORT", order)
        told = ""
        while '"failed"' not in told:
            told = await call("CLICKSEND_GET_LISTS", {})
            assert '"done"' not in told
        assert "not on the public internet" in told
