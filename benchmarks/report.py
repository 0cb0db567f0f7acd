"""Writes the page docs/benchmark.md."""

import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from textwrap import fill

from parts import Goal, Part, Scale, Table
from peers import ROOT

_OURS = ("clicksend-mcp", "mcp", "httpx", "httpx-aiohttp", "aiohttp", "pydantic", "uvicorn")


def write(parts: Sequence[Part], scale: Scale, machine: str, date: str, *, quick: bool, picture: str) -> str:
    """The whole page."""
    goals = [goal for part in parts for goal in part.goals]
    met = sum(goal.met for goal in goals)
    warning = "**A quick run, as a smoke test: the figures mean nothing.**\n\n" if quick else ""
    return f"""# Benchmark

{warning}Written by `make bench`, {date}. The code that measures is in `benchmarks/`.

{_filled(f"Machine: {machine}. Versions: {_versions()}.")}

![The figures as a bar chart]({picture})

- **clicksend-mcp** is the installed program with default settings: checks, guard and ledger on, log off.
- **floor** is the smallest possible MCP server on the SDK's low-level API: the same 26 definitions, one httpx call for
  each tool call, and ClickSend's answer as text. It checks, guards and records nothing.
- **FastMCP** is `FastMCP.from_openapi` over the same operations, with the httpx2 that it requires.
- **httpx** is not a server: it calls the upstream directly, with its own pool or over our connections. This is the
  physical limit here.

All of them call the same stand-in for ClickSend on this machine, which answers at once or after 50 ms. A separate
process with a minimal JSON-RPC client generates the load. The peers take turns in each of {scale.rounds} rounds
(cold start: {scale.starts}). Figures are medians over the rounds; a ratio is the median of the rounds' ratios, with the
lowest and the highest. A call that failed, or did not reach the upstream exactly once, would have stopped the
benchmark.

## Goals

{met} of {len(goals)} were met.

{_goals(parts)}

{_reasons(goals)}
{chr(10).join(_part(part) for part in parts)}"""


def _versions() -> str:
    listed = f"{ROOT}/.bench/bin/python -m pip list --format=freeze --disable-pip-version-check".split()
    frozen = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    theirs = dict(line.split("==") for line in frozen.splitlines() if "==" in line)
    own = ", ".join(f"{name} {version(name)}" for name in _OURS)
    return f"{own}; FastMCP {theirs['fastmcp']} on mcp {theirs['mcp']}; tokens by bpe-openai {theirs['bpe-openai']}"


def _goals(parts: Sequence[Part]) -> str:
    table = Table(("Goal", "clicksend-mcp", "compared with", "ratio", "goal", ""))
    for part in parts:
        for goal in part.goals:
            met = "met" if goal.met else "**not met**"
            table.rows.append((goal.what, goal.figure, goal.against, goal.ratio, goal.limit, met))
    return markdown(table)


def _reasons(goals: Sequence[Goal]) -> str:
    """Why goals were not met, each reason once."""
    missed: dict[str, list[str]] = {}
    for goal in goals:
        if not goal.met:
            missed.setdefault(goal.why, []).append(goal.what)
    if not missed:
        return ""
    items = [fill(f"- {'; '.join(names)}. {why}", 120, subsequent_indent="  ") for why, names in missed.items()]
    return "\n".join(["Missed goals, and why:\n", *items, ""])


def _part(part: Part) -> str:
    tables = "\n\n".join(markdown(table) for table in part.tables)
    return f"## {part.title}\n\n{_filled(part.text)}\n\n{tables}\n"


def _filled(text: str) -> str:
    return fill(text, 120, break_long_words=False, break_on_hyphens=False)


def markdown(table: Table) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(table.head)} |", f"|---|{'--:|' * (len(table.head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in table.rows)])
