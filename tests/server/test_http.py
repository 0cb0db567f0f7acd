"""The real process over Streamable HTTP: for clients of this machine only."""

import asyncio
import json
import signal
import socket
from contextlib import AsyncExitStack

import httpx
import pytest
from mcp import Client
from support import offered
from support.hosting import ERAS, HELLO, PATIENCE, address_of, run, running, running_http
from support.inputs import GOOD
from support.scripted import SECRET, USERNAME, good, says, says_when_released, scripted

from server.cli.main import main
from server.config.http import Hosting

pytestmark = pytest.mark.anyio

ACCEPT = {"Accept": "application/json, text/event-stream"}
SEND = "CLICKSEND_CREATE_SMS_SEND"
ACCEPTED = good({"messages": [{"to": "+61491570006", "status": "SUCCESS"}]})


async def test_clients_of_both_eras_list_and_call() -> None:
    async with scripted(says(good({"username": "ana"}))) as upstream:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        async with running_http(**account) as (program, url):
            for era in ERAS:
                async with asyncio.timeout(PATIENCE), Client(url, mode=era) as client:
                    assert [tool.name for tool in (await client.list_tools()).tools] == offered.SLUGS
                    result = await client.call_tool("CLICKSEND_GET_ACCOUNT", {})
                    assert (result.structured_content or {})["successful"], result
            program.process.send_signal(signal.SIGTERM)
            status = await program.ended()
    assert status == 0
    assert program.errors.splitlines() == [f"MCP at {url}"]
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
async def test_other_hosts_and_origins_are_turned_away(address: str) -> None:
    async with (
        running("http", "--host", address, "--port", "0") as program,
        httpx.AsyncClient(trust_env=False) as web,
    ):
        url = await address_of(program)
        assert url.startswith(f"http://{address}:")
        own = await web.post(url, json=HELLO[0], headers=ACCEPT)
        local = await web.post(url, json=HELLO[0], headers=ACCEPT | {"Origin": url.removesuffix("/mcp")})
        host = await web.post(url, json=HELLO[0], headers=ACCEPT | {"Host": "evil.example"})
        rebound = await web.post(url, json=HELLO[0], headers=ACCEPT | {"Host": "evil.example:80"})
        origin = await web.post(url, json=HELLO[0], headers=ACCEPT | {"Origin": "https://evil.example"})
        null = await web.post(url, json=HELLO[0], headers=ACCEPT | {"Origin": "null"})
        elsewhere = await web.get(url.removesuffix("/mcp"))
    assert (own.status_code, local.status_code) == (200, 200)
    assert (host.status_code, rebound.status_code) == (421, 421)
    assert (origin.status_code, null.status_code) == (403, 403)
    assert elsewhere.status_code == 404
    assert "server" not in own.headers


async def test_an_address_of_the_network_is_refused() -> None:
    status, out, errors = await run("http", "--host", "0.0.0.0", "--port", "0")
    assert (status, out) == (2, "")
    assert errors.count("\n") == 1
    assert "use --host 127.0.0.1" in errors


@pytest.mark.parametrize("host", ["::", "192.0.2.1", "example.com", ""])
def test_other_addresses_of_the_network_are_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["http", "--host", host, "--port", "0"])
    assert ended.value.code == 2
    assert "use --host 127.0.0.1" in capsys.readouterr().err


async def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, errors = await run("http", "--port", port)
    assert (status, out) == (2, "")
    assert errors.count("\n") == 1
    assert errors.startswith(f"clicksend-mcp: cannot listen on 127.0.0.1 port {port}: Address already in use")


