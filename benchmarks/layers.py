"""What of a call's processor time is whose: the SDK's and the wire's, the client's, and the rest."""

from collections import defaultdict
from contextlib import AsyncExitStack

from load import Work
from parts import Part, Scale, Table, number
from peers import BARE, OURS, Place, Subject, bare, server
from speed import AT_ONCE, CEILING, KINDS, MILLI, SHARE, SLOW, WAYS, Series, measure

_CLIENT = "httpx on our connections"


async def layers(place: Place, scale: Scale) -> Part:
    """Calls that are refused at once, bare calls to the upstream, and whole calls."""
    found: dict[tuple[str, str], Series] = defaultdict(Series)
    async with AsyncExitStack() as stack:
        servers: dict[str, Subject] = {}
        for way in WAYS:
            servers[" ".join(way)] = await stack.enter_async_context(server(place, OURS, *way))
        client = await stack.enter_async_context(bare(place, BARE[_CLIENT]))
        for subject in (*servers.values(), client):
            await place.measure(subject, Work("mixed", in_flight=8, calls=100))
        await place.control(f"PUT /_latency/{SLOW}")
        for _ in range(scale.rounds):
            for kind in (*KINDS, "wrong"):
                work = Work(kind, in_flight=AT_ONCE, seconds=scale.seconds)
                for name, subject in servers.items():
                    await measure(place, subject, work, found[name, kind])
                if kind in KINDS:
                    await measure(place, client, work, found[_CLIENT, kind])
    table = Table(("Way", "Call", "CPU ms", "refused at once", _CLIENT, "the rest"))
    for name in servers:
        for kind in KINDS:
            whole, refused, called = (found[key].middle for key in ((name, kind), (name, "wrong"), (_CLIENT, kind)))
            table.rows.append((name, kind, *map(number, (whole, refused, called, whole - refused - called))))
    text = (
        f"Processor time of our server for a call, {AT_ONCE} at once, with an upstream of {SLOW} ms. A call that is "
        "refused at once has a wrong argument: it goes all the way through the transport, the SDK and our checks, and "
        "never comes to the client. The rest is what the guard, the ledger with its threads, the answer's size and the "
        f"waiting of {AT_ONCE} tasks add. The goal for {SLOW} ms, {SHARE} of the ceiling, leaves a call "
        f"{MILLI / CEILING / SHARE:.2f} ms in all."
    )
    return Part("What a call is made of", text, [table])
