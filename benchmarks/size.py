"""Sizes: memory at rest and over 100,000 calls, and how much of a model's context the tools take."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections import defaultdict
from statistics import median
from typing import Any

from answers import PAGES, REFUSED, sent
from load import READ, SEND, Work, message
from machine import resident
from parts import Bars, Goal, Part, Scale, Table, bounded, compared, number, shown_ratio
from peers import FASTMCP, FLOOR, HERE, HTTP, OURS, PEERS, ROOT, STDIO, Place, Server, server
from wire import MODERN

STEPS = 5  # memory readings during the soak
MOST_GROWTH = 0.02
AT_ONCE = 16
_LOADED_LATER = (
    "The first call loads httpx with aiohttp's connections, the first send loads the ledger; the section \"Cost of "
    'each step" shows how much each takes. The floor has only httpx, from its start.'
)
_HEAP = (
    "Live data does not grow: the readings in between show that the heap reaches its size and stays there. Over stdio "
    "large buffers are kept out of the heap (server/runtime/tuning.py); over HTTP that would cost more time than it "
    "saves memory."
)
CONTACTS = "CLICKSEND_GET_LISTS_CONTACTS"


async def memory(place: Place, scale: Scale) -> Part:
    """Resident memory of a fresh server."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    moments = ("after tools/list", "after 100 calls")
    for _ in range(scale.rounds):
        for way in (STDIO, HTTP):
            for peer in PEERS:
                async with server(place, peer, way, MODERN) as started:
                    await started.tools()
                    found[way, moments[0], peer.name].append(resident(started.pid))
                    await place.measure(started, Work("mixed", calls=100))
                    found[way, moments[1], peer.name].append(resident(started.pid))
    table = Table(("Server", "Transport", "When", "MiB", "vs. floor"))
    goals = []
    for (way, moment, name), own in found.items():
        floor = found[way, moment, FLOOR.name]
        table.rows.append((name, way, moment, number(median(own)), shown_ratio(own, floor)))
        if name == OURS.name:
            what = f"Memory {moment}, {way}"
            goals.append(compared(what, own, floor, 1.10, "MiB", against=FLOOR.name, why=_LOADED_LATER))
    bars = [
        Bars(
            f"Memory {moments[1]}, {way}",
            "MiB",
            [(one.name, median(found[way, moments[1], one.name])) for one in PEERS],
        )
        for way in (STDIO, HTTP)
    ]
    text = (
        "Resident memory (VmRSS) of a fresh server. The 100 calls alternate between reads and sends. The floor has "
        "loaded everything before its first answer; ours loads the client with the first call, and the ledger, which "
        "the floor lacks, with the first send. The last section shows how much each takes."
    )
    return Part("Memory", text, [table], goals, bars)


