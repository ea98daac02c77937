"""What Prometheus reads: this process's requests and pools, and what waits in the database."""

import asyncio
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database
from app.errors import Unauthenticated
from app.services import backlog

log = structlog.get_logger(__name__)

router = APIRouter()

PATH = "/metrics"
DATABASE_WITHIN_S = 2
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_UP_TO = f"; counted up to {backlog.CAP}"
FROM_THE_DATABASE = {
    "outbox_pending": (f"Rows of the outbox that wait for their consumer{_UP_TO} in all", "consumer"),
    "outbox_oldest_seconds": ("Age of the oldest row of the outbox that waits", "consumer"),
    "dead_letters": (f"Rows of the outbox set aside after ten attempts{_UP_TO} in all", "consumer"),
    "parked_events": (f"Pushed events of numbers that nobody knows yet{_UP_TO}", None),
    "parked_oldest_seconds": ("Age of the oldest parked event", None),
    "unmapped_codes": (f"Carriers' codes without a meaning{_UP_TO}", None),
    "jobs": (f"Jobs that wait, run or have failed; the failed{_UP_TO}", "state"),
    "exceptions": (f"Delivery exceptions that are not closed{_UP_TO} in each state", "state"),
    "workers": ("Workers seen within 30 seconds", None),
    "worker_seen_seconds": ("Since a worker was last seen; absent where none ever was", None),
}
"""Reading of `services/backlog.py` -> what it says, and the name of its label."""


class Metrics:
    """What one process counts of its own requests. Only the templates of its routes become labels."""

    def __init__(self, app: FastAPI) -> None:
        self.under_way = 0
        self.registry = CollectorRegistry()
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._templates = frozenset(route.path for route in iter_route_contexts(app.routes))
        self._requests = Counter(
            "crm_http_requests",
            "Requests answered; the route is its template, or unmatched",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "crm_http_request_seconds",
            "Time from a request's start to the end of its answer",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        Gauge(
            "crm_http_requests_under_way", "Requests not yet answered", registry=self.registry
        ).set_function(lambda: self.under_way)
        ProcessCollector(registry=self.registry)

    def count(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one answered request; whatever a caller makes up is counted as other or unmatched."""
        known = method if method in METHODS else "other"
        place = route if route and route in self._templates else "unmatched"
        key = (known, place, status)
        if key not in self._series:
            self._series[key] = self._requests.labels(*key), self._seconds.labels(known, place)
        requests, durations = self._series[key]
        requests.inc()
        durations.observe(seconds)


class _Shown:
    """Families made for one scrape, in the form in which prometheus_client takes them."""

    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


@router.get(PATH, include_in_schema=False)
async def read_metrics(request: Request) -> Response:
    """Prometheus's text format, for the holder of `CRM_METRICS_TOKEN`; not a part of what clients are given."""
    state = request.app.state
    _admit(request, state.settings.metrics_token.get_secret_value())
    readings = await _ask(state.database)
    shown = [*_pools(state.database), *_database(readings)]
    text = generate_latest(state.metrics.registry) + generate_latest(_Shown(shown))
    return Response(
        text, media_type="text/plain; version=0.0.4; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def _admit(request: Request, token: str) -> None:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secrets.compare_digest(given.encode(), token.encode()):
        raise Unauthenticated


async def _ask(database: Database) -> list[backlog.Reading] | None:
    """What the database says, or `None` where it does not within two seconds."""
    try:
        async with asyncio.timeout(DATABASE_WITHIN_S), database.sessions() as session:
            return await backlog.read(session)
    except (SQLAlchemyError, OSError) as problem:
        log.warning("metrics without the database", error=type(problem).__name__)
        return None


def _pools(database: Database) -> Iterator[GaugeMetricFamily]:
    pool: Any = database.engine.pool
    partners = database.partners
    idle = partners.get_idle_size()
    connections = GaugeMetricFamily(
        "crm_pool_connections", "Open connections to PostgreSQL", labels=["pool", "state"]
    )
    limits = GaugeMetricFamily("crm_pool_limit", "Connections the pool may open", labels=["pool"])
    for name, in_use, unused, limit in (
        ("app", pool.checkedout(), pool.checkedin(), pool.size()),
        ("partners", partners.get_size() - idle, idle, partners.get_max_size()),
    ):
        connections.add_metric([name, "in_use"], in_use)
        connections.add_metric([name, "idle"], unused)
        limits.add_metric([name], limit)
    yield from (connections, limits)


def _database(readings: list[backlog.Reading] | None) -> Iterator[GaugeMetricFamily]:
    yield GaugeMetricFamily(
        "crm_database_up",
        f"1 if the database answered within {DATABASE_WITHIN_S} seconds; if not, what it would say is absent",
        value=0 if readings is None else 1,
    )
    for name, (help_text, label) in FROM_THE_DATABASE.items():
        family = GaugeMetricFamily(f"crm_{name}", help_text, labels=[label] if label else None)
        for reading in readings or ():
            if reading.name == name:
                family.add_metric([reading.label] if reading.label else [], reading.value)
        if family.samples:
            yield family
