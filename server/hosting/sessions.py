"""Sessions of the older protocol: how many a caller may have, and which one makes room for the next."""

from collections import OrderedDict

_OF_A_CALLER = 100
_CALLERS = 10_000  # whose sessions are counted


class Sessions:
    """The sessions of each principal, the least recently used first. The SDK keeps them, and ends those left idle."""

    def __init__(self, most: int = _OF_A_CALLER) -> None:
        self._most = most
        self._of: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def opened(self, principal: str, session: str) -> str | None:
        """Count a new session; the one that has to end for it, if the principal has too many."""
        own = self._of.setdefault(principal, OrderedDict())
        self._of.move_to_end(principal)
        if len(self._of) > _CALLERS:
            self._of.popitem(last=False)
        own[session] = None
        return own.popitem(last=False)[0] if len(own) > self._most else None

    def used(self, principal: str, session: str) -> None:
        """Take note that a session is in use."""
        if session in self._of.get(principal, ()):
            self._of[principal].move_to_end(session)

    def ended(self, principal: str, session: str) -> None:
        """Forget a session."""
        own = self._of.get(principal)
        if own is not None:
            own.pop(session, None)
            if not own:
                del self._of[principal]