async def soak(place: Place, scale: Scale) -> Part:
    """Many calls on one server, and how much its memory grows."""
    shares = (f"{part * 100 // STEPS} %" for part in range(STEPS + 1))
    table = Table(("Transport", "calls", *shares, "growth", "calls/s"))
    goals = []
    for way in (STDIO, HTTP):
        async with server(place, OURS, way, MODERN) as started:
            await place.measure(started, Work("mixed", in_flight=AT_ONCE, calls=scale.warm_up))
            seen, seconds = [resident(started.pid)], 0.0
            for _ in range(STEPS):
                work = Work("mixed", in_flight=AT_ONCE, calls=scale.soak // STEPS)
                seconds += (await place.measure(started, work)).seconds
                seen.append(resident(started.pid))
        growth = seen[-1] / seen[0] - 1
        figures = [f"{one:.1f} MiB" for one in seen]
        table.rows.append((way, f"{scale.soak:,}", *figures, f"{growth:+.1%}", number(scale.soak / seconds)))
        goals.append(
            Goal(
                f"Growth over {scale.soak:,} calls, {way}",
                f"{seen[-1]:.1f} MiB",
                f"at the start {seen[0]:.1f} MiB",
                f"< {MOST_GROWTH:.0%}",
                f"{growth:+.1%}",
                growth < MOST_GROWTH,
                _HEAP,
            )
        )
    text = (
        f"Our server only, with {AT_ONCE} calls in flight, alternately reads and sends, every send different, after "
        f"{scale.warm_up:,} warm-up calls. The table has readings of resident memory."
    )
    return Part("Soak", text, [table], goals)


async def context(place: Place, _: Scale) -> Part:
    """Bytes and tokens of definitions and results."""
    texts: dict[str, dict[str, str]] = {}
    for peer in (OURS, FASTMCP):
        async with server(place, peer, STDIO, MODERN) as started:
            definitions = {tool["name"]: _definition(tool) for tool in await started.tools()}
            texts[peer.name] = definitions | {name: await _text(started, *call) for name, call in _calls().items()}
    texts["ClickSend"] = {
        "one send": sent(json.dumps(_calls()["one send"][1]).encode()).decode(),
        "history, 15 rows": PAGES["/v3/sms/history"].decode(),
        "contacts, 15 rows": PAGES["/v3/lists/88/contacts"].decode(),
        "a refused send": sent(json.dumps(_calls()["a refused send"][1]).encode()).decode(),
    }
    tokens = await _tokens(texts)
    results = Table(
        ("Result", "clicksend-mcp bytes", "tokens", "FastMCP bytes", "tokens", "ClickSend's bytes", "tokens")
    )
    for name in _calls():
        results.rows.append(
            (
                name,
                *_both(texts, tokens, OURS.name, name),
                *_both(texts, tokens, FASTMCP.name, name),
                *_both(texts, tokens, "ClickSend", name),
            )
        )
    slugs = [name for name in texts[OURS.name] if name not in _calls()]
    tools = Table(("Definition", "clicksend-mcp bytes", "tokens", "FastMCP bytes", "tokens"))
    total = {
        peer: [sum(len(texts[peer][slug].encode()) for slug in slugs), sum(tokens[peer][slug] for slug in slugs)]
        for peer in (OURS.name, FASTMCP.name)
    }
    tools.rows.append((f"**all {len(slugs)}**", *(f"{one:,}" for peer in total for one in total[peer])))
    for slug in slugs:
        tools.rows.append(
            (f"`{slug}`", *_both(texts, tokens, OURS.name, slug), *_both(texts, tokens, FASTMCP.name, slug))
        )
    page = len(texts[OURS.name]["history, 15 rows"].encode())
    goals = [
        bounded("Definitions of all tools", total[OURS.name][0], 16_000, "bytes"),
        bounded("Definitions of all tools", total[OURS.name][1], 4_000, "tokens"),
        bounded("A history page of 15, as the model receives it", page, 10_700, "bytes"),
    ]
    bars = [Bars("Definitions of all tools", "tokens", [(peer, float(total[peer][1])) for peer in total])]
    text = (
        "What a model receives: of a definition its name, description and input schema as compact JSON; of a result "
        "the text, escapes included. Tokens are those of o200k_base. FastMCP's definitions are generated from our "
        "descriptions and schemas, without some keywords of the schemas. The last columns are ClickSend's own answers, "
        "without MCP."
    )
    return Part("Context", text, [results, tools], goals, bars)


def _calls() -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "one send": (SEND, {"messages": [message(1)]}),
        "history, 15 rows": (READ, {"limit": 15}),
        "contacts, 15 rows": (CONTACTS, {"list_id": 88, "limit": 15}),
        "a refused send": (SEND, {"messages": [message(2) | {"to": REFUSED}]}),
        "a wrong argument": (SEND, {"messages": [{"to": "Ana", "body": "Hi", "shedule": 1}]}),
    }


def _definition(tool: dict[str, Any]) -> str:
    shown = {word: tool.get(word) for word in ("name", "description", "inputSchema")}
    return json.dumps(shown, separators=(",", ":"), ensure_ascii=False)


async def _text(started: Server, slug: str, arguments: dict[str, Any]) -> str:
    result = await started.result(slug, arguments)
    return "".join(block["text"] for block in result["content"])


def _both(
    texts: dict[str, dict[str, str]], tokens: dict[str, dict[str, int]], whose: str, name: str
) -> tuple[str, str]:
    if name not in texts[whose]:
        return "", ""
    return f"{len(texts[whose][name].encode()):,}", f"{tokens[whose][name]:,}"


async def _tokens(texts: dict[str, dict[str, str]]) -> dict[str, dict[str, int]]:
    """Count tokens in the other environment."""
    command = (str(ROOT / ".bench/bin/python"), str(HERE / "tokens.py"))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    counted, _ = await process.communicate(json.dumps(texts).encode())
    if process.returncode:
        raise RuntimeError("the tokens could not be counted")
    found: dict[str, dict[str, int]] = json.loads(counted)
    return found
