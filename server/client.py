"""The async ClickSend client: one httpx client per account, reused, with a deadline on every wait."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import anyio
import httpx

from server.errors import Declined, NeverReached, NoUsableAnswer
from server.settings import Credentials, Settings, is_loopback
from tools.action import Request

MAX_ANSWER_BYTES = 10 * 1024 * 1024
_LONGEST_REASON = 500  # characters of ClickSend's own words


class ClickSend:
    """Sends requests to one ClickSend account.

    `transport` replaces the network below httpx.
    """

    def __init__(
        self, settings: Settings, credentials: Credentials, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._total_timeout = settings.total_timeout
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            auth=httpx.BasicAuth(credentials.username, credentials.secret),
            headers={"Accept": "application/json", "User-Agent": "clicksend-mcp"},
            timeout=httpx.Timeout(
                settings.read_timeout, connect=settings.connect_timeout, pool=settings.connect_timeout
            ),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
            follow_redirects=False,
            # A proxy from the environment must not see what is meant for this machine.
            trust_env=not is_loopback(httpx.URL(settings.base_url).host),
            transport=transport,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request, *, finish: bool) -> Mapping[str, Any]:
        """Send one request and return ClickSend's answer, which is its whole JSON envelope.

        `finish`: do not let a cancellation cut the request off, because ClickSend may have acted on it; it
        then ends by itself or at the deadline.

        Raises NeverReached, Declined or NoUsableAnswer. A 204 is answered with an empty mapping.
        """
        await anyio.lowlevel.checkpoint()  # a call that is cancelled already does not leave at all
        try:
            with anyio.fail_after(self._total_timeout, shield=finish):
                async with self._http.stream(
                    request.method, request.path, params=request.query, json=request.body
                ) as response:
                    return _answer(response, await _body(response))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as fault:
            raise NeverReached(_name(fault)) from None
        except TimeoutError:
            raise NoUsableAnswer(f"no complete answer within {self._total_timeout:g} s") from None
        except httpx.HTTPError as fault:
            raise NoUsableAnswer(_name(fault)) from None


def _name(fault: httpx.HTTPError) -> str:
    """A fault in words. Its own text is left out: it may hold an address or what was sent."""
    match fault:
        case httpx.ConnectTimeout():
            return "no connection in time"
        case httpx.PoolTimeout():
            return "too many calls at once, none of the connections became free"
        case httpx.ConnectError() | httpx.ProxyError():
            return "no connection: host unknown, refused or not trusted"
        case httpx.TimeoutException():
            return "the answer did not come in time"
        case httpx.DecodingError():
            return "the answer cannot be decoded"
        case httpx.RemoteProtocolError():
            return "the connection was closed before the answer was complete"
        case _:
            return "the connection broke"


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NoUsableAnswer(f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MB")
    return bytes(body)


def _answer(response: httpx.Response, body: bytes) -> Mapping[str, Any]:
    """The JSON object of an answer that says yes; raises for all others."""
    status = response.status_code
    answer = _json_object(body)
    if not response.is_success:
        _raise_for(status, response, answer)
    if status == 204:
        return {}
    if answer is None:
        kind = response.headers.get("content-type", "no content type").partition(";")[0]
        what = f"{kind}, not a JSON object" if body else "an empty body"
        raise NoUsableAnswer(f"HTTP {status} with {what}")
    code = answer.get("http_code")
    if isinstance(code, int) and code >= 400:
        _raise_for(code, response, answer)
    if answer.get("response_code") not in (None, "SUCCESS"):
        raise Declined(status, _message(answer), answer)
    return answer


def _raise_for(status: int, response: httpx.Response, answer: Mapping[str, Any] | None) -> NoReturn:
    if status < 400:
        raise Declined(status, "a redirect, which is not followed", answer)
    # 503 says that the service took nothing on; the other 5xx do not say how far it came.
    if status >= 500 and status != 503:
        raise NoUsableAnswer(f"HTTP {status}, a fault on ClickSend's side", answer)
    retry_after = response.headers.get("retry-after", "")
    raise Declined(status, _message(answer), answer, retry_after if retry_after.isdecimal() else None)


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        answer = json.loads(body.decode("utf-8", "replace"), parse_constant=no_constant)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _message(answer: Mapping[str, Any] | None) -> str:
    """ClickSend's own words for a refusal."""
    if answer is None:
        return "no explanation"
    return f"{answer.get('response_code')}: {answer.get('response_msg')}"[:_LONGEST_REASON]
