"""Sessions of the older protocol era: each caller may have a number of them, and the least recently used gives way."""

from collections import OrderedDict

_MAX_SESSIONS = 100  # of a caller
_MAX_CALLERS = 10_000  # whose sessions are tracked


class Sessions:
    """The ids of each principal's sessions, least recently used first. The SDK has the sessions, and ends idle ones."""

    def __init__(self, most: int = _MAX_SESSIONS) -> None:
        self._most = most
        self._of: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def opened(self, principal: str, session: str) -> str | None:
        """Track a new session; returns the session to end if the principal now has too many."""
        own = self._of.setdefault(principal, OrderedDict())
        self._of.move_to_end(principal)
        if len(self._of) > _MAX_CALLERS:
            self._of.popitem(last=False)
        own[session] = None
        return own.popitem(last=False)[0] if len(own) > self._most else None

    def used(self, principal: str, session: str) -> None:
        """Mark a session as the most recently used."""
        if session in self._of.get(principal, ()):
            self._of[principal].move_to_end(session)

    def ended(self, principal: str, session: str) -> None:
        """Forget a session."""
        own = self._of.get(principal)
        if own is not None:
            own.pop(session, None)
            if not own:
                del self._of[principal]
