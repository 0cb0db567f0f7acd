"""Server-sent events that tell the page when to reload: after a change, and when time alone changes a status."""

import json
import time
from collections.abc import AsyncIterator, Iterator

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from server.sandbox.api import campaigns, letters, progress
from server.sandbox.control.endpoints import catch_up
from server.sandbox.state.world import World

_DEBOUNCE = 0.1  # seconds in which further changes make no event of their own
_KEEPALIVE = 15  # seconds between comments, so that a lost connection is noticed

# Seconds from its schedule to each new status of a message, letter or campaign.
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
        catch_up(world)
        count, moment = world.changes.count, next_moment(world)
        event = {"count": count, "now": world.now(), "stopped": world.stopped_at is not None}
        yield f"data: {json.dumps(event)}\n\n"
        while world.changes.count == count and (moment is None or world.now() < moment):
            await world.changes.after(count, _seconds_until(world, moment))
            yield ": still here\n\n"
        await anyio.sleep(_DEBOUNCE)


def next_moment(world: World) -> int | None:
    """When a status will next change with time; None if the clock is stopped, or nothing is under way."""
    if world.stopped_at is not None:
        return None
    now = world.now()
    under_way = (start for start in _send_times(world) if start + _STEPS[-1] > now)
    return min((start + step for start in under_way for step in _STEPS if start + step > now), default=None)


def _send_times(world: World) -> Iterator[int]:
    """When each accepted message, letter and campaign is, or was, sent."""
    for account in world.accounts.values():
        for message in account.messages.values():
            yield message.send_at
        for letter in account.letters.values():
            yield letter.send_at
        for campaign in account.campaigns.values():
            yield campaign.plan.schedule if campaign.sent_at is None else campaign.sent_at


def _seconds_until(world: World, moment: int | None) -> float:
    """Real seconds until a moment of the sandbox's clock, at most those between two comments."""
    if moment is None:
        return _KEEPALIVE
    return min(max(moment - world.clock_offset - time.time(), 0.01), _KEEPALIVE)
