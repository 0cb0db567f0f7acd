"""Notification of changes, for the event stream of the page."""

import anyio


class Changes:
    """Counts the changes of a sandbox and wakes the tasks that wait for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: set[anyio.Event] = set()

    def note(self) -> None:
        """Record that something has, or may have, changed."""
        self.count += 1
        for event in self._waiting:
            event.set()
        self._waiting.clear()

    async def after(self, count: int, seconds: float) -> None:
        """Wait until there are more than `count` changes, for at most so many seconds."""
        if self.count > count:
            return
        event = anyio.Event()
        self._waiting.add(event)
        try:
            with anyio.move_on_after(seconds):
                await event.wait()
        finally:
            self._waiting.discard(event)
