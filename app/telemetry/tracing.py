"""Spans of requests, SQL and outgoing calls, and the one wall that they pass on their way out."""

import os
from collections.abc import MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

LONGEST_VALUE = 2000
KEPT = frozenset(
    {
        "db.namespace",
        "db.query.text",
        "db.system.name",
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "network.protocol.version",
        "url.scheme",
    }
)
"""The attributes that are exported. Statements are of our making, with `$1` where a value stands."""
KEPT_OF_CLIENTS = KEPT | {"server.address", "server.port"}
"""Whom we call. Of a request it would be the header `Host`, into which anybody may write anything."""


class Discreet(SpanExporter):
    """Lets through only what can't hold a word of anybody's: no event, no message, no attribute not named here.

    A statement outside of any request or work is a poll of the queue or a sign of life, and left out.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        told = [_discreet(span) for span in spans if span.parent or span.kind is not SpanKind.CLIENT]
        return self._exporter.export(told) if told else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _discreet(span: ReadableSpan) -> ReadableSpan:
    kept = KEPT_OF_CLIENTS if span.kind is SpanKind.CLIENT else KEPT
    attributes = {
        name: value[:LONGEST_VALUE] if isinstance(value, str) else value
        for name, value in (span.attributes or {}).items()
        if name in kept
    }
    return ReadableSpan(
        name=span.name,
        context=_stateless(span.context),
        parent=_stateless(span.parent),
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _stateless(context: SpanContext | None) -> SpanContext | None:
    """Without `tracestate`, which the caller wrote."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


class Tracing:
    """Traces this process from here on; exporter, sampler and limits go by the standard variables."""

    def __init__(self) -> None:
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"  # the names in `KEPT`
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(Discreet(OTLPSpanExporter())))
        self._tracer = self.provider.get_tracer("app")
        # Not baggage: what a caller says would travel on to everybody that we call.
        propagate.set_global_textmap(TraceContextTextMapPropagator())
        AsyncPGInstrumentor().instrument(tracer_provider=self.provider)  # type: ignore[no-untyped-call]  # it brings none
        HTTPXClientInstrumentor().instrument(tracer_provider=self.provider)

    def span(self, name: str) -> AbstractContextManager[object]:
        return self._tracer.start_as_current_span(name, record_exception=False)

    @staticmethod
    def add_trace_id(
        _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = trace.format_trace_id(context.trace_id)
        return event
