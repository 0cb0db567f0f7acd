"""Following an import: what ClickSend still does after it has answered, for a caller who listens."""

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
    """Tell how an import that was accepted comes on, until it has ended, its list cannot be read, or time is up.

    `deadline`: seconds that the whole call may take. Its outcome is what it was: ClickSend has taken the import on.
    """
    route = call.action.status_route
    if route is None or not outcome.successful:
        return
    valid = call.arguments.model_dump(by_alias=True)
    request = route.fill({name: valid[name] for name in route.names})
    report("Import accepted; ClickSend fetches the file and fills the list")
    began = anyio.current_time()
    with anyio.move_on_after(min(_LONGEST, deadline - elapsed())):
        for number in count():
            state = await _state(request, read)
            if not state.get("_import_in_progress"):  # 1 while it goes on, then 0; documented
                return
            _tell_state(state, anyio.current_time() - began)
            await anyio.sleep(min(_FIRST_WAIT * 2**number, _LONGEST_WAIT))


def _tell_state(state: Mapping[str, Any], seconds: float) -> None:
    contacts = state.get("_contacts_count")
    if isinstance(contacts, int):
        report(f"Importing for {seconds:.0f} s: {contacts:,} contacts in the list so far", contacts)
    else:
        report(f"Importing for {seconds:.0f} s")


async def _state(request: Request, read: "Read") -> Mapping[str, Any]:
    """The list as it is now; empty if that cannot be had."""
    try:
        return (await read(request)).fields
    except ClickSendError:
        return {}
