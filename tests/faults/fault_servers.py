"""The servers of the matrix: a Dispatcher in this process, or a process of its own that can be killed at each step."""

import asyncio
import itertools
import json
import logging
import multiprocessing
import os
import resource
import signal
import ssl
from contextvars import ContextVar
from dataclasses import dataclass, replace
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any

import anyio
import anyio.to_thread
import httpx

import server.clicksend.client
import server.guard.guard  # noqa: F401 - so that the process servers are forked from has imported it already
import server.ledger.ledger as ledger_module
from schemas.envelope import Envelope
from server.calls.dispatch import Dispatcher
from server.config.ledger import LedgerSettings
from server.config.limits import Limits
from server.config.settings import Credentials, Settings
from server.runtime.logs import PrivateFormatter
from tools.catalog import catalog

# The sandbox speaks plain HTTP, and reading all certificates for each server takes a third of the matrix's time.
_TLS = ssl.create_default_context()
httpx._transports.default.create_ssl_context = lambda **_: _TLS

LOGGED: ContextVar[list[str]] = ContextVar("LOGGED")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["fault_matrix", "fault_servers", "anyio._backends._asyncio", "psycopg", "sqlite3"])


@dataclass(frozen=True)
class Spec:
    """What a server is started with. `kill_at`: the step at which its process kills itself."""

    url: str
    username: str
    secret: str
    ledger: str
    budget: Decimal | None
    deadline: float
    kill_at: str = ""
    disk_full: bool = False

    def settings(self) -> Settings:
        """The product's settings for it."""
        return Settings(
            credentials=Credentials(self.username, self.secret),
            base_url=self.url,
            connect_timeout=5,
            read_timeout=self.deadline,
            total_timeout=self.deadline,
            attempts=2,
            reconcile_after=(0,),
            limits=Limits(max_cost_per_day=self.budget),
            ledger=LedgerSettings(self.ledger),
        )

    def harmless(self) -> "Spec":
        """The same server, without what makes it fail."""
        return replace(self, kill_at="", disk_full=False)


class _Lines(logging.Handler):
    """Hands each line of the log to the run it belongs to."""

    def emit(self, record: logging.LogRecord) -> None:
        lines = LOGGED.get(None)
        if lines is not None:
            lines.append(self.format(record))


def listen_to_logs(handler: logging.Handler | None = None) -> None:
    """Log as the product does, at its most talkative, to where the matrix can read it."""
    handler = handler or _Lines()
    handler.setFormatter(PrivateFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("clicksend_mcp").setLevel("DEBUG")


class InProcess:
    """A server inside this process."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._stop = anyio.Event()
        self._ready: asyncio.Future[Dispatcher] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live())
        self.alive = True

    async def _live(self) -> None:
        async with Dispatcher(self._spec.settings()) as dispatcher:
            self._ready.set_result(dispatcher)
            await self._stop.wait()

    async def call(self, slug: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """The envelope of a call."""
        dispatcher = await self._ready
        envelope = await dispatcher.call(catalog()[slug], arguments)
        assert isinstance(envelope, Envelope)
        return envelope.model_dump()

    def kill(self) -> None:
        """Let it end by itself; nobody waits for it."""
        self._stop.set()

    async def close(self) -> None:
        """Stop it the way a host does; calls that have left are finished."""
        self._stop.set()
        await self._task
        self.alive = False


class Process:
    """A server in a process of its own; what it logs comes with its answers."""

    def __init__(self, spec: Spec) -> None:
        self._link, theirs = _FORKS.Pipe()
        self._process = _FORKS.Process(target=_serve, args=(theirs, spec), daemon=True)
        self._process.start()
        theirs.close()
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any] | None]] = {}
        self._reader = asyncio.create_task(self._read())
        self.alive = True

    async def call(self, slug: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """The envelope of a call; None if the process died first. A cancellation is passed on, as a host does."""
        number = next(self._numbers)
        self._waiting[number] = answer = asyncio.get_running_loop().create_future()
        self._tell("call", number, slug, arguments)
        try:
            return await answer
        except asyncio.CancelledError:
            self._tell("cancel", number)
            raise

    def fill_disk(self) -> None:
        """Let its files grow no more."""
        self._tell("disk full")

    def kill(self) -> None:
        """End it without a warning."""
        self._process.kill()

    async def close(self) -> None:
        """Stop it the way a host does; calls that have left are finished."""
        self._tell("stop")
        await self._reader
        await anyio.to_thread.run_sync(self._process.join)
        self._link.close()

    def _tell(self, *words: Any) -> None:
        try:
            self._link.send(words)
        except (BrokenPipeError, ConnectionResetError):
            self._give_up()

    async def _read(self) -> None:
        """Hand answers to those who wait for them, until the process has ended."""
        while True:
            try:
                kind, number, content = await anyio.to_thread.run_sync(self._link.recv)
            except (EOFError, ConnectionResetError):
                return self._give_up()
            if kind == "log":
                LOGGED.get().append(content)
            elif not self._waiting[number].done():
                self._waiting[number].set_result(content)

    def _give_up(self) -> None:
        self.alive = False
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)


class _Sent(logging.Handler):
    """Sends each line of the log to the parent, so that a killed process has told it."""

    def __init__(self, link: Connection) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        self._link.send(("log", 0, self.format(record)))


def _serve(link: Connection, spec: Spec) -> None:
    """The main function of a process: does as it is told until it is told to stop."""
    listen_to_logs(_Sent(link))
    if spec.kill_at:
        _kill_at(spec.kill_at)
    if spec.disk_full:
        _fill_disk()
    anyio.run(_obey, link, spec)
    os._exit(0)


async def _obey(link: Connection, spec: Spec) -> None:
    scopes: dict[int, anyio.CancelScope] = {}

    async def call(number: int, slug: str, arguments: dict[str, Any]) -> None:
        with scopes[number]:
            envelope = await dispatcher.call(catalog()[slug], arguments)
            assert isinstance(envelope, Envelope)
            link.send(("answer", number, json.loads(envelope.model_dump_json())))

    async with Dispatcher(spec.settings()) as dispatcher, anyio.create_task_group() as tasks:
        while True:
            match await anyio.to_thread.run_sync(link.recv):
                case ("call", number, slug, arguments):
                    scopes[number] = anyio.CancelScope()
                    tasks.start_soon(call, number, slug, arguments)
                case ("cancel", number):
                    scopes[number].cancel()
                case ("disk full",):
                    _fill_disk()
                case _:
                    return


def _fill_disk() -> None:
    """Let no file of this process be written beyond its first byte, which is what a full disk comes to."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


def _kill_at(step: str) -> None:
    """Let the ledger of this process kill it before or after a write."""
    when, write = step.split()

    class Deadly(ledger_module.Ledger):
        """Kills its process at a step."""

        async def start(self, *args: Any, **named: Any) -> Any:
            return await _deadly(super().start, "start", *args, **named)

        async def finish(self, *args: Any, **named: Any) -> Any:
            return await _deadly(super().finish, "finish", *args, **named)

    async def _deadly(method: Any, name: str, *args: Any, **named: Any) -> Any:
        if (when, write) == ("before", name):
            os.kill(os.getpid(), signal.SIGKILL)
        result = await method(*args, **named)
        if (when, write) == ("after", name):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    ledger_module.Ledger = Deadly  # type: ignore[misc]


Server = InProcess | Process
