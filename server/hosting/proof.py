"""Proof: whether ClickSend knows the credentials that come with a request, before anything is kept for their owner.

Guesses are counted by username and by address, and turned away before ClickSend is asked again. Whoever was proven
once is not subject to what others at the same address do.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import anyio

from server.clicksend.errors import ClickSendError, NotSent, Rejected
from server.config.settings import Credentials
from server.hosting.authentication import HttpRefusal

_HOLDS = 300  # seconds
_KNOWN = 10_000  # accounts that are remembered, by digests
_WINDOW = 60  # seconds
_GUESSES = {"username": 10, "address": 20}  # in a window
_COUNTED = 10_000  # usernames and addresses

Prove = Callable[[Credentials], Awaitable[None]]  # raises ClickSendError unless ClickSend knows them


class Proofs:
    """What ClickSend has confirmed. `prove` asks it; `challenge`: the headers of a 401."""

    def __init__(self, prove: Prove, challenge: dict[str, str]) -> None:
        self._prove = prove
        self._challenge = challenge
        self._until: OrderedDict[str, float] = OrderedDict()  # by digest of the credentials, on the monotonic clock
        self._asking: dict[str, anyio.Event] = {}
        self._guesses: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and until when they count

    async def check(self, digest: str, credentials: Credentials, address: str) -> None:
        """Return if the credentials are proven, now or in the last five minutes. Raises HttpRefusal (401, 429, 503)."""
        while self._until.get(digest, 0.0) <= time.monotonic():
            if (asking := self._asking.get(digest)) is not None:
                await asking.wait()  # and see what came of it
                continue
            places = [] if digest in self._until else _places(credentials.username, address)
            self._count(places)
            asking = self._asking[digest] = anyio.Event()
            try:
                await self._ask(digest, credentials, places)
            finally:
                del self._asking[digest]
                asking.set()
        self._until.move_to_end(digest)

    async def _ask(self, digest: str, credentials: Credentials, places: list[tuple[str, int]]) -> None:
        try:
            await self._prove(credentials)
        except ClickSendError as fault:
            if isinstance(fault, Rejected) and fault.status == 401:
                self._until.pop(digest, None)
                raise HttpRefusal(401, "ClickSend does not know this username and API key.", self._challenge) from None
            if isinstance(fault, NotSent):
                self._take_back(places)  # nobody was asked; whatever else ClickSend says, a guess was passed on
            wait = fault.retry_after if isinstance(fault, Rejected) and fault.retry_after else 10
            reason = f"The credentials could not be checked: {fault.reason}."
            raise HttpRefusal(503, reason, {"retry-after": str(wait)}) from None
        self._take_back(places)
        self._until[digest] = time.monotonic() + _HOLDS
        self._until.move_to_end(digest)
        if len(self._until) > _KNOWN:
            self._until.popitem(last=False)

    def _count(self, places: list[tuple[str, int]]) -> None:
        """Count a guess from each place. Raises HttpRefusal (429) if there were too many from one of them."""
        now = time.monotonic()
        for place, most in places:
            count, until = self._guesses.get(place, (0, 0.0))
            if until > now and count >= most:
                wait = max(1, round(until - now))
                message = f"Too many credentials that ClickSend has not confirmed. Come back in {wait} s."
                raise HttpRefusal(429, message, {"retry-after": str(wait)})
        for place, _ in places:
            count, until = self._guesses.pop(place, (0, 0.0))
            self._guesses[place] = (count + 1, until) if until > now else (1, now + _WINDOW)
            if len(self._guesses) > _COUNTED:
                self._guesses.popitem(last=False)

    def _take_back(self, places: list[tuple[str, int]]) -> None:
        for place, _ in places:
            if place in self._guesses:
                count, until = self._guesses[place]
                self._guesses[place] = (max(0, count - 1), until)


def _places(username: str, address: str) -> list[tuple[str, int]]:
    """What a guess is counted by, and how many there may be."""
    by_name = f"username {username.casefold()}"
    return [(by_name, _GUESSES["username"]), (f"address {_network(address)}", _GUESSES["address"])]


def _network(address: str) -> str:
    """An address, or of IPv6 the 64 bits that one customer has at least."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return known.exploded[:19] if known.version == 6 else str(known)
