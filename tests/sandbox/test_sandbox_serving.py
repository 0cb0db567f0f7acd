"""Serving a sandbox on a socket: it is ready at once, does not touch signals or output, and ends quickly."""

import signal
import socket
from contextlib import closing

import anyio
import httpx
import pytest

from server.sandbox.serve import running_sandbox


def test_it_accepts_connections_as_soon_as_it_is_there() -> None:
    async def run() -> None:
        handler = signal.getsignal(signal.SIGINT)
        async with running_sandbox(username="tester", api_key="key") as sandbox:
            assert signal.getsignal(signal.SIGINT) is handler
            async with httpx.AsyncClient(base_url=sandbox.url, auth=("tester", "key")) as client:
                assert (await client.get("/v3/lists")).status_code == 200
        assert signal.getsignal(signal.SIGINT) is handler

    anyio.run(run)


def test_it_listens_on_ipv6_too() -> None:
    async def run() -> None:
        async with running_sandbox("::1") as sandbox, httpx.AsyncClient() as client:
            assert sandbox.url.startswith("http://[::1]:")
            assert (await client.get(f"{sandbox.url}/_sandbox/state")).status_code == 200

    anyio.run(run)


def test_a_port_that_is_taken_is_an_error() -> None:
    async def run(port: int) -> None:
        async with running_sandbox(port=port):
            pytest.fail("it started")

    with closing(socket.create_server(("127.0.0.1", 0))) as taken, pytest.raises(OSError, match="in use"):
        anyio.run(run, taken.getsockname()[1])


def test_it_ends_in_silence_with_connections_open_and_work_left(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as client, anyio.create_task_group() as tasks:
            async with running_sandbox() as sandbox:
                await client.get(f"{sandbox.url}/_sandbox/state")  # its connection stays open
                fault = {"kind": "delay", "seconds": 3600}
                await client.post(f"{sandbox.url}/_sandbox/faults", json=fault)
                tasks.start_soon(cut_off, client, f"{sandbox.url}/v3/lists")
                await fault_is_met(client, sandbox.url)
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{sandbox.url}/_sandbox/state")

    async def fault_is_met(client: httpx.AsyncClient, url: str) -> None:
        for _ in range(1000):
            if not (await client.get(f"{url}/_sandbox/faults")).json()["faults"]:
                return
        pytest.fail("the request never arrived")

    async def cut_off(client: httpx.AsyncClient, url: str) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url, timeout=60)

    anyio.run(run)
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_hundreds_of_connections_at_once_are_accepted() -> None:
    async def run() -> None:
        async with running_sandbox() as sandbox:
            port = int(sandbox.url.rpartition(":")[2])
            async with anyio.create_task_group() as tasks:
                for _ in range(400):
                    tasks.start_soon(ask, port)

    async def ask(port: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"GET /_sandbox/faults HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")

    anyio.run(run)
