"""Tracing: off unless a collector is named; on, it follows a request through SQL and worker, and quotes nobody."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import structlog
from opentelemetry import baggage, context, propagate
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from app import logs, telemetry, worker
from app.roles import Role
from app.services import jobs
from app.telemetry import tracing
from tests.owner import execute, owner
from tests.servers import PATIENCE_S
from tests.system import System, a_customer, a_number, a_shipment, an_event, running
from tests.test_logs import SECRETS, crawl

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
CANARY = "canary7444496931331"


class Traced:
    """A system that is traced, and the spans that would have left it."""

    def __init__(self, system: System, provider: TracerProvider, memory: InMemorySpanExporter) -> None:
        self.system, self.provider, self.memory = system, provider, memory

    def spans(self) -> list[ReadableSpan]:
        """Those that ended since the last look."""
        self.provider.force_flush()
        found = list(self.memory.get_finished_spans())
        self.memory.clear()
        return found


@pytest.fixture
async def traced(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Traced]:
    memory, before = InMemorySpanExporter(), propagate.get_global_textmap()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "courier-crm-test")
    monkeypatch.setattr(tracing, "OTLPSpanExporter", lambda: memory)
    telemetry._tracing.cache_clear()
    async with running(empty_database, log_level="INFO") as system:
        on = telemetry._tracing()
        assert on is not None
        yield Traced(system, on.provider, memory)
    on.provider.shutdown()
    AsyncPGInstrumentor().uninstrument()  # type: ignore[no-untyped-call]  # it brings no types
    HTTPXClientInstrumentor().uninstrument()
    propagate.set_global_textmap(before)
    telemetry._tracing.cache_clear()
    logs.configure("ERROR")


def server_span(spans: list[ReadableSpan]) -> ReadableSpan:
    (found,) = [span for span in spans if span.kind is SpanKind.SERVER]
    return found


def everything_in(spans: list[ReadableSpan]) -> str:
    """All that an exporter could get out of them, as one text."""
    parts = [
        (span.to_json(), span.context and span.context.trace_state, span.parent and span.parent.trace_state)
        for span in spans
    ]
    return json.dumps(str(parts), ensure_ascii=False)


# --- Off ----------------------------------------------------------------------------------------------


def run_python(code: str, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return done.stdout


def test_where_no_collector_is_named_nothing_of_it_is_imported() -> None:
    loaded = run_python(
        "import sys, app.worker; from app.demo import throwaway_settings; from app.main import create_app\n"
        "create_app(throwaway_settings())\n"
        "print(*sys.modules)"
    )
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")
    assert "app.telemetry" in loaded.split()
    assert [name for name in loaded.split() if name.startswith((*heavy, "app.telemetry.tracing"))] == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_it_is_off_where_the_standard_variables_say_so(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    telemetry._tracing.cache_clear()
    assert telemetry.start("courier-crm-test") is None
    assert telemetry.log_processors() == []
    with telemetry.span("nothing") as span:
        assert span is None
    telemetry._tracing.cache_clear()


# --- On -----------------------------------------------------------------------------------------------


async def test_a_request_is_a_span_named_by_its_template_that_follows_its_caller(traced: Traced) -> None:
    operations = await traced.system.as_role(Role.OPERATIONS)
    traced.spans()
    await operations.get(f"/v1/shipments/{a_number()}", headers=TRACEPARENT)
    span = server_span(traced.spans())
    assert span.name == "GET /v1/shipments/{tracking_no}"
    assert span.context
    assert span.parent
    assert format_trace_id(span.context.trace_id) == TRACE
    assert format_span_id(span.parent.span_id) == PARENT
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "http.route": "/v1/shipments/{tracking_no}",
        "network.protocol.version": "1.1",
        "url.scheme": "http",
    }
    assert span.resource.attributes["service.name"] == "courier-crm-test"


async def test_the_statements_of_a_request_are_its_children_without_their_values(traced: Traced) -> None:
    customer = await a_customer(traced.system)
    shipment = await a_shipment(traced.system, customer["id"])
    operations = await traced.system.as_role(Role.OPERATIONS)
    partner = await traced.system.partner(customer["id"])
    traced.spans()
    for caller, path in (
        (operations, f"/v1/shipments/{shipment['tracking_no']}"),
        (partner, f"/v1/partner/shipments?tracking_no={shipment['tracking_no']}"),
    ):
        assert (await caller.get(path)).status_code == 200
        spans = traced.spans()
        request = server_span(spans).context
        statements = [span for span in spans if span.kind is SpanKind.CLIENT]
        asked = [str((span.attributes or {})["db.query.text"]) for span in statements]
        assert any("$1" in each for each in asked)
        assert shipment["tracking_no"] not in everything_in(spans)
        for span in statements:
            assert request
            assert span.context
            assert span.context.trace_id == request.trace_id
            assert (span.attributes or {})["db.system.name"] == "postgresql"


async def test_a_crawl_leaves_no_word_of_anybodys_in_any_span(traced: Traced) -> None:
    await crawl(traced.system)
    spans = traced.spans()
    assert len(spans) > 100
    written = everything_in(spans)
    for what, secret in SECRETS.items():
        assert secret not in written, what
    for caller in traced.system.callers.values():
        assert caller.token[-20:] not in written
        assert caller.id not in written


async def test_no_header_method_path_query_or_body_gets_into_a_span(traced: Traced) -> None:
    told = ("User-Agent", "Host", "Referer", "Cookie", "X-Forwarded-For", "X-Request-ID", "Authorization")
    headers = {**dict.fromkeys(told, CANARY), **TRACEPARENT}
    headers |= {"tracestate": f"{CANARY}={CANARY}", "baggage": f"{CANARY}={CANARY}"}
    for method in ("GET", "POST", CANARY):
        for path in ("/", "/v1/shipments/", "/v1/customers/", "/static-offline-docs/", "/problems/"):
            await traced.system.http.request(
                method, path + CANARY, params={CANARY: CANARY}, headers=headers, json={CANARY: CANARY}
            )
    spans = traced.spans()
    assert len([span for span in spans if span.kind is SpanKind.SERVER]) == 15
    assert CANARY not in everything_in(spans).lower()


async def test_what_fails_is_marked_and_not_quoted(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an exception of ours nor the database's, which quotes the row."""
    marketing = await traced.system.as_role(Role.MARKETING)
    async with owner(traced.system) as connection:
        await connection.execute("ALTER TABLE customers ADD CONSTRAINT tiny CHECK (length(name) < 18)")
    await marketing.post("/v1/customers", {"name": CANARY, "kind": "person"})
    failed = [span for span in traced.spans() if span.status.status_code is StatusCode.ERROR]
    assert {span.kind for span in failed} == {SpanKind.SERVER, SpanKind.CLIENT}
    assert CANARY not in everything_in(failed).lower()

    def explode(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("app.services.customers.subject", explode)
    await marketing.post("/v1/customers", {"name": "x", "kind": "person"})
    failed = [span for span in traced.spans() if span.status.status_code is StatusCode.ERROR]
    assert [(span.attributes or {})["error.type"] for span in failed] == ["500"]
    assert CANARY not in everything_in(failed).lower()


async def test_what_watches_is_not_traced(traced: Traced) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        await traced.system.http.get(path)
    assert traced.spans() == []


async def test_the_workers_reactions_and_jobs_are_spans(traced: Traced) -> None:
    shipment = await a_shipment(traced.system)
    dispatch = await traced.system.dispatch()
    await dispatch.post("/v1/tracking-events", an_event(shipment["tracking_no"]))
    traced.spans()
    await traced.system.drain()
    relayed = traced.spans()
    (root,) = [span for span in relayed if span.parent is None]
    assert root.name == "relay refold"
    assert len(relayed) > 1
    payload = {"list": "native", "code": "x", "reason_code": "", "since": "2026-01-01"}
    async with traced.system.database.sessions.begin() as session:
        job = await jobs.enqueue(session, "remap_carrier_code", payload)
    await worker.run_job(traced.system.database.sessions, job.id)
    roots = [span.name for span in traced.spans() if span.parent is None]
    assert roots == ["job remap_carrier_code"]


async def test_a_statement_that_belongs_to_nothing_is_left_out(traced: Traced) -> None:
    assert await worker.relay(traced.system.database.sessions) == 0
    await execute(traced.system, "SELECT 1")
    assert traced.spans() == []


async def test_a_log_line_names_its_trace_and_still_its_correlation_id(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A logger keeps what it was made with, and a test before may have made it; a process makes it once."""
    monkeypatch.setattr("app.routers.access_log.log", structlog.get_logger("app.routers.access_log"))
    (handler,) = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    written, given = io.StringIO(), uuid.uuid4().hex
    handler.setStream(written)
    answer = await traced.system.http.get("/v1/me", headers={**TRACEPARENT, "X-Request-ID": given})
    (line,) = [json.loads(each) for each in written.getvalue().splitlines() if '"request"' in each]
    assert line["trace_id"] == TRACE
    assert line["correlation_id"] == given == answer.headers["x-request-id"] == answer.json()["trace_id"]


# --- What goes out ------------------------------------------------------------------------------------


@contextmanager
def listening(received: list[tuple[dict[str, str], bytes]]) -> Iterator[str]:
    """A server that notes headers and bodies of what it is sent; its URL."""

    class Notes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Notes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_an_outgoing_call_is_a_span_that_says_whom_and_not_what(traced: Traced) -> None:
    received: list[tuple[dict[str, str], bytes]] = []
    said_by_a_caller = context.attach(baggage.set_baggage(CANARY, CANARY))
    with listening(received) as url, telemetry.span("a delivery"):
        async with httpx.AsyncClient(headers={"X-Secret": CANARY}) as client:
            await client.post(f"{url}/{CANARY}", params={CANARY: CANARY}, content=CANARY)
    context.detach(said_by_a_caller)
    spans = traced.spans()
    (call,) = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert (call.attributes or {})["server.address"] == "127.0.0.1"
    assert (call.attributes or {})["http.response.status_code"] == 200
    assert CANARY not in everything_in(spans).lower()
    assert call.context
    ((headers, _),) = received
    assert format_trace_id(call.context.trace_id) in headers["traceparent"]
    assert "baggage" not in headers


def test_the_collector_gets_what_was_traced_when_the_process_ends(empty_system: System) -> None:
    """By the standard variables alone, in a process of its own, over OTLP."""
    received: list[tuple[dict[str, str], bytes]] = []
    code = (
        "import asyncio, os, sys\n"
        "sys.path.insert(0, os.getcwd())\n"
        "from tests.system import running\n"
        "async def main():\n"
        "    async with running(os.environ['CRM_DATABASE_URL']) as system:\n"
        f"        await system.http.get('/v1/shipments/{CANARY}', params=dict(q='{CANARY}'))\n"
        "        await system.http.post('/v1/auth/token',\n"
        f"            data=dict(grant_type='password', username='{CANARY}', password='{CANARY}'))\n"
        "asyncio.run(main())"
    )
    with listening(received) as url:
        run_python(code, OTEL_EXPORTER_OTLP_ENDPOINT=url, CRM_DATABASE_URL=empty_system.settings.database_url)
    messages = [ExportTraceServiceRequest.FromString(body) for _, body in received]
    names = [
        span.name
        for message in messages
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {"GET /v1/shipments/{tracking_no}", "POST /v1/auth/token", "SELECT"} <= set(names)
    assert "courier-crm-api" in str(messages)
    assert CANARY not in str(messages)
