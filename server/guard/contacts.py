"""The contacts of a list, read page by page to check each recipient of a campaign against the limits."""

from collections.abc import Mapping, Sequence
from typing import Any

from server.clicksend.errors import ClickSendError
from server.guard.decisions import Denied
from server.guard.reconcile import Read
from server.runtime.progress import report
from tools.audience import Audience
from tools.route import Request

_A_PAGE = 100  # contacts, the most of a page; documented
_MOST = 20_000  # contacts of a campaign; documented


async def with_contacts(audience: Audience, read: Read) -> Audience:
    """The audience with a message for each contact of its list that has a number; unchanged if it has no list.

    Raises Denied if the contacts cannot be read, or are more than a campaign may have.
    """
    if audience.list_id is None:
        return audience
    report(f"Reading contact list {audience.list_id}, to check everybody on it against the limits", 0)
    numbers: list[str] = []
    read_so_far = 0
    for page in range(1, _MOST // _A_PAGE + 2):
        rows, paging = await _page(audience.contacts_request(page, _A_PAGE), read)
        numbers += [str(row["phone_number"]) for row in rows if isinstance(row, dict) and row.get("phone_number")]
        read_so_far, total = read_so_far + len(rows), paging.get("total")
        of_total = f" of {total:,}" if isinstance(total, int) else ""
        report(
            f"Read {read_so_far:,}{of_total} contacts, to check them against the limits",
            read_so_far,
            total if of_total else None,
        )
        if page >= paging.get("last_page", 0):
            return audience.with_numbers(numbers)
    raise Denied(f"The list has over {_MOST} contacts, more than a campaign may have")


async def _page(request: Request, read: Read) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The rows of a page, and its paging fields."""
    try:
        answer = await read(request)
    except ClickSendError as fault:
        raise Denied(f"The contacts could not be checked against this server's limits: {fault.reason}") from None
    if answer.rows is None:
        raise Denied("The contacts could not be checked against this server's limits: unknown shape")
    return answer.rows, answer.fields
