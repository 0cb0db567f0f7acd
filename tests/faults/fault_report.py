"""Writes docs/faults.md: the results of the fault matrix."""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from fault_plan import FAULTS
from fault_run import Result

_TOLD = ("accepted", "partly", "refused", "unknown", "repeat", "none")
_COLUMNS = (
    "runs",
    "fault occurred",
    "calls sent",
    "reported accepted",
    "reported partial",
    "reported refused",
    "reported unknown",
    "repeats stopped",
    "nobody to report to",
    "violations",
)


@dataclass(frozen=True)
class Part:
    """All runs on one kind of ledger."""

    ledger: str
    results: Sequence[Result]
    seconds: float


def write(parts: Sequence[Part], seed: int, date: str, database: str) -> str:
    """The whole page."""
    tables = "\n\n".join(_part(part) for part in parts)
    return f"""# Fault matrix

Written by `make faults`; seed {seed}, {date}. In `tests/faults/`, `fault_plan.py` defines a run and
`fault_checks.py` what is checked after it.

Every run makes a paid call against the sandbox while a fault is injected. The agent then calls again, at once, from a
second server or after a restart, and abandoned sends are reconciled as they would be some minutes later. Finally the
run compares what everybody was told, and what the ledger says, with what the sandbox really sent and charged.
Violations are: anything sent twice; a false report; spending beyond the day's budget; a row of the ledger that says
refused for something sent, or accepted for something not sent; a number, text or secret in the log or ledger. A fault
does not occur if the call ended before it, mostly because the budget was spent, or if the server recovers from it: one
whose connections to PostgreSQL are cut opens new ones.

{_machine(database)}

{tables}

## Limitations

- A full disk is simulated with `RLIMIT_FSIZE` in the server's process, on SQLite only: the matrix cannot fill the disk
  of PostgreSQL's server.
- A server is a Dispatcher; the protocol in front of it has its own tests. A separate process is forked with the
  product's modules loaded, instead of being started from the command line:
  {_processes(parts)}.
- "The same MCP request delivered twice" is two concurrent calls to one Dispatcher.
- The moment of a cancellation or kill follows from the seed only as closely as the machine's load allows.
- A ledger that is deleted for good, or restored from an older copy, is not covered: nothing could then know what was
  sent.
- `CLICKSEND_MCP_DUPLICATE_WINDOW` is 600 seconds throughout; after it, or with 0, a repeat is sent on purpose.
"""


def _machine(database: str) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("anyio", "httpx", "psycopg"))
    return f"Machine: 2 cores; Python {platform.python_version()}; {libraries}; {database}."


def _processes(parts: Sequence[Part]) -> str:
    return ", ".join(
        f"{sum(one.processes for one in part.results):,} of the {len(part.results):,} runs on {part.ledger}"
        for part in parts
    )


def _part(part: Part) -> str:
    budgets = sum(one.budget for one in part.results)
    bad = sum(bool(one.violations) for one in part.results)
    return f"""## {part.ledger}

{len(part.results):,} runs in {part.seconds:.0f} seconds, {budgets:,} of them with a daily budget. Runs with
violations: {bad}.

By fault:

{table(part.results, [fault.name for fault in FAULTS], lambda one: one.fault)}

By action:

{table(part.results, sorted({one.action for one in part.results}), lambda one: one.action)}"""


def table(results: Sequence[Result], names: Iterable[str], of: Callable[[Result], str]) -> str:
    """A Markdown table: one row for each name that has runs, and one for all."""
    lines = [f"| | {' | '.join(_COLUMNS)} |", f"|---|{'--:|' * len(_COLUMNS)}"]
    groups = [(name, [one for one in results if of(one) == name]) for name in names]
    lines += [_row(name, group) for name, group in groups if group]
    return "\n".join([*lines, _row("**all**", results)])


def _row(name: str, results: Sequence[Result]) -> str:
    told: Counter[str] = Counter()
    for one in results:
        told.update(one.told)
    bad = sum(len(one.violations) for one in results)
    numbers = [
        len(results),
        sum(one.met for one in results),
        sum(one.sent for one in results),
        *(told[kind] for kind in _TOLD),
        bad,
    ]
    return f"| {name} | {' | '.join(f'{number:,}' for number in numbers)} |"
