"""An admission: the permission for a call to proceed, and what has to be done once it has ended."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tools.answer import Answer
from tools.outcome import Verdict

if TYPE_CHECKING:
    from server.guard.reconcile import Found
    from server.ledger.ledger import State


class Admission:
    """The permission for a call of which nothing is recorded, so that there is nothing to settle or reconcile."""

    is_recorded = False

    async def settle(
        self, state: "State", answer: Answer | None = None, verdict: Verdict | None = None, ids: Sequence[str] = ()
    ) -> None:
        """Record how the call ended. `ids`: of its messages, if the answer does not have them all."""

    async def find(self, known_ids: Collection[str] = ()) -> "Found | None":
        """Search ClickSend's records for a call whose outcome is open; None if there are no records of such calls.

        `known_ids`: ids that the answer gave to what it neither accepted nor refused clearly.
        """
        return None


FREE = Admission()
