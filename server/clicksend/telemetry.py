"""Telemetry: each request to ClickSend as an OpenTelemetry client span and a duration, if an SDK is installed.

Names and units follow the semantic conventions for HTTP clients. Queries, bodies, ids in paths and exception texts are
left out: they hold phone numbers, message texts and names.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry.metrics import get_meter
from opentelemetry.trace import SpanKind, StatusCode, get_tracer

from tools.route import Request

_tracer = get_tracer("clicksend-mcp")
_duration = get_meter("clicksend-mcp").create_histogram(
    "http.client.request.duration",
    unit="s",
    description="Duration of requests to ClickSend",
    explicit_bucket_boundaries_advisory=[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
)


@contextmanager
def clicksend_span(request: Request, host: str) -> Iterator[Callable[[int], None]]:
    """A span around one request to ClickSend; call what it yields with the HTTP status of the response."""
    attributes: dict[str, str | int] = {
        "http.request.method": request.method,
        "url.template": request.template,
        "server.address": host,
    }
    started = time.monotonic()
    with _tracer.start_as_current_span(
        f"{request.method} {request.template}",
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:

        def record_status(status: int) -> None:
            attributes["http.response.status_code"] = status

        try:
            yield record_status
        except BaseException as fault:
            attributes["error.type"] = type(fault.__cause__ or fault).__qualname__
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.set_attributes(attributes)
            _duration.record(time.monotonic() - started, attributes)
