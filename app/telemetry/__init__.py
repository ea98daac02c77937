"""OpenTelemetry, where the environment names a collector; where it names none, nothing of it is imported."""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING

from structlog.typing import Processor

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from app.telemetry.tracing import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NOTHING = nullcontext()


def start(service: str) -> "TracerProvider | None":
    """Trace this process, called so unless `OTEL_SERVICE_NAME` is set; `None` where tracing is off."""
    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    tracing = _tracing()
    return tracing.provider if tracing else None


def span(name: str) -> AbstractContextManager[object]:
    """A span around a piece of work; the name is a constant of the code and says nothing of anybody."""
    tracing = _tracing()
    return tracing.span(name) if tracing else _NOTHING


def log_processors() -> list[Processor]:
    """What puts the `trace_id` of the current span into a log line."""
    tracing = _tracing()
    return [tracing.add_trace_id] if tracing else []


@lru_cache
def _tracing() -> "Tracing | None":
    if not _is_wanted():
        return None
    from app.telemetry.tracing import Tracing  # noqa: PLC0415  # half a second, for those who trace

    return Tracing()


def _is_wanted() -> bool:
    return (
        any(os.environ.get(name) for name in _ENDPOINTS)
        and os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
        and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"
    )
