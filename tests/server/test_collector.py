"""The example of telemetry: traces and metrics of a real server arrive in a real collector, over OTLP."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from mcp import Client
from support import hosting
from support.hosting import ERAS, PATIENCE, running_http
from support.inputs import GOOD, MARKED_NUMBER, MARKED_TEXT, MESSAGE_ID
from support.scripted import BASIC, SECRET, USERNAME, good, says, scripted

pytestmark = pytest.mark.anyio

PROGRAM = Path(__file__).parents[2] / "examples" / "telemetry" / "collector.py"
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
SEND = "CLICKSEND_CREATE_SMS_SEND"
ACCEPTED = good({"messages": [{"to": MARKED_NUMBER, "status": "SUCCESS", "message_id": MESSAGE_ID}]})


@pytest.fixture(autouse=True)
def _installed() -> None:
    if find_spec("rotel") is None or not INSTRUMENT.exists():
        assert os.environ.get("REQUIRE_SERVICES") != "1", (
            "REQUIRE_SERVICES=1, and there is no collector: make collector"
        )
        pytest.skip("needs a collector: make collector")


@asynccontextmanager
async def collector(port: int, grpc: int, file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The collector of the example; what it prints goes to a file."""
    with file.open("wb") as out:
        process = await asyncio.create_subprocess_exec(sys.executable, str(PROGRAM), str(port), str(grpc), stdout=out)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


async def test_traces_and_metrics_arrive_in_a_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port, grpc = free_ports()
    monkeypatch.setattr(hosting, "PROGRAM", (str(INSTRUMENT), *hosting.PROGRAM))
    environment = {
        "CLICKSEND_USERNAME": USERNAME,
        "CLICKSEND_API_KEY": SECRET,
        "CLICKSEND_MCP_DUPLICATE_WINDOW": "0",
        "OTEL_SERVICE_NAME": "clicksend-of-this-test",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
    }
    file = tmp_path / "arrived"
    async with collector(port, grpc, file), scripted(says(ACCEPTED)) as upstream:
        environment["CLICKSEND_BASE_URL"] = upstream.url
        async with running_http(**environment) as (program, url):
            for era in ERAS:
                async with asyncio.timeout(PATIENCE), Client(url, mode=era) as client:
                    result = await client.call_tool(SEND, GOOD[SEND])
                    assert (result.structured_content or {})["successful"]
            program.process.terminate()
            assert await program.ended() == 0  # by then all has been sent
    arrived = file.read_text()
    assert "service.name: Str(clicksend-of-this-test)" in arrived
    assert arrived.count(f": tools/call {SEND}\n") == len(ERAS)
    for request in spans(arrived, "POST /v3/sms/send"):
        (outer,) = [span for span in spans(arrived, f"tools/call {SEND}") if span["ID"] == request["Parent ID"]]
        assert outer["Trace ID"] == request["Trace ID"]
    assert len(spans(arrived, "POST /v3/sms/send")) == len(ERAS)
    assert "-> http.response.status_code: Int(200)" in arrived
    measure = arrived[arrived.rindex("-> Name: http.client.request.duration") :]
    assert "-> Unit: s" in measure
    assert "-> url.template: Str(/v3/sms/send)" in measure
    assert f"Count: {len(ERAS)}" in measure
    for mark in (SECRET, BASIC, MARKED_TEXT, MARKED_NUMBER, MARKED_NUMBER[1:], MESSAGE_ID):
        assert mark not in arrived, mark
    assert not {"traceparent", "tracestate"} & {name for one in upstream.requests for name in one.headers}


def spans(arrived: str, name: str) -> list[dict[str, str]]:
    """The spans of a name, by what the collector prints of each."""
    blocks = [block.split("Attributes:")[0] for block in arrived.split("\nSpan #")[1:]]
    found = [
        dict((part.strip() for part in line.split(":", 1)) for line in b.splitlines() if ":" in line) for b in blocks
    ]
    return [span for span in found if span["Name"] == name]
