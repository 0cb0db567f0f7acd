"""The async ClickSend client: one pool of connections for all accounts, with a deadline on every wait."""

import json
import math
import re
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import aiohttp
import anyio
import httpx

from server.cleaning import remover_of, without_secrets
from server.errors import NOT_FROM_THE_API, Declined, NeverReached, NoUsableAnswer
from server.network import network, watched
from server.settings import Credentials, Settings
from server.telemetry import clicksend_span
from server.variables import is_loopback
from tools.action import Request
from tools.outcome import ACKNOWLEDGED, REFUSED_CALLS

_CONNECTIONS = 100  # at once
_FULL = "too many calls at once, none of the connections became free"
MAX_ANSWER_BYTES = 10 * 1024 * 1024
_LONGEST_REASON = 500  # characters of ClickSend's own words


class ClickSend:
    """Sends requests to ClickSend, each once, for the account that comes along with it."""

    def __init__(self, settings: Settings) -> None:
        self._total_timeout = settings.total_timeout
        self._base_url = settings.base_url.rstrip("/")
        self._removers: WeakKeyDictionary[Credentials, Callable[[str], str]] = WeakKeyDictionary()
        # A proxy from the environment must not see what is meant for this machine.
        proxies = not is_loopback(httpx.URL(settings.base_url).host)
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            headers={"Accept": "application/json", "User-Agent": "clicksend-mcp"},
            timeout=httpx.Timeout(
                settings.read_timeout, connect=settings.connect_timeout, pool=settings.connect_timeout
            ),
            follow_redirects=False,
            cookies=_no_cookies(),
            transport=network(_CONNECTIONS, httpx.create_ssl_context(trust_env=proxies), proxies=proxies),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(
        self,
        request: Request,
        credentials: Credentials,
        *,
        seconds: float | None = None,
        leaving: Callable[[], None] = lambda: None,
    ) -> Mapping[str, Any]:
        """Send one request, once, and return ClickSend's answer, which is its whole JSON envelope.

        `seconds`: until the deadline, the total timeout if left out. `leaving` is called when there is a connection
        and the request begins to leave on it: from then on ClickSend may act.

        Raises NeverReached, Declined or NoUsableAnswer. A 204 is answered with an empty mapping.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()  # a call that is cancelled already does not leave at all
        seconds = self._total_timeout if seconds is None else seconds
        with watched(leaving) as departure:
            try:
                return await self._exchange(request, credentials, seconds)
            except (httpx.HTTPError, aiohttp.ClientError) as fault:
                if not departure.left:
                    raise NeverReached(_FULL if departure.queued else _name(fault)) from None
                raise NoUsableAnswer(_name(fault), passing=True) from None
            except TimeoutError:
                if not departure.left:
                    raise NeverReached(f"no connection within {seconds:.3g} s") from None
                raise NoUsableAnswer(f"no complete answer within {seconds:.3g} s") from None

    async def _exchange(self, request: Request, credentials: Credentials, seconds: float) -> Mapping[str, Any]:
        with clicksend_span(request, self._http.base_url.host) as ended, anyio.fail_after(seconds):
            account = httpx.BasicAuth(credentials.username, credentials.secret)
            response = await self._http.send(self._built(request), auth=account, stream=True)
            try:
                ended(response.status_code)
                # The account's own secret is taken out, should the answer ever repeat it.
                return _answer(response, self._remover(credentials)(await _text(response)))
            finally:
                await response.aclose()

    def _built(self, request: Request) -> httpx.Request:
        """The request as it leaves; put together by a client, its address would be taken apart three times."""
        return httpx.Request(
            request.method,
            f"{self._base_url}{request.path}",
            params=request.query,
            json=request.body,
            headers=self._http.headers,
        )

    def _remover(self, credentials: Credentials) -> Callable[[str], str]:
        remover = self._removers.get(credentials)  # kept for as long as somebody holds the credentials
        if remover is None:
            remover = self._removers[credentials] = remover_of(credentials)
        return remover


async def _text(response: httpx.Response) -> str:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NoUsableAnswer(f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MB")
    return body.decode("utf-8-sig", "replace")


def _no_cookies() -> CookieJar:
    """A jar that takes none: what one account was sent must not go out with another's request."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _name(fault: Exception) -> str:
    """A fault in words. Its own text is left out: it may hold an address or what was sent."""
    match fault.__cause__ if isinstance(fault.__cause__, aiohttp.ClientError) else fault:
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return "no connection: host unknown, refused or not trusted"
        case aiohttp.ServerTimeoutError():
            return "the answer did not come in time"
        case httpx.DecodingError():
            return "the answer cannot be decoded"
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientResponseError():
            return "the connection was closed before the answer was complete"
        case _:
            return "the connection broke"


def _answer(response: httpx.Response, text: str) -> Mapping[str, Any]:
    """The JSON object of an answer that says yes; raises for all others.

    No are 4xx, whether HTTP or `http_code` says so, and the documented refusals; the rest may have taken effect.
    """
    status = response.status_code
    answer = _json_object(text)
    if not 200 <= status < 300:
        _raise_for(status, response, answer)
    if status == 204 and not text:
        return {}
    if answer is None:
        raise NoUsableAnswer(f"HTTP {status} with {'a body that is no JSON object' if text else 'an empty body'}")
    code, inner = answer.get("response_code"), _status_in(answer)
    if code is not None and code not in ACKNOWLEDGED:
        if isinstance(code, str) and code in REFUSED_CALLS:
            raise Declined(inner if 400 <= inner < 500 else status, _message(answer), answer)
        if not 200 <= inner < 300:
            _raise_for(inner, response, answer)
        raise NoUsableAnswer(f"HTTP {status}, neither a yes nor a documented refusal ({_message(answer)})", answer)
    if not 200 <= inner < 300:
        if code is None:
            _raise_for(inner, response, answer)
        what = f"HTTP {status} says both {code} and http_code {inner}"
        raise NoUsableAnswer(what, answer, passing=inner >= 500)
    return answer


def _status_in(answer: Mapping[str, Any]) -> int:
    """The `http_code` of an answer, 200 where it has none: the older API said no inside an HTTP 200 (recorded)."""
    inner = answer.get("http_code")
    if isinstance(inner, str) and re.fullmatch("[0-9]{3}", inner):
        return int(inner)
    return inner if isinstance(inner, int) and not isinstance(inner, bool) and 100 <= inner <= 599 else 200


def _raise_for(status: int, response: httpx.Response, answer: Mapping[str, Any] | None) -> NoReturn:
    if 400 <= status < 500:
        raise Declined(status, _message(answer), answer, _retry_after(response))
    what = f"HTTP {status}"
    if 300 <= status < 400:
        what += ", a redirect, which is not followed: CLICKSEND_BASE_URL may be wrong"
    elif status >= 500:
        what += ", a fault on ClickSend's side"
    # Only a fault may be gone at the next attempt.
    raise NoUsableAnswer(what, answer, passing=status >= 500, retry_after=_retry_after(response))


def _retry_after(response: httpx.Response) -> int | None:
    """The seconds after which ClickSend wants to be asked again; None if it does not say so in a whole number."""
    seconds = response.headers.get("retry-after", "")
    return int(seconds) if re.fullmatch("[0-9]{1,6}", seconds) else None


def _json_object(text: str) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(text, object_hook=without_secrets, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits)


def _message(answer: Mapping[str, Any] | None) -> str:
    """ClickSend's own words for a refusal."""
    if answer is None:
        return NOT_FROM_THE_API
    return f"{answer.get('response_code')}: {answer.get('response_msg')}"[:_LONGEST_REASON]
