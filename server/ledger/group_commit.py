"""Group commit: concurrent writes share one transaction, and so one wait for the disk.

SQLite takes one write at a time and has no group commit; the words are PostgreSQL's. The first write of a group is its
leader: it waits for its turn, and commits for the others, its followers, that join until then.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from server.ledger.backend import Connection
from server.ledger.errors import LedgerUnavailable
from server.ledger.failures import database_errors

_MAX_GROUP = 16  # writes in a transaction
_COMMIT_DELAY = 0.0005  # seconds that a leader waits for followers, where more writes are on their way


@dataclass(eq=False)
class Write:
    """Work to do in a transaction that others may share, and its outcome.

    `durable`: the commit waits for the disk. A write that was never run has failed.
    """

    work: Callable[[Connection], Any]
    durable: bool
    result: Any = None
    fault: Exception | None = field(default_factory=lambda: LedgerUnavailable("not written"))

    def run(self, connection: Connection) -> None:
        """Do the work, and keep its result or what it raised; raises an error of the database, which ends the group."""
        try:
            self.result = self.work(connection)
            self.fault = None
        except database_errors():
            raise
        except Exception as fault:  # concerns this write alone: it has changed nothing
            self.fault = fault

    def outcome(self) -> Any:
        """The result of the work; raises what it raised, or LedgerUnavailable if it was not committed."""
        if self.fault is not None:
            raise self.fault
        return self.result


@dataclass(eq=False)
class _Group:
    """Writes of one transaction."""

    writes: list[Write]
    ended: anyio.Event = field(default_factory=anyio.Event)


class GroupCommit:
    """Commits writes in groups, one group at a time.

    `commit` writes a group in one transaction, and leaves in each write how it ended. It raises LedgerUnavailable if
    the transaction was not even begun.
    """

    def __init__(self, commit: Callable[[Sequence[Write]], Awaitable[None]]) -> None:
        self._commit = commit
        self._joinable: _Group | None = None
        self._turn = anyio.Lock(fast_acquire=True)

    @property
    def is_busy(self) -> bool:
        """Whether a group is committing or about to."""
        return self._turn.locked()

    async def commit(self, write: Write, *, delay: bool) -> None:
        """Commit a write with those that join it; the write holds the outcome.

        `delay`: wait for followers, as with PostgreSQL's commit_delay. Where many writes are on their way, that saves
        more time than it takes.
        """
        # Cap the group, or all callers fall into lockstep and the database idles between bursts.
        if self._joinable is not None and len(self._joinable.writes) < _MAX_GROUP:
            group = self._joinable
            group.writes.append(write)
            await group.ended.wait()
            return
        group = self._joinable = _Group([write])
        try:
            async with self._turn:
                if delay:
                    await anyio.sleep(_COMMIT_DELAY)
                self._close(group)
                await self._commit(group.writes)
        except LedgerUnavailable as fault:
            fail(group.writes, fault)
        finally:  # also if the leader's task was destroyed
            self._close(group)
            group.ended.set()

    def _close(self, group: _Group) -> None:
        """Let no more writes join a group."""
        if self._joinable is group:
            self._joinable = None


def fail(writes: Iterable[Write], fault: Exception) -> None:
    """Give all writes of a transaction that was undone the same fault."""
    for write in writes:
        write.fault = fault
