"""Telemetry: the spans and durations of a tool call, and that none of them holds anything private."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from mcp import Client
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from support.inputs import GOOD, MARKED_NUMBER, MARKED_TEXT, MESSAGE_ID
from support.scripted import BASIC, SECRET, Script, answer, drops, envelope, good, keeps_silent, says, scripted

from server.protocol.server import build_server

pytestmark = pytest.mark.anyio

SEND = "CLICKSEND_CREATE_SMS_SEND"
RECEIPT = "CLICKSEND_SMS_RECEIPTS_BY_MESSAGE_ID_GET"
ECHO = {"key": SECRET, "number": MARKED_NUMBER, "text": MARKED_TEXT}
ACCEPTED = good({"messages": [{"to": MARKED_NUMBER, "status": "SUCCESS", "message_id": MESSAGE_ID}], **ECHO})
TRACE, PARENT = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331


@dataclass(frozen=True)
class Seen:
    """The spans and metrics recorded so far."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def points(self) -> list[Any]:
        """The data points of the duration, one for each set of attributes."""
        metrics = self.reader.get_metrics_data()
        scopes = [
            scope for resource in (metrics.resource_metrics if metrics else ()) for scope in resource.scope_metrics
        ]
        metrics_of_ours = [
            metric for scope in scopes for metric in scope.metrics if scope.scope.name == "clicksend-mcp"
        ]
        assert all((metric.name, metric.unit) == ("http.client.request.duration", "s") for metric in metrics_of_ours)
        return [point for metric in metrics_of_ours for point in metric.data.data_points]

    def text(self) -> str:
        """Everything, as it would be exported."""
        spans = [span.to_json() for span in self.exporter.get_finished_spans()]
        metrics = self.reader.get_metrics_data()
        return "\n".join([*spans, metrics.to_json() if metrics else ""])


@pytest.fixture(scope="session")
def _sdk() -> Iterator[Seen]:
    """The SDK, which can be installed once per process."""
    seen = Seen(InMemorySpanExporter(), InMemoryMetricReader())
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(seen.exporter))
    meters = MeterProvider(metric_readers=[seen.reader])
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    assert trace.get_tracer_provider() is tracers
    yield seen
    tracers.shutdown()
    meters.shutdown()


@pytest.fixture
def seen(_sdk: Seen) -> Seen:
    _sdk.exporter.clear()
    return _sdk


async def call(script: Script, slug: str, meta: dict[str, Any] | None = None, **settings: Any) -> Any:
    """Call a tool of a server in this process; the envelope, and the requests that reached ClickSend."""
    async with scripted(script) as upstream, Client(build_server(upstream.settings(**settings))) as client:
        more: Any = {"meta": meta} if meta else {}
        result = await client.call_tool(slug, GOOD[slug], **more)
        return result.structured_content, upstream.requests


async def test_a_call_is_a_server_span_with_the_request_to_clicksend_as_its_child(seen: Seen) -> None:
    said, _ = await call(says(ACCEPTED), SEND)
    assert said["successful"]
    (outer,), (inner,) = (
        [span for span in seen.spans(f"tools/call {SEND}") if span.kind is SpanKind.SERVER],
        seen.spans("POST /v3/sms/send"),
    )
    assert inner.kind is SpanKind.CLIENT
    assert inner.parent
    assert (inner.parent.span_id, inner.context.trace_id) == (outer.context.span_id, outer.context.trace_id)
    assert dict(inner.attributes or {}) == {
        "http.request.method": "POST",
        "url.template": "/v3/sms/send",
        "server.address": "127.0.0.1",
        "http.response.status_code": 200,
    }
    assert inner.status.status_code is StatusCode.UNSET


async def test_the_duration_is_counted_in_buckets_of_seconds(seen: Seen) -> None:
    await call(says(good({})), "CLICKSEND_GET_STATISTICS_SMS")
    (point,) = [point for point in seen.points() if point.attributes["url.template"] == "/v3/statistics/sms"]
    assert dict(point.attributes) == {
        "http.request.method": "GET",
        "url.template": "/v3/statistics/sms",
        "server.address": "127.0.0.1",
        "http.response.status_code": 200,
    }
    assert point.count == 1
    assert 0 < point.sum < 60
    assert point.explicit_bounds[0] == 0.005
    assert point.explicit_bounds[-1] == 10


@dataclass(frozen=True)
class Fault:
    name: str
    script: Script
    status: int | None
    settings: dict[str, Any]


FAULTS = [
    Fault("refused", says(answer(400, envelope(ECHO, 400, "BAD_REQUEST", MARKED_TEXT))), 400, {}),
    Fault("broken", says(answer(500, envelope(ECHO, 500, "X", MARKED_TEXT))), 500, {}),
    Fault("no JSON", says(answer(200, f"{MARKED_TEXT} {SECRET}".encode())), 200, {}),
    Fault("cut", drops, None, {}),
    Fault("silent", keeps_silent, None, {"total_timeout": 0.5}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_fault_is_recorded_by_its_kind(fault: Fault, seen: Seen) -> None:
    said, _ = await call(fault.script, "CLICKSEND_GET_ACCOUNT", **fault.settings)
    assert not said["successful"]
    (span,) = seen.spans("GET /v3/account")
    attributes = dict(span.attributes or {})
    assert attributes.get("http.response.status_code") == fault.status
    assert str(attributes["error.type"]).isidentifier()
    assert span.status.status_code is StatusCode.ERROR
    assert not span.status.description
    assert not span.events
    assert attributes in [dict(point.attributes) for point in seen.points()]


async def test_nothing_private_is_in_any_span_or_metric(seen: Seen) -> None:
    for script in (says(ACCEPTED), *(fault.script for fault in FAULTS)):
        for slug in (SEND, RECEIPT, "CLICKSEND_GET_SMS_HISTORY", "CLICKSEND_CREATE_LISTS_CONTACTS"):
            await call(script, slug, total_timeout=0.5)
    assert seen.spans("GET /v3/sms/receipts/{message_id}")
    text = seen.text()
    for mark in (SECRET, BASIC, MARKED_TEXT, MARKED_NUMBER, MARKED_NUMBER[1:], MESSAGE_ID, "/9001"):
        assert mark not in text, mark


async def test_the_callers_trace_is_continued_and_not_propagated_to_clicksend(seen: Seen) -> None:
    meta = {"traceparent": f"00-{TRACE:032x}-{PARENT:016x}-01", "tracestate": f"vendor={MARKED_TEXT}"}
    _, requests = await call(says(ACCEPTED), SEND, meta)
    (outer,) = [span for span in seen.spans(f"tools/call {SEND}") if span.kind is SpanKind.SERVER]
    (inner,) = seen.spans("POST /v3/sms/send")
    assert outer.context.trace_id == inner.context.trace_id == TRACE
    assert outer.parent
    assert outer.parent.span_id == PARENT
    (arrived,) = requests
    assert not {"traceparent", "tracestate", "baggage", "b3"} & set(arrived.headers)
    for part in (f"{TRACE:032x}", f"{inner.context.span_id:016x}", "vendor="):
        assert part not in json.dumps(arrived.headers) + arrived.body.decode()
