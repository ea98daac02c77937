"""create_app(): settings -> database -> routers -> problem handlers. Nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from app import __version__, logs
from app.database import connect
from app.routers import health, openapi, problem_types, problems, v1
from app.routers.access_log import AccessLog
from app.routers.bodies import BodyLimit
from app.routers.limits import Limits
from app.security import Tokens
from app.settings import Settings, settings


def create_app(configured: Settings | None = None) -> FastAPI:
    """The API, not yet connected: its lifespan opens and closes the database."""
    chosen = configured or settings()
    logs.configure(chosen.log_level)
    app = FastAPIOffline(
        title="Courier CRM",
        version=__version__,
        summary="Customers, parcels and whatever goes wrong with either.",
        description=openapi.DESCRIPTION,
        openapi_url="/openapi/v1.json",
        docs_url="/docs",
        redoc_url="/redoc",
        responses=openapi.ERRORS,
        lifespan=_lifespan,
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
    )
    app.state.settings = chosen
    app.state.tokens = Tokens(chosen)
    app.state.limits = Limits(chosen)
    for room in (v1, health, problem_types):
        app.include_router(room.router)
    openapi.install(app)
    app.add_middleware(BodyLimit, limit=chosen.body_limit)
    problems.install(app)
    app.add_middleware(AccessLog)
    app.add_middleware(CorrelationIdMiddleware)
    _allow_origins(app, chosen)
    return app


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
