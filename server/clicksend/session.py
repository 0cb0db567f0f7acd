"""The session with ClickSend: one client for all accounts, and for each account the pace that it is asked at."""

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

_REMEMBERED = 10_000  # accounts
_OWN_LISTS = Request("GET", "/v3/lists", template="/v3/lists")  # any account may read these


class Session:
    """Sends requests on any account, again where a repeat is safe. What it needs is imported at the first request."""

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
        """Send a request until it is answered, as often as the table of retries allows and the total deadline lasts.

        Raises ClickSendError. `throttle`: another than that of the account.
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
        """Let ClickSend check credentials; raises ClickSendError unless it knows them. Nothing of them is kept."""
        from server.clicksend.retries import Throttle

        try:
            await self.send(_OWN_LISTS, credentials, Flight(), idempotent=True, throttle=Throttle())
        except Rejected as fault:
            # A subaccount without lists is known all the same. A firewall's 403 says nothing of the credentials.
            if fault.status != 403 or fault.answer is None or fault.answer.body.get("http_code") != 403:
                raise

    def _the_client(self) -> "ClickSend":
        """The client, made at the first request: hosts wait for the start, not for httpx."""
        if self._client is None:
            from server.clicksend.client import ClickSend

            self._client = ClickSend(self._settings)
        return self._client

    def _throttle(self, credentials: Credentials) -> "Throttle":
        """The throttle of an account; an account with another secret is another one."""
        key = hashlib.sha256(f"{credentials.username}\0{credentials.secret}".encode()).digest()
        if key not in self._throttles:
            from server.clicksend.retries import Throttle

            self._throttles[key] = Throttle()
            if len(self._throttles) > _REMEMBERED:
                self._throttles.popitem(last=False)
        self._throttles.move_to_end(key)
        return self._throttles[key]
