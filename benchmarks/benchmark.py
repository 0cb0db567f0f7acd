"""Compares our server with its peers, and writes docs/benchmark.md and docs/benchmark.svg. Linux only.

`make bench` installs what this needs. A failed call ends the run, and nothing is written.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import chart
import documents
import layers
import report
import size
import speed
import stages
from machine import description
from parts import QUICK, Part, Scale
from peers import ROOT, upstream

SECTIONS = {
    "start": speed.start,
    "memory": size.memory,
    "latency": speed.latency,
    "throughput": speed.throughput,
    "batch": speed.batch,
    "soak": size.soak,
    "context": size.context,
    "layers": layers.layers,
    "stages": stages.stages,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny rounds, as a smoke test")
    parser.add_argument("--only", choices=SECTIONS, action="append", metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, help="rounds per section")
    parser.add_argument(
        "--out", type=Path, help="folder for both files; else docs, or .bench for a quick or partial run"
    )
    return parser.parse_args()


async def _measure(names: list[str], scale: Scale) -> list[Part]:
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        documents.write(Path(folder))
        for name in names:
            begin = time.monotonic()
            async with upstream(Path(folder)) as place:
                part = await SECTIONS[name](place, scale)
            parts.append(part)
            _say(f"{name}: {time.monotonic() - begin:.0f} s")
            for goal in part.goals:
                _say(f"  {'met    ' if goal.met else 'NOT MET'} {goal.what}: {goal.figure}, {goal.ratio}, {goal.limit}")
    return parts


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Measure, and write the page and the chart."""
    options = _options()
    scale = QUICK if options.quick else Scale()
    if options.rounds:
        scale = replace(scale, rounds=options.rounds, starts=options.rounds)
    machine = description()
    date = time.strftime("%Y-%m-%d")
    parts = asyncio.run(_measure(options.only or list(SECTIONS), scale))
    out = options.out or ROOT / (".bench" if options.quick or options.only else "docs")
    out.mkdir(parents=True, exist_ok=True)
    page = report.write(parts, scale, machine, date, quick=options.quick, picture="benchmark.svg")
    (out / "benchmark.md").write_text(page, "utf-8")
    note = f"{date}; {machine}{'; a quick run: the figures mean nothing' if options.quick else ''}"
    (out / "benchmark.svg").write_text(chart.draw([bars for part in parts for bars in part.bars], note), "utf-8")
    _say(f"Written: {out / 'benchmark.md'} and benchmark.svg")


if __name__ == "__main__":
    main()
