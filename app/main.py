"""create_app(): settings -> database -> routers -> problem handlers. Nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline

from app import __version__, logs, telemetry
from app.database import connect
from app.routers import health, metrics, openapi, problem_types, problems, v1
from app.routers.access_log import AccessLog, is_watching
from app.routers.bodies import BodyLimit
from app.routers.limits import Limits
from app.routers.routes import operation_id
from app.security import Tokens
from app.settings import Settings, settings


def create_app(configured: Settings | None = None) -> FastAPI:
    """The API, not yet connected: its lifespan opens and closes the database."""
    chosen = configured or settings()
    traced = _traced()
    logs.configure(chosen.log_level, *telemetry.log_processors())
    app = FastAPIOffline(
        title="Courier CRM",
        version=__version__,
        summary="Customers, parcels and whatever goes wrong with either.",
        description=openapi.DESCRIPTION,
        openapi_url="/openapi/v1.json",
        docs_url="/docs",
        redoc_url="/redoc",
        lifespan=_lifespan,
        generate_unique_id_function=operation_id,
        separate_input_output_schemas=False,
        telemetry=traced,
    )
    app.state.settings = chosen
    app.state.tokens = Tokens(chosen)
    app.state.limits = Limits(chosen)
    v1.install(app)
    for room in (health, problem_types):
        app.include_router(room.router)
    if chosen.metrics_token:
        app.include_router(metrics.router)
    app.state.metrics = metrics.Metrics(app)
    openapi.install(app)
    larger = {
        "POST /v1/imports": chosen.import_limit,
        "POST /v1/documents(/[^/]+/versions)?": chosen.document_limit,
    }
    app.add_middleware(BodyLimit, limit=chosen.body_limit, larger=larger)
    problems.install(app)
    app.add_middleware(AccessLog, metrics=app.state.metrics)
    app.add_middleware(CorrelationIdMiddleware)
    _allow_origins(app, chosen)
    return app


def _traced() -> TelemetryConfig:
    """Spans of requests and nothing else: FastAPI's own log records would quote what was sent."""
    provider = telemetry.start("courier-crm-api")
    return {
        "tracer_provider": provider,
        "tracing": provider is not None,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": is_watching,
    }


def _allow_origins(app: FastAPI, chosen: Settings) -> None:
    if not chosen.cors_origins:
        return
    app.add_middleware(
        CORSMiddleware,
        allow_origins=chosen.cors_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[
            "ETag",
            "Idempotent-Replayed",
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "Retry-After",
            "X-Request-ID",
        ],
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.database = await connect(app.state.settings)
    yield
    await app.state.database.close()
