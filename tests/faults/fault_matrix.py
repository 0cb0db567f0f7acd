"""The fault matrix: every paid action through every fault, checked against what the sandbox really sent.

python tests/faults/fault_matrix.py --seed 20261123 --runs 5000 --ledger sqlite
python tests/faults/fault_matrix.py --seed 20261123 --only 17 --ledger postgres     the story of one run
"""

import argparse
import asyncio
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import fault_report
import httpx
from fault_ledgers import Place, PostgresSchema, SqliteFile, postgres_problem, unique
from fault_plan import Plan, plan
from fault_report import Part
from fault_run import Result, run
from fault_servers import listen_to_logs

from server.sandbox.serve import running_sandbox

SEED = 20261123
RUNS = {"sqlite": 5000, "postgres": 1000}
PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
_WORKERS = 2
_AT_ONCE = 24  # runs in a worker
_IDLE = httpx.Limits(keepalive_expiry=2)  # seconds; the sandbox closes idle connections after 5


def main(argv: Sequence[str] | None = None) -> int:
    """Run the matrix and write the page; 1 if a promise was broken."""
    arguments = _arguments(argv)
    if arguments.worker is not None:
        asyncio.run(_work(arguments))
        return 0
    ledgers = [arguments.ledger] if arguments.ledger else list(RUNS)
    if "postgres" in ledgers and (problem := postgres_problem()):
        sys.stderr.write(f"{problem}\n")
        return 2
    parts = []
    for ledger in ledgers:
        first, runs = (0, arguments.runs or RUNS[ledger]) if arguments.only is None else (arguments.only, 1)
        parts.append(matrix(ledger, arguments.seed, first, runs, sys.stderr.write))
    results = [one for part in parts for one in part.results]
    if arguments.only is not None:
        sys.stdout.write("\n".join(line for one in results for line in (*one.story, *one.violations)) + "\n")
    elif set(ledgers) == set(RUNS):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(fault_report.write(parts, arguments.seed, date.today().isoformat(), _database()))
    return int(any(one.violations for one in results))


def matrix(ledger: str, seed: int, first: int, runs: int, tell: Callable[[str], object] = lambda _: None) -> Part:
    """Do runs of the matrix in worker processes; the results in order."""
    begun = time.monotonic()
    results = []
    for result in _results(ledger, seed, first, runs):
        results.append(result)
        for violation in result.violations:
            tell(f"{ledger} run {result.number}, {result.action}, {result.fault}: {violation}\n")
        if len(results) % 250 == 0:
            tell(f"{ledger}: {len(results)} runs in {time.monotonic() - begun:.0f} s\n")
    assert len(results) == runs, f"{len(results)} of {runs} runs came back"
    names = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
    return Part(names[ledger], sorted(results, key=lambda one: one.number), time.monotonic() - begun)


def _results(ledger: str, seed: int, first: int, runs: int) -> Iterator[Result]:
    """What the workers write, line by line."""
    common = [sys.executable, __file__, "--seed", str(seed), "--ledger", ledger, "--first", str(first)]
    # Not measured: processes that are forked and killed by the hundred take coverage's own files and locks along.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment = plain | {"PYTHONPATH": str(Path(__file__).parent)}  # where forked servers find their modules
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [*common, "--runs", str(runs), "--worker", str(worker)],
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            )
            for worker in range(_WORKERS)
        ]
        for line in _lines(workers):
            yield Result(**json.loads(line))


def _lines(workers: Sequence["subprocess.Popen[str]"]) -> Iterator[str]:
    """The lines of all workers as they come."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            assert worker.stdout
            selector.register(worker.stdout, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                line = key.fileobj.readline()
                if line:
                    yield line
                else:
                    selector.unregister(key.fileobj)


async def _work(arguments: argparse.Namespace) -> None:
    """A worker: its share of the runs, several at once, each with a sandbox that no other run uses."""
    listen_to_logs()
    numbers = iter(range(arguments.first + arguments.worker, arguments.first + arguments.runs, _WORKERS))
    name = unique() + str(arguments.worker)

    async def lane() -> None:
        async with (
            running_sandbox() as sandbox,
            httpx.AsyncClient(base_url=sandbox.url, trust_env=False, timeout=60, limits=_IDLE) as control,
        ):
            for number in numbers:
                chosen = plan(arguments.seed, number, always_processes=arguments.ledger == "postgres")
                result = await run(chosen, sandbox, control, _place(arguments.ledger, Path(folder), name, chosen))
                if not result.violations and arguments.runs > 1:
                    result.story = []
                sys.stdout.write(json.dumps(asdict(result)) + "\n")
                sys.stdout.flush()

    with TemporaryDirectory(prefix="clicksend-mcp-faults-") as folder:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(_AT_ONCE):
                lanes.create_task(lane())


def _place(ledger: str, folder: Path, name: str, chosen: Plan) -> Place:
    if ledger == "postgres":
        return PostgresSchema(name, chosen.number, chosen.variant)
    return SqliteFile(folder, chosen.number, chosen.variant)


def _database() -> str:
    import sqlite3

    import psycopg
    from fault_ledgers import POSTGRES

    with psycopg.connect(POSTGRES) as link:
        number = link.info.server_version
    return f"SQLite {sqlite3.sqlite_version}, PostgreSQL {number // 10_000}.{number % 10_000}"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--runs", type=int, help=f"how many (default: {RUNS})")
    parser.add_argument("--ledger", choices=tuple(RUNS), help="one of both; both write the page (default: both)")
    parser.add_argument("--only", type=int, metavar="N", help="replay run N and tell its story")
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
