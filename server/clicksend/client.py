"""The async ClickSend client: sends a request once, with a deadline, and judges the response."""

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

_CONNECTIONS = 100  # in use at once
_POOL_FULL = "too many calls at once, none of the connections became free"
_LARGE_ANSWER = 256 * 1024  # characters; a larger one is parsed in a worker thread, others take a few milliseconds
MAX_ANSWER_BYTES = 10 * 1024 * 1024
_MAX_VALUES = 200_000  # in an answer; ClickSend returns at most a thousand rows
_MAX_REASON = 500  # characters of ClickSend's message


class ClickSend:
    """Sends each request to ClickSend once, with the credentials given for it."""

    def __init__(self, settings: Settings) -> None:
        self._total_timeout = settings.total_timeout
        self._base_url = settings.base_url.rstrip("/")
        base = httpx.URL(settings.base_url)
        self._host = f"{base.host}:{base.port or (443 if base.scheme == 'https' else 80)}"
        # A proxy from the environment must not see requests to this machine.
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
        """Close its connections."""
        await self._http.aclose()

    async def send(
        self,
        request: Request,
        credentials: Credentials,
        flight: Flight,
        seconds: float | None = None,
    ) -> Answer:
        """Send a request once; returns ClickSend's answer, the whole JSON envelope. A 204 is an answer without a body.

        `flight` departs when a connection is ready and the request is about to be written: from then on ClickSend may
        act. `seconds`: time until the deadline, by default the total timeout.

        Raises NotSent, Rejected or OutcomeUnknown.
        """
        await anyio.lowlevel.checkpoint_if_cancelled()  # a call that is already cancelled never departs
        seconds = self._total_timeout if seconds is None else seconds
        flight.prepare()
        with under_way(flight):
            try:
                return await self._exchange(request, credentials, seconds, flight)
            except (httpx.HTTPError, aiohttp.ClientError) as fault:
                if not flight.departed:
                    raise NotSent(_POOL_FULL if flight.queued else self._why_not_sent(fault)) from None
                raise OutcomeUnknown(_why_broken(fault), transient=True) from None
            except zlib.error:
                raise OutcomeUnknown("the answer cannot be decoded") from None
            except TimeoutError:
                if not flight.departed:
                    raise NotSent(f"no connection within {seconds:.3g} s") from None
                raise OutcomeUnknown(f"no complete answer within {seconds:.3g} s") from None

    async def _exchange(self, request: Request, credentials: Credentials, seconds: float, flight: Flight) -> Answer:
        with clicksend_span(request, self._http.base_url.host) as record_status, anyio.fail_after(seconds):
            account = httpx.BasicAuth(credentials.username, credentials.secret)
            http_request = self._build_request(request, credentials)
            flight.unwritten = len(http_request.content)
            response = await self._http.send(http_request, auth=account, stream=True)
            try:
                if flight.early:
                    raise OutcomeUnknown("the answer began before the whole request had left")
                record_status(response.status_code)
                return await _parse(response, await _read_body(response), redactor_for(credentials))
            finally:
                await response.aclose()

    def _build_request(self, request: Request, credentials: Credentials) -> httpx.Request:
        """The HTTP request. Built without httpx's client, which would parse the URL three times."""
        return httpx.Request(
            request.method,
            f"{self._base_url}{request.path}",
            params=request.query,
            json=request.body,
            headers=self._http.headers,
            extensions={ACCOUNT: credentials},
        )

    def _why_not_sent(self, fault: Exception) -> str:
        """Why no connection was made, with the host and port, for the operator."""
        cause, host = original_error(fault), self._host
        match cause:
            case aiohttp.ConnectionTimeoutError() | aiohttp.ServerTimeoutError():
                return f"no connection to {host} in time"
            case aiohttp.ClientConnectorDNSError():
                return f"the host name of {_peer(cause, host)} is unknown"
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return f"the certificate or TLS of {_peer(cause, host)} is not trusted: {_tls_reason(cause)}"
            case aiohttp.ClientHttpProxyError():
                return f"the proxy refuses a connection to {host} (HTTP {cause.status})"
            case aiohttp.ClientConnectorError() if isinstance(cause.os_error, ConnectionRefusedError):
                return f"{_peer(cause, host)} refuses connections"
            case aiohttp.ClientConnectorError():
                return f"no way to {_peer(cause, host)} ({os.strerror(cause.os_error.errno or 0)})"
            case UnsolicitedData():
                return f"{host} spoke before it was asked"
            case _:
                return f"the connection to {host} broke"


async def _parse(response: httpx.Response, text: str, redactor: Redactor) -> Answer:
    """The answer, without the account's secret, should ClickSend ever repeat it; raises as `_accept` does."""
    if text.count(",") > _MAX_VALUES:
        raise OutcomeUnknown(f"the answer has more than {_MAX_VALUES:,} values")
    if len(text) <= _LARGE_ANSWER:
        return _parse_redacted(response, text, redactor)
    # Other calls use the event loop meanwhile.
    return await anyio.to_thread.run_sync(_parse_redacted, response, text, redactor)


