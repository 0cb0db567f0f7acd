"""How fast: the start, one call at a time, many at once, and a batch of a thousand messages."""

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
SHARE = 0.8  # of the ceiling, to be reached
MILLI = 1000
BUDGET = MILLI / CEILING / SHARE  # milliseconds of processor time that leaves a call
_STARTING = "Both load the SDK, which is nearly all of it; ours makes the definitions from its models besides."
_REASONS = {
    "read": "Ours checks, cleans and shortens what the floor hands on as it is.",
    "send": (
        "A send of ours is written to the ledger, and the disk waited for in a thread, before it leaves; the floor "
        'writes nothing. The section "Where it goes" shows what that takes.'
    ),
}
_STREAM = (
    'Over HTTP the SDK answers the older protocol with an event stream, ours and the floor alike: the section "What a '
    'call is made of" shows how much a call takes that is refused at once, in either protocol.'
)
_ONE_CORE = (
    f"A server of one process has one core, and a call has to do with {BUDGET:.2f} ms of it; the "
    'section "What a call is made of" shows what takes how much. Sends that were written together leave together and, '
    "as the upstream takes exactly 50 ms, come back together, with nothing to do in between."
)
_LOOKED_AT = (
    "Bare httpx looks at nothing. A server takes 1,000 messages in and hands 1,000 answers on, which is what the floor "
    'takes; ours checks, records and shortens them besides: the section "Where it goes" has each step.'
)


class Series:
    """What was measured of one subject at one kind of work, round by round."""

    def __init__(self) -> None:
        self.rounds: list[Measured] = []
        self.processor: list[float] = []  # milliseconds a call

    @property
    def halves(self) -> list[float]:
        """The p50 of each round in milliseconds."""
        return [median(one.latencies) * MILLI for one in self.rounds]

    @property
    def rates(self) -> list[float]:
        """Calls a second of each round."""
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
    """All servers in all ways and bare httpx, running and warm."""
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
                    if turn:  # the first one compiles
                        taken[peer.name, era].append((time.perf_counter() - begin) * MILLI)
    table = Table(("Server", "Protocol", "p50 ms", "fastest", "slowest", "of the floor"))
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
    text = "From the start of the process until `tools/list` is answered over stdio, the client's greeting included."
    return Part("Cold start", text, [table], goals, bars)


async def latency(place: Place, scale: Scale) -> Part:
    """One call at a time."""
    found: dict[tuple[str, Way, str], Series] = defaultdict(Series)
    async with everybody(place) as subjects:
        for _ in range(scale.rounds):
            for kind in KINDS:
                for (name, way), subject in subjects.items():
                    await measure(place, subject, Work(kind, calls=scale.calls), found[name, way, kind])
    table = Table(("", "Way", "Call", "p50 ms", "p95", "p99", "CPU ms", "p50, of the floor"))
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
        "SMS. p95 and p99 are over all rounds. CPU is the server's processor time a call. A send of ours is written to "
        "the ledger, and the disk waited for, before it leaves, which is most of what it takes beyond a read: the last "
        "section shows the parts."
    )
    return Part("One call at a time", text, [table], goals, bars)


def _pictured(way: Way, of: str, transport: str, kind: str) -> bool:
    """The newer protocol stands in the picture, and bare httpx beside it."""
    return of == kind and way in ((transport, MODERN), NO_MCP)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


async def throughput(place: Place, scale: Scale) -> Part:
    """Many calls at once, with an upstream that answers at once and with one that takes its time."""
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
        compare = "of the floor" if wait == 0 else "of the ceiling"
        table = Table((upstream.capitalize(), "Way", "Call", "calls/s", "p50 ms", "p99", "CPU ms", compare))
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
                what = f"{kind.capitalize()}s a second, {upstream}, {' '.join(way)}"
                limit, whom = (1.5, FLOOR.name) if wait == 0 else (SHARE, "ceiling")
                why = _ONE_CORE if wait else _STREAM if way == (HTTP, LEGACY) else _REASONS[kind]
                goals.append(compared(what, series.rates, against, limit, "/s", against=whom, why=why, least=True))
            for transport in (STDIO, HTTP):
                shown = [
                    (name, one)
                    for (at, name, way, of), one in found.items()
                    if at == wait and _pictured(way, of, transport, kind)
                ]
                title = f"{kind.capitalize()}s a second, {AT_ONCE} at once, {upstream}, {transport}"
                bars.append(Bars(title, "/s", [(name, median(one.rates)) for name, one in shown]))
    text = (
        f"{AT_ONCE} calls under way at any time. With an upstream that takes {SLOW} ms no more than "
        f"{CEILING:,.0f} calls a second are possible: the ceiling. A server of one process comes near it only if a "
        f"call takes it less than {MILLI / CEILING:.2f} ms of processor time; the floor and bare httpx show how much "
        "of that the SDK and the client take by themselves."
    )
    return Part("Many calls at once", text, tables, goals, bars)


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
    table = Table(("", "Way", "p50 ms", "p99", "CPU ms", "of bare httpx"))
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
        "One call with 1,000 messages, all different. Bare httpx posts the same bytes and reads the answer without "
        "looking at it; a server also takes the call in, checks it, and hands the answer on. The last section shows "
        "what each step of ours takes."
    )
    return Part("A send of 1,000 messages", text, [table], goals, [Bars("A send of 1,000 messages", "ms", shown)])
