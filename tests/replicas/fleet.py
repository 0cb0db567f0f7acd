"""A fleet: a sandbox, replicas of the real server on one PostgreSQL ledger, and a real nginx in front of them."""

import asyncio
import os
import re
import shutil
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from tempfile import gettempdir
from typing import Any

import httpx
import pytest
from support.guarding import Place
from support.hosting import PROGRAM, environment, free_port, running

TEMPLATE = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NAME = "mcp.example.com"  # under which callers reach the fleet
KEY = "one-key-for-all-replicas-of-a-fleet"
ACCOUNTS = ("acme", "beta", "corp")
PATIENCE = 60  # seconds for anything that is waited for
_MAIN = """daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{ include {folder}/clicksend-mcp.conf; }}
"""


def nginx_problem() -> str | None:
    """Why nginx cannot be used here."""
    return None if shutil.which("nginx", path=_PATH) else "nginx is not there: apt-get install nginx-light"


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


async def until(true: Callable[[], object], what: str) -> None:
    """Wait until something has become true."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():  # noqa: ASYNC110 - bounded above
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about in {PATIENCE} s") from None


@dataclass
class Replica:
    """One process of the server, always on the same port; what it has logged stays when it ends."""

    log: Path
    own: Mapping[str, str]
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        before = self.told().count("MCP at ")
        # Not measured: what is killed takes the measurements of others along.
        plain = {name: value for name, value in environment(**self.own).items() if not name.startswith("COVERAGE")}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *PROGRAM, "http", "--port", str(self.port), stderr=log, env=plain, cwd=gettempdir()
            )
        await until(lambda: self.told().count("MCP at ") > before or self.process.returncode is not None, "a start")
        assert self.process.returncode is None, self.told()

    @property
    def url(self) -> str:
        """Where it listens itself."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def told(self) -> str:
        """Its log."""
        return self.log.read_text() if self.log.exists() else ""

    def served(self) -> set[str]:
        """The ids of the calls in its log."""
        return set(re.findall(r"request=(\S+)", self.told()))

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, and wait for its end; the exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    def memory(self) -> float:
        """Its resident memory in MiB."""
        assert self.process is not None
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024


@dataclass
class Fleet:
    """All of it, and what can be seen of it from outside."""

    url: str  # through nginx
    sandbox: str
    place: Place
    folder: Path
    replicas: Sequence[Replica] = field(default_factory=list)

    def sent(self) -> list[dict[str, Any]]:
        """What was really sent, of all accounts."""
        entries: list[dict[str, Any]] = self.control("GET", "sent")["sent"]
        return entries

    def bodies(self) -> Counter[str]:
        """How often each text was really sent."""
        return Counter(entry["body"] for entry in self.sent())

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Use a control endpoint of the sandbox."""
        with httpx.Client(trust_env=False, verify=False, timeout=PATIENCE) as web:
            answer = web.request(method, f"{self.sandbox}/_sandbox/{name}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tried(self) -> dict[str, tuple[list[str], str]]:
        """By the id of each request that nginx has passed on: the replicas it tried, and the status it answered."""
        found = {}
        for line in (self.folder / "access.log").read_text().splitlines():
            call, status, tried = re.findall(r"^\S+ (\S+) \S+ \S+ (\d+) \[(.*?)\]", line)[0]
            found[call] = (re.findall(r":(\d+)", tried), status)
        return found


@asynccontextmanager
async def fleet(folder: Path, place: Place, count: int, **own: str) -> AsyncIterator[Fleet]:
    """Start all of it; `own` is more of the replicas' environment."""
    if problem := nginx_problem():
        assert os.environ.get("REQUIRE_SERVICES") != "1", f"REQUIRE_SERVICES=1, and {problem}"
        pytest.skip(problem)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(_sandbox())
        shared = {
            "CLICKSEND_BASE_URL": sandbox,
            "CLICKSEND_MCP_LEDGER": place.text,
            "CLICKSEND_MCP_APPROVAL_KEY": KEY,
            "CLICKSEND_MCP_HTTP_AUTH": "basic",
            "CLICKSEND_MCP_HTTP_URL": f"https://{NAME}",
            "CLICKSEND_MCP_HTTP_STATELESS": "1",
            "CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE": "100000",
            "CLICKSEND_MCP_LOG_LEVEL": "INFO",
            **own,
        }
        replicas = [Replica(folder / f"replica-{number}.log", shared) for number in range(count)]
        stack.push_async_callback(_end, replicas)
        await asyncio.gather(*(replica.start() for replica in replicas))
        port = await stack.enter_async_context(_nginx(folder, [replica.port for replica in replicas]))
        running_fleet = Fleet(f"http://127.0.0.1:{port}/mcp", sandbox, place, folder, replicas)
        for name in ACCOUNTS:
            account = {"username": name, "api_key": f"key-of-{name}", "balance": 1_000_000}
            running_fleet.control("POST", "accounts", account)
        yield running_fleet


async def _end(replicas: Sequence[Replica]) -> None:
    for replica in replicas:
        if replica.process is not None:
            await replica.end(signal.SIGKILL)


@asynccontextmanager
async def _sandbox() -> AsyncIterator[str]:
    """The program's own sandbox; its address."""
    async with running("sandbox", "--port", "0") as program:
        found = re.search(r"http://127\.0\.0\.1:\d+", await program.line())
        assert found
        yield found[0]


@asynccontextmanager
async def _nginx(folder: Path, replicas: Sequence[int]) -> AsyncIterator[int]:
    """The real nginx with the template from deploy/; its port."""
    port = free_port()
    (folder / "clicksend-mcp.conf").write_text(filled(TEMPLATE.read_text(), port, replicas, folder))
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    process = await asyncio.create_subprocess_exec(
        "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), stderr=PIPE, env={"PATH": _PATH}
    )
    try:
        await until(lambda: _answers(port) or process.returncode is not None, "nginx")
        assert process.returncode is None, (await process.communicate())[1].decode()
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def filled(template: str, port: int, replicas: Sequence[int], folder: Path) -> str:
    """The template with the addresses of this fleet, as a user fills it in; all else stays as it is."""
    line = re.compile(r"^    server \S+:8000( .*;)\n", re.MULTILINE)
    options = line.findall(template)[0]
    servers = "".join(f"    server 127.0.0.1:{one}{options}\n" for one in replicas)
    text = line.sub("", template).replace("upstream clicksend_mcp {\n", f"upstream clicksend_mcp {{\n{servers}")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    return text.replace("/var/log/nginx/clicksend-mcp.log", f"{folder}/access.log")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
