"""Measures the steps of our server one by one in a separate process, and the memory that the first calls load.

`python stages.py` prints the figures as JSON: milliseconds of each step, and MiB of what is imported.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from statistics import median

from answers import sent
from load import SEND, message
from parts import Part, Scale, Table, number
from peers import HERE, ROOT, Place

MANY = 1_000
_TIMES = 30
_SENDS = 200
_LOADED = {
    "the client: httpx with aiohttp's connections": "import server.clicksend.client",
    "the ledger, with SQLite": "import server.guard.guard",
}


async def stages(_: Place, __: Scale) -> Part:
    """The steps of our server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "stages.py"), stdout=PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    measured, _errors = await process.communicate()
    if process.returncode:
        raise RuntimeError("the steps could not be measured")
    found: dict[str, dict[str, float]] = json.loads(measured)
    tables = []
    for what, rows in found.items():
        table = Table((what, "MiB" if "MiB" in what else "ms"))
        table.rows += [(name, number(value)) for name, value in rows.items()]
        tables.append(table)
    text = (
        "Medians. Each step runs alone in a process that does nothing else, so the steps do not add up to a call; they "
        "leave out the SDK, the wire and the upstream. The ledger is SQLite: the write before a send leaves waits for "
        "the disk, in a thread; the write afterwards does neither. A hop is an empty task that a thread runs for the "
        "event loop."
    )
    return Part("Cost of each step", text, tables)


def _milliseconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TIMES):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return median(taken)


def _batch() -> dict[str, float]:
    """The steps of a send of many messages."""
    from server.calls.render import render
    from server.clicksend.sanitize import redact_fields
    from server.guard.fingerprint import digest, fingerprint
    from tools.answer import Answer
    from tools.catalog import catalog

    action = catalog()[SEND]
    assert action.evidence
    sent_to = action.evidence.keys_sent
    given = {"messages": [message(number) for number in range(MANY)]}
    valid = action.input.model_validate(given)
    request = action.request(valid)
    body = request.body or {}
    text = sent(json.dumps(given).encode()).decode()
    answer = Answer(json.loads(text))
    steps: dict[str, Callable[[], object]] = {
        "validate the input": lambda: action.input.model_validate(given),
        "build the request body": lambda: action.request(valid),
        "encode it": lambda: json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
        "take the fingerprint": lambda: fingerprint(request),
        "make each message's record key": lambda: [digest("", *mark) for mark in sent_to(body)],
        "parse the answer": lambda: json.loads(text, object_hook=redact_fields),
        "judge it": lambda: action.outcome(valid, answer),
        "shorten it for the model": lambda: render(answer, action, valid, 20_000),
    }
    return {name: _milliseconds(step) for name, step in steps.items()}


async def _ledger() -> dict[str, float]:
    """What the ledger adds to a send, as the event loop sees it."""
    import anyio.to_thread

    from server.ledger.ledger import Entry, Ledger, new_id

    taken: dict[str, list[float]] = {}

    async def timed(what: str, work: Awaitable[object]) -> None:
        begin = time.perf_counter()
        await work
        taken.setdefault(what, []).append((time.perf_counter() - begin) * 1000)

    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(str(Path(folder) / "ledger.sqlite3"))
        for _ in range(_SENDS):
            key = new_id()
            entry = Entry(account="", caller="", action=SEND, fingerprint=key, recipients=1, marks=(key,), id=key)
            await timed("write before it leaves", ledger.start(entry, window=600, budget=None, lasts=90))
            ending = ledger.finish(key, "accepted", message_ids=[key], cost=Decimal("0.0792"))
            await timed("write afterwards", ending)
            await timed("a hop to a thread and back", anyio.to_thread.run_sync(int))
        ledger.close()
    return {what: median(all_of_them) for what, all_of_them in taken.items()}


def _loaded() -> dict[str, float]:
    """The MiB that imports add to a server that has listed its tools."""
    before = _resident("")
    return {what: _resident(code) - before for what, code in _LOADED.items()}


def _resident(code: str) -> float:
    lines = ("import server.protocol.server", code, "import os", "from machine import resident")
    program = "\n".join([*lines, "print(resident(os.getpid()))"])
    told = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True, check=True)
    return float(told.stdout)


def _measured() -> dict[str, dict[str, float]]:
    return {
        f"A send of {MANY:,} messages": _batch(),
        "The ledger around a send": asyncio.run(_ledger()),
        "Loaded by the first calls, in MiB": _loaded(),
    }


if __name__ == "__main__":
    from server.runtime.tuning import freeze_heap

    freeze_heap()  # as in the program
    json.dump(_measured(), sys.stdout)
