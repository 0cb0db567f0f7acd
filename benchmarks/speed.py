"""Speed: the cold start, one call at a time, concurrent calls, and a batch of 1,000 messages."""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

from load import Measured, Work
from machine import processor_seconds
from parts import Bars, Part, Scale, Table, compared, number, percentile, shown_ratio
from peers import BARE, FLOOR, HTTP, OURS, PEERS, STDIO, Peer, Place, Subject, bare, server
from wire import ERAS, LEGACY, MODERN

Way = tuple[str, str]  # the transport and the era
WAYS: tuple[Way, ...] = tuple((way, era) for way in (STDIO, HTTP) for era in ERAS)
NO_MCP: Way = ("no MCP", "")
KINDS = ("read", "send")
AT_ONCE = 64
SLOW = 50  # milliseconds
CEILING = AT_ONCE / (SLOW / 1000)
SHARE = 0.8  # of the ceiling; the goal
MILLI = 1000
BUDGET = MILLI / CEILING / SHARE  # milliseconds of processor time that this leaves per call
_STARTING = "Both load the SDK, which takes nearly all of it; ours also builds the definitions from its models."
_REASONS = {
    "read": "Ours checks, sanitizes and shortens what the floor passes on unchanged.",
    "send": (
        "Ours writes a send to the ledger, and waits for the disk in a thread, before it leaves; the floor writes "
        'nothing. The section "Cost of each step" shows how much that takes.'
    ),
}
_STREAM = (
    "Over HTTP the SDK answers the older protocol with an event stream, in ours and in the floor alike. The section "
    '"CPU time per call" shows how much a call that is refused at once takes in either protocol.'
)
_ONE_CORE = (
    f"A server of one process has one core, which leaves {BUDGET:.2f} ms per call; the section "
    '"CPU time per call" shows what takes how much. Sends that were written together leave together and, because the '
    "upstream takes exactly 50 ms, return together, with nothing to do in between."
)
_LOOKED_AT = (
    "Bare httpx inspects nothing. A server takes in 1,000 messages and passes on 1,000 answers, which is what the "
    'floor takes; ours also checks, records and shortens them. The section "Cost of each step" has each step.'
)


class Series:
    """Measurements of one subject at one kind of work, round by round."""

    def __init__(self) -> None:
        self.rounds: list[Measured] = []
        self.processor: list[float] = []  # milliseconds per call

    @property
    def halves(self) -> list[float]:
        """The p50 of each round in milliseconds."""
        return [median(one.latencies) * MILLI for one in self.rounds]

    @property
    def rates(self) -> list[float]:
        """Calls per second in each round."""
        return [one.answered / one.seconds for one in self.rounds]

    def at(self, part: float) -> float:
        """A percentile over all rounds in milliseconds."""
        return percentile([latency for one in self.rounds for latency in one.latencies], part) * MILLI


async def measure(place: Place, subject: Subject, work: Work, series: Series) -> None:
    """Measure one round, with the processor time of the process."""
    before = processor_seconds(subject.pid)
    measured = await place.measure(subject, work)
    series.processor.append((processor_seconds(subject.pid) - before) * MILLI / measured.made)
    series.rounds.append(measured)


@asynccontextmanager
async def everybody(
    place: Place, ways: tuple[Way, ...] = WAYS, peers: tuple[Peer, ...] = PEERS
) -> AsyncIterator[Mapping[tuple[str, Way], Subject]]:
    """All servers over all transports, and bare httpx, running and warmed up."""
    async with AsyncExitStack() as stack:
        subjects: dict[tuple[str, Way], Subject] = {}
        for way in ways:
            for peer in peers:
                subjects[peer.name, way] = await stack.enter_async_context(server(place, peer, *way))
        for name, kind in BARE.items():
            subjects[name, NO_MCP] = await stack.enter_async_context(bare(place, kind))
        for subject in subjects.values():
            await place.measure(subject, Work("mixed", in_flight=8, calls=100))
        yield subjects


