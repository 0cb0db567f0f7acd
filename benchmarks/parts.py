"""What a section of the benchmark contributes to the page: tables, goals and bars, and the arithmetic behind them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int = 5
    starts: int = 11
    calls: int = 100  # per kind and round, one at a time
    seconds: float = 2.0  # of a round with concurrent calls
    batches: int = 5  # per round
    soak: int = 100_000
    warm_up: int = 2_000  # calls before the soak's first memory reading


QUICK = Scale(rounds=2, starts=2, calls=15, seconds=0.4, batches=1, soak=600, warm_up=200)


@dataclass(frozen=True)
class Goal:
    """A goal: the figure, what it is compared with, and whether it was met; `why` it is hard to meet."""

    what: str
    figure: str
    against: str
    limit: str
    ratio: str
    met: bool
    why: str = ""


@dataclass
class Table:
    """Rows of text below a head; the first column is left-aligned."""

    head: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Bars:
    """A group of bars in the chart."""

    title: str
    unit: str
    bars: Sequence[tuple[str, float]]


@dataclass
class Part:
    """A section of the page."""

    title: str
    text: str
    tables: list[Table]
    goals: list[Goal] = field(default_factory=list)
    bars: list[Bars] = field(default_factory=list)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours divided by theirs, round by round: what disturbs a round disturbs both."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def shown_ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The median of the rounds' ratios, and their range."""
    all_of_them = ratios(ours, theirs)
    return f"{median(all_of_them):.2f} ({min(all_of_them):.2f} to {max(all_of_them):.2f})"


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which a part of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def compared(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    limit: float,
    unit: str,
    *,
    against: str,
    why: str,
    least: bool = False,
) -> Goal:
    """A goal on the ratio of two series; with `least` the ratio must reach the limit, otherwise stay below it."""
    ratio = median(ratios(ours, theirs))
    return Goal(
        what,
        f"{number(median(ours))} {unit}",
        f"{against} {number(median(theirs))} {unit}",
        f"{'≥' if least else '≤'} {limit:.2f}",
        shown_ratio(ours, theirs),
        ratio >= limit if least else ratio <= limit,
        why,
    )


def bounded(what: str, figure: float, limit: float, unit: str) -> Goal:
    """A goal on a single figure."""
    return Goal(
        what, f"{number(figure)} {unit}", "", f"≤ {number(limit)} {unit}", f"{figure / limit:.2f}", figure <= limit
    )


def number(value: float) -> str:
    """A number without insignificant digits."""
    if value >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"
