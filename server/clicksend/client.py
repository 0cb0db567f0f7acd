"""The async ClickSend client: each account's own connections, with a deadline on every wait."""

import json
import math
import os
import re
import ssl
import zlib
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn

import aiohttp
import anyio
import httpx

from server.clicksend.aiohttp_internals import original_error
from server.clicksend.connections import UnsolicitedData
from server.clicksend.errors import NOT_FROM_THE_API, NotSent, OutcomeUnknown, Rejected
from server.clicksend.flight import Flight, under_way
from server.clicksend.redact import Redactor, redactor_for
from server.clicksend.sanitize import redact_fields
from server.clicksend.telemetry import clicksend_span
from server.clicksend.transport import ACCOUNT, make_transport
from server.config.settings import Credentials, Settings
from server.runtime.addresses import is_loopback
from tools.answer import Answer
from tools.outcome import ACKNOWLEDGED, REFUSED_CALLS
from tools.route import Request

_CONNECTIONS = 100  # at once
_FULL = "too many calls at once, none of the connections became free"
_LARGE = 256 * 1024  # characters of an answer that a worker thread reads; below, it takes a few milliseconds
MAX_ANSWER_BYTES = 10 * 1024 * 1024
_MOST_VALUES = 200_000  # of an answer; ClickSend's own have a thousand rows at most
_LONGEST_REASON = 500  # characters of ClickSend's own words


