"""What this program uses of sse-starlette beyond its documentation; read in sse-starlette 3.7.0.

Nothing else may touch this. `tests/hosting/test_internals.py` checks it against the installed version.
"""

from sse_starlette.sse import AppStatus


def end_streams() -> None:
    """End all event streams of this process, within half a second; later ones end as soon as they begin.

    Uses: `AppStatus.should_exit`, which a watcher in each event loop polls.
    Why: the MCP SDK streams with sse-starlette, which learns of a shutdown only from uvicorn's signal handler, and
    uvicorn handles no signals here. Without this, uvicorn cancels open streams, with an error in the log.
    Until: uvicorn tells streaming responses of its shutdown. It did in 0.43, and took it back
    (https://github.com/Kludex/uvicorn/pull/2913).
    """
    AppStatus.should_exit = True
