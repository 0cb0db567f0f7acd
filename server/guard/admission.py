"""An admission: the leave for a call to go on, and what has to be done once it has ended."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tools.answer import Answer
from tools.outcome import Verdict

if TYPE_CHECKING:
    from server.guard.reconcile import Found
    from server.ledger.ledger import State


class Admission:
    """The leave for a call of which nothing is recorded, and so nothing has to be done."""

    is_recorded = False

    async def settle(
        self, state: "State", answer: Answer | None = None, verdict: Verdict | None = None, ids: Sequence[str] = ()
    ) -> None:
        """Write how the call ended; `ids` of its messages, where the answer does not have them all."""

    async def find(self, known: Collection[str] = ()) -> "Found | None":
        """Search ClickSend's records for a call whose outcome is open; None if they do not tell of such calls.

        `known`: ids that the answer gave to what it neither accepted nor refused clearly.
        """
        return None


FREE = Admission()