class ClickSend:
    """Sends requests to ClickSend, each once, for the account that comes along with it."""

    def __init__(self, settings: Settings) -> None:
        self._total_timeout = settings.total_timeout
        self._base_url = settings.base_url.rstrip("/")
        base = httpx.URL(settings.base_url)
        self._host = f"{base.host}:{base.port or (443 if base.scheme == 'https' else 80)}"
        # A proxy from the environment must not see what is meant for this machine.
        proxies = not is_loopback(base.host)
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            headers={"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "clicksend-mcp"},
            timeout=httpx.Timeout(
                settings.read_timeout, connect=settings.connect_timeout, pool=settings.connect_timeout
            ),
            follow_redirects=False,
            cookies=_no_cookies(),
            transport=make_transport(_CONNECTIONS, httpx.create_ssl_context(trust_env=proxies), proxies=proxies),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(
        self,
        request: Request,
        credentials: Credentials,
        flight: Flight,
        seconds: float | None = None,
    ) -> Answer:
        """Send one request, once, and return ClickSend's answer, which is its whole JSON envelope.

        `flight` has departed when there is a connection and the request begins to leave on it: from then on ClickSend
        may act. `seconds`: until the deadline, the total timeout if left out.

        Raises NotSent, Rejected or OutcomeUnknown. A 204 is an answer with an empty body.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()  # a call that is cancelled already does not leave at all
        seconds = self._total_timeout if seconds is None else seconds
        flight.prepare()
        with under_way(flight):
            try:
                return await self._exchange(request, credentials, seconds, flight)
            except (httpx.HTTPError, aiohttp.ClientError) as fault:
                if not flight.departed:
                    raise NotSent(_FULL if flight.queued else self._unreached(fault)) from None
                raise OutcomeUnknown(_name(fault), transient=True) from None
            except zlib.error:
                raise OutcomeUnknown("the answer cannot be decoded") from None
            except TimeoutError:
                if not flight.departed:
                    raise NotSent(f"no connection within {seconds:.3g} s") from None
                raise OutcomeUnknown(f"no complete answer within {seconds:.3g} s") from None

    async def _exchange(self, request: Request, credentials: Credentials, seconds: float, flight: Flight) -> Answer:
        with clicksend_span(request, self._http.base_url.host) as ended, anyio.fail_after(seconds):
            account = httpx.BasicAuth(credentials.username, credentials.secret)
            built = self._built(request, credentials)
            flight.unwritten = len(built.content)
            response = await self._http.send(built, auth=account, stream=True)
            try:
                if flight.early:
                    raise OutcomeUnknown("the answer began before the whole request had left")
                ended(response.status_code)
                return await _read(response, await _text(response), redactor_for(credentials))
            finally:
                await response.aclose()

    def _built(self, request: Request, credentials: Credentials) -> httpx.Request:
        """The request as it leaves; put together by a client, its address would be taken apart three times."""
        return httpx.Request(
            request.method,
            f"{self._base_url}{request.path}",
            params=request.query,
            json=request.body,
            headers=self._http.headers,
            extensions={ACCOUNT: credentials},
        )

    def _unreached(self, fault: Exception) -> str:
        """Why no connection came about, with the host and port that were tried, for whoever operates this."""
        cause, host = original_error(fault), self._host
        match cause:
            case aiohttp.ConnectionTimeoutError() | aiohttp.ServerTimeoutError():
                return f"no connection to {host} in time"
            case aiohttp.ClientConnectorDNSError():
                return f"the host name of {_tried(cause, host)} is unknown"
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return f"the certificate or TLS of {_tried(cause, host)} is not trusted: {_tls(cause)}"
            case aiohttp.ClientHttpProxyError():
                return f"the proxy refuses a connection to {host} (HTTP {cause.status})"
            case aiohttp.ClientConnectorError() if isinstance(cause.os_error, ConnectionRefusedError):
                return f"{_tried(cause, host)} refuses connections"
            case aiohttp.ClientConnectorError():
                return f"no way to {_tried(cause, host)} ({os.strerror(cause.os_error.errno or 0)})"
            case UnsolicitedData():
                return f"{host} spoke before it was asked"
            case _:
                return f"the connection to {host} broke"


async def _read(response: httpx.Response, text: str, remover: Redactor) -> Answer:
    """What an answer says, or its fault; without the account's own secret, should ClickSend ever repeat it."""
    if text.count(",") > _MOST_VALUES:
        raise OutcomeUnknown(f"the answer has more than {_MOST_VALUES:,} values")
    if len(text) <= _LARGE:
        return _cleaned(response, text, remover)
    # The event loop goes on meanwhile: others have calls under way.
    return await anyio.to_thread.run_sync(_cleaned, response, text, remover)


def _cleaned(response: httpx.Response, text: str, remover: Redactor) -> Answer:
    if remover.is_in(text, json=True):
        text = json.dumps(remover.cleaned(_json_object(text)))
    return _answer(response, text)


async def _text(response: httpx.Response) -> str:
    body, unpack = bytearray(), _unpacker(response.headers.get("content-encoding", ""))
    async for chunk in response.aiter_raw():
        # One byte more than may come is enough to see that it is too large.
        body += unpack(chunk, MAX_ANSWER_BYTES + 1 - len(body)) if unpack else chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise OutcomeUnknown(f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MB")
    return body.decode("utf-8-sig", "replace")


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes] | None:
    """What unpacks an answer, at most so many bytes at a time; None if it came as it is.

    One layer at most: of two, each byte that came may become a million.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress  # either header
        case _:
            raise OutcomeUnknown("the answer is packed in a way that was not asked for")


def _no_cookies() -> CookieJar:
    """A jar that takes none: what one account was sent must not go out with another's request."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _tried(fault: BaseException, host: str) -> str:
    """What a connection was tried to: that may be a proxy."""
    if isinstance(fault, aiohttp.ClientProxyConnectionError):
        return f"the proxy {fault.host}:{fault.port}"
    return host


def _tls(fault: BaseException) -> str:
    """OpenSSL's own words, which hold nothing of the call."""
    reason: BaseException | None = None
    match fault:
        case aiohttp.ClientConnectorCertificateError():
            reason = fault.certificate_error
        case aiohttp.ClientConnectorSSLError():
            reason = fault.os_error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return reason.verify_message
    return (getattr(reason, "reason", None) or "handshake failed").replace("_", " ").lower()


def _name(fault: Exception) -> str:
    """What broke a call, in words. The fault's own text is left out: it may hold an address or what was sent."""
    match original_error(fault):
        case aiohttp.ServerTimeoutError():
            return "the answer did not come in time"
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientResponseError():
            return "the connection was closed before the answer was complete"
        case _:
            return "the connection broke"


def _answer(response: httpx.Response, text: str) -> Answer:
    """The JSON object of an answer that says yes; raises for all others.

    No are 4xx, whether HTTP or `http_code` says so, and the documented refusals; the rest may have taken effect.
    """
    status = response.status_code
    body = _json_object(text)
    answer = None if body is None else Answer(body, is_large=len(text) > _LARGE)
    if not 200 <= status < 300:
        _raise_for(status, response, answer)
    if status == 204 and not text:
        return Answer({})
    if answer is None:
        raise OutcomeUnknown(f"HTTP {status} with {'a body that is no JSON object' if text else 'an empty body'}")
    code, inner = answer.body.get("response_code"), _status_in(answer)
    if code is not None and code not in ACKNOWLEDGED:
        if isinstance(code, str) and code in REFUSED_CALLS:
            raise Rejected(inner if 400 <= inner < 500 else status, _message(answer), answer)
        if not 200 <= inner < 300:
            _raise_for(inner, response, answer)
        raise OutcomeUnknown(f"HTTP {status}, neither a yes nor a documented refusal ({_message(answer)})", answer)
    if not 200 <= inner < 300:
        if code is None:
            _raise_for(inner, response, answer)
        what = f"HTTP {status} says both {code} and http_code {inner}"
        raise OutcomeUnknown(what, answer, transient=inner >= 500)
    return answer


def _status_in(answer: Answer) -> int:
    """The `http_code` of an answer, 200 where it has none: the older API said no inside an HTTP 200 (recorded)."""
    inner = answer.body.get("http_code")
    if isinstance(inner, str) and re.fullmatch("[0-9]{3}", inner):
        return int(inner)
    return inner if isinstance(inner, int) and not isinstance(inner, bool) and 100 <= inner <= 599 else 200


def _raise_for(status: int, response: httpx.Response, answer: Answer | None) -> NoReturn:
    if 400 <= status < 500:
        raise Rejected(status, _message(answer), answer, _retry_after(response))
    what = f"HTTP {status}"
    if 300 <= status < 400:
        what += ", a redirect, which is not followed: CLICKSEND_BASE_URL may be wrong"
    elif status >= 500:
        what += ", a fault on ClickSend's side"
    # Only a fault may be gone at the next attempt.
    raise OutcomeUnknown(what, answer, transient=status >= 500, retry_after=_retry_after(response))


def _retry_after(response: httpx.Response) -> int | None:
    """The seconds after which ClickSend wants to be asked again; None if it does not say so in a whole number."""
    seconds = response.headers.get("retry-after", "")
    return int(seconds) if re.fullmatch("[0-9]{1,6}", seconds) else None


def _json_object(text: str) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(text, object_hook=redact_fields, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits)


def _message(answer: Answer | None) -> str:
    """ClickSend's own words for a refusal."""
    if answer is None:
        return NOT_FROM_THE_API
    return f"{answer.body.get('response_code')}: {answer.body.get('response_msg')}"[:_LONGEST_REASON]