async def start(place: Place, scale: Scale) -> Part:
    """From the start of the process to the tool list."""
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in range(scale.starts + 1):
        for era in ERAS:
            for peer in PEERS:
                begin = time.perf_counter()
                async with server(place, peer, STDIO, era) as started:
                    await started.tools()
                    if turn:  # the first start compiles bytecode
                        taken[peer.name, era].append((time.perf_counter() - begin) * MILLI)
    table = Table(("Server", "Protocol", "p50 ms", "fastest", "slowest", "vs. floor"))
    for era in ERAS:
        for peer in PEERS:
            own = taken[peer.name, era]
            ratio = shown_ratio(own, taken[FLOOR.name, era])
            table.rows.append((peer.name, era, *map(number, (median(own), min(own), max(own))), ratio))
    goals = [
        compared(
            f"Cold start, {era}",
            taken[OURS.name, era],
            taken[FLOOR.name, era],
            1.10,
            "ms",
            against=FLOOR.name,
            why=_STARTING,
        )
        for era in ERAS
    ]
    bars = [Bars("Cold start", "ms", [(peer.name, median(taken[peer.name, MODERN])) for peer in PEERS])]
    text = "From the start of the process until `tools/list` is answered over stdio, including the handshake."
    return Part("Cold start", text, [table], goals, bars)


async def latency(place: Place, scale: Scale) -> Part:
    """One call at a time."""
    found: dict[tuple[str, Way, str], Series] = defaultdict(Series)
    async with everybody(place) as subjects:
        for _ in range(scale.rounds):
            for kind in KINDS:
                for (name, way), subject in subjects.items():
                    await measure(place, subject, Work(kind, calls=scale.calls), found[name, way, kind])
    table = Table(("", "Transport", "Call", "p50 ms", "p95", "p99", "CPU ms", "p50 vs. floor"))
    goals, bars = [], []
    for kind in KINDS:
        for (name, way, which), series in found.items():
            if which == kind:
                floor = found.get((FLOOR.name, way, kind))
                ratio = shown_ratio(series.halves, floor.halves) if floor else ""
                figures = (median(series.halves), series.at(0.95), series.at(0.99), _mean(series.processor))
                table.rows.append((name, " ".join(way).strip(), kind, *map(number, figures), ratio))
        for way in WAYS:
            ours, theirs = found[OURS.name, way, kind].halves, found[FLOOR.name, way, kind].halves
            what = f"p50 of a {kind}, {' '.join(way)}"
            limit = 1.0 if kind == "read" else 1.4
            goals.append(compared(what, ours, theirs, limit, "ms", against=FLOOR.name, why=_REASONS[kind]))
        for transport in (STDIO, HTTP):
            shown = [(name, series) for (name, way, of), series in found.items() if _pictured(way, of, transport, kind)]
            bars.append(
                Bars(f"p50 of a {kind}, {transport}", "ms", [(name, median(one.halves)) for name, one in shown])
            )
    text = (
        "One call after another; the upstream answers at once. A read is a page of 15 of the history, a send is one "
        "SMS. p95 and p99 are over all rounds. CPU is the server's processor time per call. Ours writes a send to the "
        "ledger, and waits for the disk, before it leaves, which is most of what a send takes beyond a read. The last "
        "section shows the parts."
    )
    return Part("One call at a time", text, [table], goals, bars)


def _pictured(way: Way, of: str, transport: str, kind: str) -> bool:
    """The chart shows the newer protocol, and bare httpx beside it."""
    return of == kind and way in ((transport, MODERN), NO_MCP)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


