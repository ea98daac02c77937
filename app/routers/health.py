"""Whether the system lives, and whether it can serve."""

from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app.routers.deps import DatabaseOf, tokens_of
from app.schemas.account import Jwks
from app.services import readiness

log = structlog.get_logger(__name__)

router = APIRouter()


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """`worker` is `silent` when no worker was seen for half a minute: reads and intake still work."""

    status: Literal["ready", "not ready"]
    database: Literal["ok", "unreachable"]
    migrations: Literal["current", "behind", "unknown"]
    worker: Literal["alive", "silent", "unknown"]


@router.get("/health/live", summary="Is the process alive?", tags=["health"])
async def check_liveness() -> Alive:
    """Asks nothing of anybody."""
    return Alive()


@router.get(
    "/health/ready", summary="Can the system serve?", tags=["health"], responses={503: {"model": Ready}}
)
async def check_readiness(response: Response, database: DatabaseOf) -> Ready:
    """Database, migrations and worker; 503 unless all three are well."""
    try:
        async with database.sessions() as session:
            found = await readiness.check(session)
    except (SQLAlchemyError, OSError) as problem:
        log.warning("not ready", error=type(problem).__name__)
        response.status_code = 503
        return Ready(status="not ready", database="unreachable", migrations="unknown", worker="unknown")
    response.status_code = 200 if found.well else 503
    return Ready(
        status="ready" if found.well else "not ready",
        database="ok",
        migrations="current" if found.migrated else "behind",
        worker="alive" if found.worker_alive else "silent",
    )


@router.get("/.well-known/jwks.json", summary="Public keys of the tokens", tags=["auth"])
async def read_jwks(request: Request) -> Jwks:
    """RFC 7517; a key stays listed while tokens that it signed may live."""
    return Jwks.model_validate(tokens_of(request).jwks())
