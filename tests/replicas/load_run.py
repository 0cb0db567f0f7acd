"""The load run: 64 concurrent callers on three accounts, against replicas behind nginx; writes docs/load.md.

PYTHONPATH=tests python tests/replicas/load_run.py --seconds 300 --replicas 2
"""

import argparse
import asyncio
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from fleet import ACCOUNTS, Fleet, fleet, nginx_problem
from fleet_calls import ERAS, Caller
from load_calls import Agent, Tally
from support.guarding import Place, postgres_place

PAGE = Path(__file__).parents[2] / "docs" / "load.md"
CALLERS = 64
LIMITS = {"CLICKSEND_MCP_HTTP_CALLS_AT_ONCE": "64", "CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE": "1000000"}


@dataclass
class Run:
    """The results of a run."""

    replicas: int
    callers: int
    seconds: float
    tally: Tally
    not_once: list[str]  # texts that were not sent exactly once, or not reported
    before: list[float]  # memory of each replica in MiB
    after: list[float] = field(default_factory=list)
    served: list[int] = field(default_factory=list)  # calls of each replica

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        return bool(self.tally.calls) and not (self.tally.errors or self.tally.mixed_up or self.not_once)


async def load(folder: Path, place: Place, *, replicas: int, callers: int, seconds: float) -> Run:
    """Let callers call as fast as they get answers."""
    async with fleet(folder, place, replicas, **LIMITS) as running, AsyncExitStack() as stack:
        tally = Tally()
        agents = []
        for number in range(callers):
            # Half of each account's callers use each era.
            caller = Caller(running.url, ACCOUNTS[number % 3], ERAS[number // 3 % 2])
            agents.append(Agent(await stack.enter_async_context(caller), number, tally))
        await asyncio.gather(*(agent.begin() for agent in agents))
        tally.took.clear()
        before = [replica.memory() for replica in running.replicas]
        begun = monotonic()

        async def work(agent: Agent) -> None:
            while monotonic() - begun < seconds:
                await agent.one()

        await asyncio.gather(*map(work, agents))
        run = Run(replicas, callers, monotonic() - begun, tally, _not_once(running, tally), before)
        run.after = [replica.memory() for replica in running.replicas]
        run.served = [len(replica.served()) for replica in running.replicas]
        return run


def _not_once(running: Fleet, tally: Tally) -> list[str]:
    """Texts whose sends in the sandbox differ from what the callers were told."""
    told = dict(tally.sent)
    really: dict[tuple[str, str], int] = {}
    for entry in running.sent():
        key = (entry["account"], entry["body"])
        really[key] = really.get(key, 0) + 1
    return [
        f"{account} {body}" for account, body in told.keys() | really.keys() if not _once((account, body), told, really)
    ]


def _once(key: tuple[str, str], *counts: dict[tuple[str, str], int]) -> bool:
    return all(count.get(key) == 1 for count in counts)


def page(run: Run, smaller: Sequence[Run]) -> str:
    """The page docs/load.md."""
    every = sorted(second for seconds in run.tally.took.values() for second in seconds)
    rows = "\n".join(_row(tool, sorted(seconds)) for tool, seconds in sorted(run.tally.took.items()))
    replicas = "\n".join(
        f"| {number} | {served:,} | {before:.0f} | {after:.0f} |"
        for number, (served, before, after) in enumerate(zip(run.served, run.before, run.after, strict=True), start=1)
    )
    growth = "\n".join(
        f"| {one.replicas} | {one.tally.calls / one.seconds:.0f} | {_bad(one)} |" for one in (*smaller, run)
    )
    return f"""# Load run

Written by `make load`, {datetime.now(UTC):%Y-%m-%d}. {run.callers} callers on three ClickSend accounts (HTTP Basic),
half of each account's in the newer era and half in the older one, call {run.replicas} replicas through nginx for
{run.seconds:.0f} seconds, each as fast as it gets answers. The run checks that every answer belongs to its caller:
texts, names and references in it are the caller's own, rows of histories and lists are from its account. In the end
every message must have been sent exactly once, and reported to its caller.

{_machine()}

| | |
|---|--:|
| calls | {run.tally.calls:,} |
| calls per second | {run.tally.calls / run.seconds:.0f} |
| messages sent, each once | {sum(run.tally.sent.values()):,} |
| errors | {sum(run.tally.errors.values())} |
| answers of another caller | {len(run.tally.mixed_up)} |
| sent twice, or not reported | {len(run.not_once)} |

| Tool | calls | p50 ms | p95 ms | p99 ms |
|---|--:|--:|--:|--:|
{rows}
{_row("**all**", every)}

| Replica | calls | memory at the start, MiB | at the end |
|---|--:|--:|--:|
{replicas}

## Scaling

Each ran for {smaller[0].seconds if smaller else run.seconds:.0f} seconds, the last for {run.seconds:.0f}:

| Replicas | calls per second | errors, mix-ups, not once |
|--:|--:|--:|
{growth}

The callers, nginx, PostgreSQL, the simulated ClickSend and the replicas share this machine's {os.cpu_count()} cores, so
these numbers show what one machine with everything on it achieves. They do not show what more replicas on their own
machines would. A call's latency is its wait for a core among {run.callers} calls in flight.
"""


def _row(name: str, seconds: list[float]) -> str:
    points = " | ".join(
        f"{seconds[min(len(seconds) - 1, int(len(seconds) * part))] * 1000:.0f}" for part in (0.5, 0.95, 0.99)
    )
    return f"| {name} | {len(seconds):,} | {points} |"


def _bad(run: Run) -> int:
    return sum(run.tally.errors.values()) + len(run.tally.mixed_up) + len(run.not_once)


def _machine() -> str:
    import psycopg
    from support.guarding import POSTGRES

    with psycopg.connect(POSTGRES) as link:
        number = link.info.server_version
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip().partition("/")[2]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("mcp", "uvicorn", "httpx", "psycopg"))
    return (
        f"Machine: {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}; {libraries};\n"
        f"nginx {nginx}; PostgreSQL {number // 10_000}.{number % 10_000}."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run and write the page; 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--growth", type=float, default=30, help="seconds per smaller number of replicas; 0 for none")
    arguments = parser.parse_args(argv)
    if problem := nginx_problem():
        sys.stderr.write(f"{problem}\n")
        return 2
    os.environ["REQUIRE_SERVICES"] = "1"  # or a missing database would look like a skipped test
    numbers = range(1, arguments.replicas) if arguments.growth else ()
    plan = [*((number, arguments.growth) for number in numbers), (arguments.replicas, arguments.seconds)]
    runs = [_run(number, seconds) for number, seconds in plan]
    PAGE.write_text(page(runs[-1], runs[:-1]))
    return int(not all(run.good for run in runs))


def _run(replicas: int, seconds: float) -> Run:
    with TemporaryDirectory(prefix="clicksend-mcp-load-") as folder, postgres_place() as place:
        run = asyncio.run(load(Path(folder), place, replicas=replicas, callers=CALLERS, seconds=seconds))
    sys.stderr.write(f"{replicas} replicas: {run.tally.calls} calls in {run.seconds:.0f} s\n")
    for trouble in (*run.tally.errors.items(), *run.tally.mixed_up[:20], *run.not_once[:20]):
        sys.stderr.write(f"  {trouble}\n")
    return run


if __name__ == "__main__":
    sys.exit(main())