@pytest.mark.parametrize("host", ["localhost", "::1"])
async def test_other_names_of_this_machine_are_taken(host: str) -> None:
    if host == "::1":
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("no IPv6 here")
    async with running("http", "--host", host, "--port", "0") as program:
        url = await address_of(program)
        async with asyncio.timeout(PATIENCE), Client(url) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == set(offered.SLUGS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_ends_it_and_a_paid_call_is_finished_first(number: signal.Signals) -> None:
    async with scripted(says_when_released(ACCEPTED)) as upstream:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        async with running_http(**account) as (program, url):
            async with asyncio.timeout(PATIENCE), Client(url) as client:
                await client.list_tools()  # or the client would ask for them once it has the result
                calling = asyncio.ensure_future(client.call_tool(SEND, GOOD[SEND]))
                await upstream.wait(upstream.arrived)
                program.process.send_signal(number)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(calling), 0.3)  # time in which a cut would show
                assert program.process.returncode is None
                upstream.released.set()
                result = await calling
            status = await program.ended()
    assert (result.structured_content or {})["successful"]
    assert status in (0, 128 + number)
    assert "Traceback" not in program.errors


async def test_paid_calls_are_read_to_the_end_even_if_that_takes_longer_than_the_web_server_waits() -> None:
    async with scripted(says_when_released(ACCEPTED)) as upstream, AsyncExitStack() as clients:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        async with running_http(CLICKSEND_MCP_LOG_LEVEL="INFO", CLICKSEND_MCP_DUPLICATE_WINDOW="0", **account) as (
            program,
            url,
        ):
            calls = []
            for number, era in enumerate(ERAS, start=1):
                client = await clients.enter_async_context(Client(url, mode=era))
                await client.list_tools()
                calls.append(asyncio.ensure_future(client.call_tool(SEND, GOOD[SEND])))
                async with asyncio.timeout(PATIENCE):
                    while len(upstream.requests) < number:  # noqa: ASYNC110 - bounded above
                        await asyncio.sleep(0.01)
            program.process.send_signal(signal.SIGTERM)
            ended = asyncio.gather(*calls, return_exceptions=True)
            await asyncio.wait({ended}, timeout=Hosting().http_grace + PATIENCE)  # the web server gives up first
            assert ended.done()
            assert program.process.returncode is None
            assert not upstream.hung_up.is_set()
            upstream.released.set()
            await program.ended()
            await asyncio.wait_for(ended, PATIENCE)
    assert program.errors.count(f"action={SEND} outcome=successful") == len(ERAS)
    assert not upstream.hung_up.is_set()
    assert "Traceback" not in program.errors


async def test_a_client_that_leaves_does_not_cut_a_paid_call() -> None:
    async with scripted(says_when_released(ACCEPTED)) as upstream:
        account = {"CLICKSEND_USERNAME": USERNAME, "CLICKSEND_API_KEY": SECRET, "CLICKSEND_BASE_URL": upstream.url}
        async with running_http(CLICKSEND_MCP_LOG_LEVEL="INFO", **account) as (program, url):
            async with Client(url) as client:
                calling = asyncio.ensure_future(client.call_tool(SEND, GOOD[SEND]))
                await upstream.wait(upstream.arrived)
                calling.cancel()
            upstream.released.set()
            assert f"action={SEND} outcome=successful" in await program.error_line()


async def test_every_line_on_stderr_is_json_where_the_log_is() -> None:
    """The address, and what is wrong with the settings."""
    environment = {"CLICKSEND_MCP_LOG_FORMAT": "json", "CLICKSEND_MCP_DRYRUN": "1"}
    async with running("http", "--port", "0", "--sandbox", **environment) as program:
        told = [json.loads(await program.error_line()) for _ in range(3)]
        program.process.terminate()
        await program.ended()
    assert [line["level"] for line in told] == ["INFO", "WARNING", "INFO"]
    assert told[0]["message"].startswith("Sandbox at http://127.0.0.1:")
    assert (
        told[1]["message"]
        == "every call will be refused: CLICKSEND_MCP_DRYRUN is not a setting: write CLICKSEND_MCP_DRY_RUN"
    )
    assert told[2]["message"].startswith("MCP at http://127.0.0.1:")
