"""The session with ClickSend: one client for all accounts, retries, and a throttle per account."""

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import anyio

from server.clicksend.errors import Rejected
from server.clicksend.flight import Flight
from server.config.settings import Credentials, Settings
from tools.answer import Answer
from tools.route import Request

if TYPE_CHECKING:
    from server.clicksend.client import ClickSend
    from server.clicksend.retries import Delivered, Throttle

_MAX_THROTTLES = 10_000  # accounts
_OWN_LISTS = Request("GET", "/v3/lists", template="/v3/lists")  # any account may read them


class Session:
    """Sends requests for any account, and retries them where that is safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: ClickSend | None = None
        self._throttles: OrderedDict[bytes, Throttle] = OrderedDict()

    async def aclose(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    async def send(
        self,
        request: Request,
        credentials: Credentials,
        flight: Flight,
        *,
        idempotent: bool,
        throttle: "Throttle | None" = None,
    ) -> "Delivered":
        """Send a request, with retries, within the total timeout. Raises ClickSendError.

        `throttle`: used in place of the account's.
        """
        from server.clicksend.retries import send_with_retries

        client = self._the_client()
        deadline = anyio.current_time() + self._settings.total_timeout

        async def attempt() -> Answer:
            return await client.send(request, credentials, flight, deadline - anyio.current_time())

        return await send_with_retries(
            attempt,
            throttle or self._throttle(credentials),
            idempotent=idempotent,
            attempts=self._settings.attempts,
            deadline=deadline,
            pausing=flight.pause,
        )

    async def read(self, credentials: Credentials, request: Request) -> Answer:
        """The answer to a request that changes nothing. Raises ClickSendError."""
        return (await self.send(request, credentials, Flight(), idempotent=True)).answer

    async def prove(self, credentials: Credentials) -> None:
        """Check credentials with ClickSend; raises ClickSendError unless it knows them. Keeps nothing of them."""
        from server.clicksend.retries import Throttle

        try:
            await self.send(_OWN_LISTS, credentials, Flight(), idempotent=True, throttle=Throttle())
        except Rejected as fault:
            # A subaccount without access to lists is still known. A firewall's 403 proves nothing.
            if fault.status != 403 or fault.answer is None or fault.answer.body.get("http_code") != 403:
                raise

    def _the_client(self) -> "ClickSend":
        """The client, created and imported at the first request: httpx would delay the server's start."""
        if self._client is None:
            from server.clicksend.client import ClickSend

            self._client = ClickSend(self._settings)
        return self._client

    def _throttle(self, credentials: Credentials) -> "Throttle":
        """The throttle of an account with this secret; the least recently used are forgotten."""
        key = hashlib.sha256(f"{credentials.username}\0{credentials.secret}".encode()).digest()
        if key not in self._throttles:
            from server.clicksend.retries import Throttle

            self._throttles[key] = Throttle()
            if len(self._throttles) > _MAX_THROTTLES:
                self._throttles.popitem(last=False)
        self._throttles.move_to_end(key)
        return self._throttles[key]
