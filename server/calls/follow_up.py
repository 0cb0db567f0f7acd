"""The progress of an import, which ClickSend works on after its answer, for callers who listen."""

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import anyio

from schemas.envelope import Envelope
from server.clicksend.errors import ClickSendError
from server.guard.call import Call
from server.runtime.progress import elapsed, report
from tools.route import Request

if TYPE_CHECKING:
    from server.guard.reconcile import Read

_LONGEST = 25  # seconds, as many hosts give up a call after 30 or 60; our rule
_FIRST_WAIT = 0.5  # seconds, doubled each time; our rule
_LONGEST_WAIT = 4.0  # seconds; our rule


async def poll_until_done(call: Call, outcome: Envelope, read: "Read", deadline: float) -> None:
    """Report the progress of an accepted import until it ends, its list cannot be read, or time is up.

    `deadline`: seconds that the whole call may take. Its outcome is settled: ClickSend has accepted the import.
    """
    route = call.action.status_route
    if route is None or not outcome.successful:
        return
    values = call.arguments.model_dump(by_alias=True)
    request = route.fill({name: values[name] for name in route.names})
    report("Import accepted; ClickSend fetches the file and fills the list")
    began = anyio.current_time()
    with anyio.move_on_after(min(_LONGEST, deadline - elapsed())):
        for attempt in count():
            state = await _state(request, read)
            if not state.get("_import_in_progress"):  # 1 while it goes on, then 0; documented
                return
            _report_state(state, anyio.current_time() - began)
            await anyio.sleep(min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT))


def _report_state(state: Mapping[str, Any], seconds: float) -> None:
    contacts = state.get("_contacts_count")
    if isinstance(contacts, int):
        report(f"Importing for {seconds:.0f} s: {contacts:,} contacts in the list so far", contacts)
    else:
        report(f"Importing for {seconds:.0f} s")


async def _state(request: Request, read: "Read") -> Mapping[str, Any]:
    """The list's fields; empty if they cannot be read."""
    try:
        return (await read(request)).fields
    except ClickSendError:
        return {}
