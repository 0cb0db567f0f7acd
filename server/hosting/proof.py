"""Proof: ClickSend confirms the credentials of a request before anything is kept for their owner.

Guesses are counted by username and by address; too many are refused without asking ClickSend. Credentials that were
confirmed once are not affected by guesses from the same address.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import anyio

from server.clicksend.errors import ClickSendError, NotSent, Rejected
from server.config.settings import Credentials
from server.hosting.authentication import HttpRefusal

_HOLDS = 300  # seconds for which a confirmation is valid
_MAX_CONFIRMED = 10_000  # accounts that are remembered, by digest
_WINDOW = 60  # seconds
_GUESSES = {"username": 10, "address": 20}  # in a window
_MAX_COUNTED = 10_000  # usernames and addresses

Prove = Callable[[Credentials], Awaitable[None]]  # raises ClickSendError unless ClickSend accepts them


class Proofs:
    """The credentials that ClickSend has confirmed. `prove` asks it; `challenge`: the headers of a 401."""

    def __init__(self, prove: Prove, challenge: dict[str, str]) -> None:
        self._prove = prove
        self._challenge = challenge
        self._until: OrderedDict[str, float] = OrderedDict()  # by digest of the credentials, on the monotonic clock
        self._asking: dict[str, anyio.Event] = {}
        self._guesses: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and when their window ends

    async def check(self, digest: str, credentials: Credentials, address: str) -> None:
        """Return if ClickSend confirms the credentials, or has in the last five minutes.

        `digest`: of the credentials. `address`: the client's. Raises HttpRefusal (401, 429, 503).
        """
        while self._until.get(digest, 0.0) <= time.monotonic():
            if (asking := self._asking.get(digest)) is not None:
                await asking.wait()  # another request asks already; then look again
                continue
            sources = [] if digest in self._until else _sources(credentials.username, address)
            self._count(sources)
            asking = self._asking[digest] = anyio.Event()
            try:
                await self._ask(digest, credentials, sources)
            finally:
                del self._asking[digest]
                asking.set()
        self._until.move_to_end(digest)

    async def _ask(self, digest: str, credentials: Credentials, sources: list[tuple[str, int]]) -> None:
        try:
            await self._prove(credentials)
        except ClickSendError as fault:
            if isinstance(fault, Rejected) and fault.status == 401:
                self._until.pop(digest, None)
                raise HttpRefusal(401, "ClickSend does not know this username and API key.", self._challenge) from None
            if isinstance(fault, NotSent):
                self._uncount(sources)  # ClickSend was not asked; after any other failure it may have been
            wait = fault.retry_after if isinstance(fault, Rejected) and fault.retry_after else 10
            reason = f"The credentials could not be checked: {fault.reason}."
            raise HttpRefusal(503, reason, {"retry-after": str(wait)}) from None
        self._uncount(sources)
        self._until[digest] = time.monotonic() + _HOLDS
        self._until.move_to_end(digest)
        if len(self._until) > _MAX_CONFIRMED:
            self._until.popitem(last=False)

    def _count(self, sources: list[tuple[str, int]]) -> None:
        """Count a guess for each source. Raises HttpRefusal (429) if one of them has made too many."""
        now = time.monotonic()
        for source, most in sources:
            count, until = self._guesses.get(source, (0, 0.0))
            if until > now and count >= most:
                wait = max(1, round(until - now))
                message = f"Too many credentials that ClickSend has not confirmed. Come back in {wait} s."
                raise HttpRefusal(429, message, {"retry-after": str(wait)})
        for source, _ in sources:
            count, until = self._guesses.pop(source, (0, 0.0))
            self._guesses[source] = (count + 1, until) if until > now else (1, now + _WINDOW)
            if len(self._guesses) > _MAX_COUNTED:
                self._guesses.popitem(last=False)

    def _uncount(self, sources: list[tuple[str, int]]) -> None:
        for source, _ in sources:
            if source in self._guesses:
                count, until = self._guesses[source]
                self._guesses[source] = (max(0, count - 1), until)


def _sources(username: str, address: str) -> list[tuple[str, int]]:
    """What a guess is counted by, and how many of each a window may have."""
    by_name = f"username {username.casefold()}"
    return [(by_name, _GUESSES["username"]), (f"address {_network(address)}", _GUESSES["address"])]


def _network(address: str) -> str:
    """The IPv4 address, or the /64 of an IPv6 address: a customer has at least that many."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return parsed.exploded[:19] if parsed.version == 6 else str(parsed)