async def throughput(place: Place, scale: Scale) -> Part:
    """Concurrent calls, with an upstream that answers at once and with a slow one."""
    found: dict[tuple[int, str, Way, str], Series] = defaultdict(Series)
    async with everybody(place) as subjects:
        try:
            for _ in range(scale.rounds):
                for wait in (0, SLOW):
                    await place.control(f"PUT /_latency/{wait}")
                    for kind in KINDS:
                        for (name, way), subject in subjects.items():
                            work = Work(kind, in_flight=AT_ONCE, seconds=scale.seconds)
                            await measure(place, subject, work, found[wait, name, way, kind])
        finally:
            await place.control("PUT /_latency/0")
    tables, goals, bars = [], [], []
    for wait, upstream in ((0, "immediate upstream"), (SLOW, f"upstream of {SLOW} ms")):
        compare = "vs. floor" if wait == 0 else "vs. ceiling"
        table = Table((upstream.capitalize(), "Transport", "Call", "calls/s", "p50 ms", "p99", "CPU ms", compare))
        for (waited, name, way, kind), series in sorted(found.items(), key=lambda item: KINDS.index(item[0][3])):
            if waited == wait:
                against = _against(found.get((wait, FLOOR.name, way, kind)), wait, series)
                ratio = shown_ratio(series.rates, against) if against else ""
                figures = (median(series.rates), median(series.halves), series.at(0.99), _mean(series.processor))
                table.rows.append((name, " ".join(way).strip(), kind, *map(number, figures), ratio))
        tables.append(table)
        for kind in KINDS:
            for way in WAYS:
                series = found[wait, OURS.name, way, kind]
                against = _against(found[wait, FLOOR.name, way, kind], wait, series)
                what = f"{kind.capitalize()}s per second, {upstream}, {' '.join(way)}"
                limit, whom = (1.5, FLOOR.name) if wait == 0 else (SHARE, "ceiling")
                why = _ONE_CORE if wait else _STREAM if way == (HTTP, LEGACY) else _REASONS[kind]
                goals.append(compared(what, series.rates, against, limit, "/s", against=whom, why=why, least=True))
            for transport in (STDIO, HTTP):
                shown = [
                    (name, one)
                    for (at, name, way, of), one in found.items()
                    if at == wait and _pictured(way, of, transport, kind)
                ]
                title = f"{kind.capitalize()}s per second, {AT_ONCE} at once, {upstream}, {transport}"
                bars.append(Bars(title, "/s", [(name, median(one.rates)) for name, one in shown]))
    text = (
        f"{AT_ONCE} calls are in flight at any time. With an upstream that takes {SLOW} ms, at most {CEILING:,.0f} "
        "calls per second are possible: the ceiling. A server of one process comes near it only if a call takes less "
        f"than {MILLI / CEILING:.2f} ms of processor time. The floor and bare httpx show how much of that the SDK and "
        "the client take."
    )
    return Part("Concurrent calls", text, tables, goals, bars)


def _against(floor: Series | None, wait: int, series: Series) -> list[float]:
    if wait:
        return [CEILING] * len(series.rounds)
    return floor.rates if floor else []


async def batch(place: Place, scale: Scale) -> Part:
    """Sends of a thousand messages each."""
    found: dict[tuple[str, Way], Series] = defaultdict(Series)
    async with everybody(place, ((STDIO, MODERN), (HTTP, MODERN))) as subjects:
        for turn in range(scale.rounds + 1):
            for key, subject in subjects.items():
                series = found[key] if turn else Series()  # the first one warms up
                await measure(place, subject, Work("batch", calls=scale.batches), series)
    (limit,) = (series.halves for (name, _), series in found.items() if name == "httpx")
    table = Table(("", "Transport", "p50 ms", "p99", "CPU ms", "vs. bare httpx"))
    for (name, way), series in found.items():
        figures = (median(series.halves), series.at(0.99), _mean(series.processor))
        table.rows.append((name, " ".join(way).strip(), *map(number, figures), shown_ratio(series.halves, limit)))
    goals = [
        compared(
            f"1,000 messages in a send, {way[0]}", series.halves, limit, 1.5, "ms", against="httpx", why=_LOOKED_AT
        )
        for (name, way), series in found.items()
        if name == OURS.name
    ]
    shown = [(f"{name}, {way[0]}".removesuffix(", no MCP"), median(one.halves)) for (name, way), one in found.items()]
    text = (
        "One call with 1,000 different messages. Bare httpx posts the same bytes and reads the answer without "
        "inspecting it; a server also takes in the call, checks it, and passes on the answer. The last section shows "
        "how long each of our steps takes."
    )
    return Part("A send of 1,000 messages", text, [table], goals, [Bars("A send of 1,000 messages", "ms", shown)])
