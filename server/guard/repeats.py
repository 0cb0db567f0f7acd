"""Repeats: why the same call is not made again, and what became of the earlier one."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from server.guard.decisions import Denied
from server.guard.error_text import how_to_differ, in_the_records, next_steps
from server.guard.reconcile import Found, Read, reconcile
from server.ledger.ledger import Entry, Ledger, State
from tools.action import Action

_IDS_NAMED = 20  # message ids that an error names; our rule


@dataclass(frozen=True, eq=False)
class Repeats:
    """The earlier sends of one account.

    `window`: seconds in which the same call is a repeat; `abandoned_after`: seconds after which the process of an
    unsettled send must have ended.
    """

    ledger: Ledger
    account: str
    read: Read
    window: int
    abandoned_after: float

    async def reconcile(self, entry: Entry, known_ids: Collection[str] = ()) -> Found | None:
        """What ClickSend's records show of an entry now. `known_ids`: ids that an answer gave to it."""
        return await reconcile(entry, partial(self.ledger.others, self.account, entry.id), self.read, known_ids)

    async def resolve(self, entry: Entry) -> tuple[Entry, Found | None]:
        """Reconcile an entry whose outcome is unknown, and settle it: the entry after that, and what was found."""
        found = await self.reconcile(entry, entry.message_ids)
        state: State = "accepted" if found is not None and not found.missing else "unknown"
        ids = found.ids if found and found.ids else entry.message_ids
        await self.ledger.finish(entry.id, state, message_ids=ids, cost=None)
        return replace(entry, state=state, message_ids=ids), found

    async def denial(self, action: Action, entry: Entry) -> Denied:
        """Why the call of an entry is not made again, and how a second one is made on purpose."""
        found = None
        if entry.state == "unknown" or (entry.state == "started" and entry.age > self.abandoned_after):
            entry, found = await self.resolve(entry)
        ids = f" ({', '.join(entry.message_ids[:_IDS_NAMED])})" if entry.message_ids else ""
        remaining = max(1, self.window - entry.age)
        again = f"For a second copy on purpose {how_to_differ(action)}, or wait {remaining} s"
        match entry.state:
            case "accepted":
                reason = f"The same call was accepted {entry.age} s ago{ids}, so it was not sent again. {again}"
            case "partly":
                reason = (
                    f"The same call was accepted in part {entry.age} s ago{ids}, so it was not sent again: send only "
                    f"what was refused then, corrected. {again}"
                )
            case "started":
                reason = f"The same call is under way since {entry.age} s, so it was not sent again. Look again later"
            case _:
                records = in_the_records(action, entry.message_ids, found.missing if found else None)
                reason = (
                    f"The same call was made {entry.age} s ago and its outcome is unknown, so it was not sent again. "
                    f"{records} {next_steps(action)} "
                    f"The same call as it is would be held back for another {remaining} s"
                )
        return Denied(reason, repeats=True)