def _parse_redacted(response: httpx.Response, text: str, redactor: Redactor) -> Answer:
    if redactor.is_in(text, json=True):
        text = json.dumps(redactor.cleaned(_json_object(text)))
    return _accept(response, text)


async def _read_body(response: httpx.Response) -> str:
    body, decompress = bytearray(), _decompressor(response.headers.get("content-encoding", ""))
    async for chunk in response.aiter_raw():
        # One byte beyond the maximum is enough to see that it is exceeded.
        body += decompress(chunk, MAX_ANSWER_BYTES + 1 - len(body)) if decompress else chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise OutcomeUnknown(f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MB")
    return body.decode("utf-8-sig", "replace")


def _decompressor(encoding: str) -> Callable[[bytes, int], bytes] | None:
    """A function that decompresses a chunk into at most so many bytes; None if the body is not compressed.

    Refuses more than one layer: with two, one byte may become a million (decompression bomb).
    """
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress  # either header
        case _:
            raise OutcomeUnknown("the answer is packed in a way that was not asked for")


def _no_cookies() -> CookieJar:
    """A jar that accepts no cookies: one account's must not go out with another's request."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _peer(fault: BaseException, host: str) -> str:
    """The host the connection was attempted to: a proxy, or `host`."""
    if isinstance(fault, aiohttp.ClientProxyConnectionError):
        return f"the proxy {fault.host}:{fault.port}"
    return host


def _tls_reason(fault: BaseException) -> str:
    """OpenSSL's reason, which holds nothing of the call."""
    reason: BaseException | None = None
    match fault:
        case aiohttp.ClientConnectorCertificateError():
            reason = fault.certificate_error
        case aiohttp.ClientConnectorSSLError():
            reason = fault.os_error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return reason.verify_message
    return (getattr(reason, "reason", None) or "handshake failed").replace("_", " ").lower()


def _why_broken(fault: Exception) -> str:
    """What broke a connection. The fault's own text may hold an address or what was sent, so it is left out."""
    match original_error(fault):
        case aiohttp.ServerTimeoutError():
            return "the answer did not come in time"
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientResponseError():
            return "the connection was closed before the answer was complete"
        case _:
            return "the connection broke"


def _accept(response: httpx.Response, text: str) -> Answer:
    """The answer of a response that reports success.

    Raises Rejected for a 4xx, in HTTP or in `http_code`, and for the documented refusals; OutcomeUnknown for all
    others, which may have taken effect.
    """
    status = response.status_code
    body = _json_object(text)
    answer = None if body is None else Answer(body, is_large=len(text) > _LARGE_ANSWER)
    if not 200 <= status < 300:
        _raise_for(status, response, answer)
    if status == 204 and not text:
        return Answer({})
    if answer is None:
        raise OutcomeUnknown(f"HTTP {status} with {'a body that is no JSON object' if text else 'an empty body'}")
    code, inner_status = answer.body.get("response_code"), _inner_status(answer)
    if code is not None and code not in ACKNOWLEDGED:
        if isinstance(code, str) and code in REFUSED_CALLS:
            raise Rejected(inner_status if 400 <= inner_status < 500 else status, _clicksend_message(answer), answer)
        if not 200 <= inner_status < 300:
            _raise_for(inner_status, response, answer)
        raise OutcomeUnknown(
            f"HTTP {status}, neither a yes nor a documented refusal ({_clicksend_message(answer)})", answer
        )
    if not 200 <= inner_status < 300:
        if code is None:
            _raise_for(inner_status, response, answer)
        reason = f"HTTP {status} says both {code} and http_code {inner_status}"
        raise OutcomeUnknown(reason, answer, transient=inner_status >= 500)
    return answer


def _inner_status(answer: Answer) -> int:
    """The `http_code` of an answer, 200 if it has none: the older API refused inside an HTTP 200 (recorded)."""
    code = answer.body.get("http_code")
    if isinstance(code, str) and re.fullmatch("[0-9]{3}", code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) and 100 <= code <= 599 else 200


def _raise_for(status: int, response: httpx.Response, answer: Answer | None) -> NoReturn:
    if 400 <= status < 500:
        raise Rejected(status, _clicksend_message(answer), answer, _retry_after(response))
    reason = f"HTTP {status}"
    if 300 <= status < 400:
        reason += ", a redirect, which is not followed: CLICKSEND_BASE_URL may be wrong"
    elif status >= 500:
        reason += ", a fault on ClickSend's side"
    # Only a server error may pass by the next attempt.
    raise OutcomeUnknown(reason, answer, transient=status >= 500, retry_after=_retry_after(response))


def _retry_after(response: httpx.Response) -> int | None:
    """The Retry-After header, if it is in seconds."""
    seconds = response.headers.get("retry-after", "")
    return int(seconds) if re.fullmatch("[0-9]{1,6}", seconds) else None


def _json_object(text: str) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(text, object_hook=redact_fields, parse_constant=_reject_constant, parse_float=_parse_finite)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse_finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _reject_constant(digits)


def _clicksend_message(answer: Answer | None) -> str:
    """ClickSend's message for a refusal."""
    if answer is None:
        return NOT_FROM_THE_API
    return f"{answer.body.get('response_code')}: {answer.body.get('response_msg')}"[:_MAX_REASON]
