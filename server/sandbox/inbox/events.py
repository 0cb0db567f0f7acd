"""Tells the page when to look again: after a change, and when the clock alone moves a message on."""

import json
import time
from collections.abc import AsyncIterator, Iterator

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from server.sandbox.api import campaigns, letters, progress
from server.sandbox.control.endpoints import settle
from server.sandbox.state.world import World

_GATHERED_FOR = 0.1  # seconds in which further changes make no event of their own
_SILENT_FOR = 15  # seconds at most, so that a lost connection is noticed

# How long after its time a message, letter or campaign still gets a new status.
_STEPS = sorted(
    {
        0,
        progress.QUEUED_FOR,
        progress.REPORTED_AFTER,
        letters.PRINTED_AFTER,
        letters.POSTED_AFTER,
        campaigns.QUEUED_FOR,
        campaigns.SENDING_FOR,
    }
)


def routes(world: World) -> list[Route]:
    """GET /_sandbox/events, a stream of server-sent events."""

    async def respond(_: Request) -> Response:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_events(world), media_type="text/event-stream", headers=headers)

    return [Route("/_sandbox/events", respond)]


async def _events(world: World) -> AsyncIterator[str]:
    while True:
        settle(world)
        count, moment = world.changes.count, next_moment(world)
        event = {"count": count, "now": world.now(), "stopped": world.stopped_at is not None}
        yield f"data: {json.dumps(event)}\n\n"
        while world.changes.count == count and (moment is None or world.now() < moment):
            await world.changes.after(count, _until(world, moment))
            yield ": still here\n\n"
        await anyio.sleep(_GATHERED_FOR)


def next_moment(world: World) -> int | None:
    """When the clock will next change something; None if it stands still, or nothing waits for it."""
    if world.stopped_at is not None:
        return None
    now = world.now()
    waiting = (start for start in _starts(world) if start + _STEPS[-1] > now)
    return min((start + step for start in waiting for step in _STEPS if start + step > now), default=None)


def _starts(world: World) -> Iterator[int]:
    """The moments at which everything that was accepted is, or was, sent."""
    for account in world.accounts.values():
        for message in account.messages.values():
            yield message.send_at
        for letter in account.letters.values():
            yield letter.send_at
        for campaign in account.campaigns.values():
            yield campaign.plan.schedule if campaign.sent_at is None else campaign.sent_at


def _until(world: World, moment: int | None) -> float:
    """Real seconds to wait for a moment of the sandbox's clock, or as long as the stream may be silent."""
    if moment is None:
        return _SILENT_FOR
    return min(max(moment - world.clock_offset - time.time(), 0.01), _SILENT_FOR)
