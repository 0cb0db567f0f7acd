"""Splits the processor time of a call: SDK and wire, client, and the rest."""

from collections import defaultdict
from statistics import median

from load import Work
from parts import Part, Scale, Table, number
from peers import OURS, Place
from speed import AT_ONCE, BUDGET, KINDS, NO_MCP, SHARE, SLOW, WAYS, Series, Way, everybody, measure

_CLIENT = "httpx on our connections"


async def layers(place: Place, scale: Scale) -> Part:
    """Measure calls refused at once, bare calls to the upstream, and complete calls."""
    found: dict[tuple[str, Way, str], Series] = defaultdict(Series)
    async with everybody(place, peers=(OURS,)) as subjects:
        await place.control(f"PUT /_latency/{SLOW}")
        for _ in range(scale.rounds):
            for kind in (*KINDS, "wrong"):
                work = Work(kind, in_flight=AT_ONCE, seconds=scale.seconds)
                for (name, way), subject in subjects.items():
                    if name == OURS.name or (name == _CLIENT and kind in KINDS):
                        await measure(place, subject, work, found[name, way, kind])
    taken = {key: median(series.processor) for key, series in found.items()}
    table = Table(("Transport", "Call", "CPU ms", "refused at once", _CLIENT, "rest"))
    for way in WAYS:
        refused = taken[OURS.name, way, "wrong"]
        for kind in KINDS:
            whole, called = taken[OURS.name, way, kind], taken[_CLIENT, NO_MCP, kind]
            figures = (whole, refused, called, whole - refused - called)
            table.rows.append((" ".join(way), kind, *map(number, figures)))
    text = (
        f"Processor time of our server per call, with {AT_ONCE} calls in flight and an upstream of {SLOW} ms. A call "
        "that is refused at once has a wrong argument: it passes the transport, the SDK and our checks, and never "
        "reaches the client. The rest comes from the guard, the ledger with its threads, the size of the answer and "
        f"{AT_ONCE} waiting tasks. The goal for {SLOW} ms, {SHARE} of the ceiling, leaves {BUDGET:.2f} ms per call."
    )
    return Part("CPU time per call", text, [table])
