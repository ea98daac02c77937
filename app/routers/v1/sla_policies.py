"""Limits: how long, how counted, for whom; and clocks that are brought to a newer version."""

from typing import Annotated, Any

from fastapi import Path, Query

from app.models.clock import SlaPolicy
from app.models.job import Job
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.clock import (
    RetargetPreview,
    SlaPolicyCreate,
    SlaPolicyEnd,
    SlaPolicyQuery,
    SlaPolicyRead,
    SlaPolicyVersion,
)
from app.schemas.job import JobRead
from app.security import Principal
from app.services.clocks import policies, retargeting

router = CourierRouter(prefix="/sla-policies", tags=["clocks"])

Reader = Annotated[Principal, holder_of(Scope.SLA_READ)]
Writer = Annotated[Principal, holder_of(Scope.SLA_WRITE)]
Code = Annotated[
    str, Path(max_length=64, pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.:-]*$", examples=["first_response"])
]


@router.get("", summary="List limits", response_model=Page[SlaPolicyRead])
async def list_sla_policies(
    query: Annotated[SlaPolicyQuery, Query()], _: Reader, session: Reading
) -> dict[str, Any]:
    """Every version, of each code the latest first."""
    return await paginate(session, policies.listed(query), query)


@router.post("", summary="Add a limit", status_code=201, response_model=SlaPolicyRead)
async def create_sla_policy(body: SlaPolicyCreate, actor: Writer, session: OnceSession) -> SlaPolicy:
    """For each kind and metric one limit holds: of all that are in force and fit, the one with the lowest rank."""
    return await policies.create(session, actor, body)


@router.post(
    "/{code}/versions", summary="Add a version to a limit", status_code=201, response_model=SlaPolicyRead
)
async def add_sla_policy_version(
    code: Code, body: SlaPolicyVersion, actor: Writer, session: OnceSession
) -> SlaPolicy:
    """What holds from a day on. Clocks that run keep to what they started with, until they are retargeted."""
    return await policies.add_version(session, actor, code, body)


@router.post("/{code}/end", summary="End a limit", response_model=SlaPolicyRead)
async def end_sla_policy(code: Code, body: SlaPolicyEnd, actor: Writer, session: OnceSession) -> SlaPolicy:
    """No clock starts by it from that day on; those that run are not touched."""
    return await policies.end(session, actor, code, body)


@router.post(
    "/{code}/retarget/preview",
    summary="Preview a retarget",
    response_model=RetargetPreview,
    responses={409: {}},
)
async def preview_retarget(code: Code, _: Writer, session: Reading) -> dict[str, Any]:
    """How many open clocks count by an older version of the limit or of its calendar, and what would become of them."""
    return await retargeting.preview(session, code)


@router.post("/{code}/retarget", summary="Retarget clocks", status_code=202, response_model=JobRead)
async def retarget_clocks(code: Code, actor: Writer, session: OnceSession) -> Job:
    """Brings open clocks to the newest version, a thousand at a time.

    What was used up and paused is kept. Nobody is late before now by a limit that became shorter, and no alarm comes
    twice.
    """
    return await retargeting.enqueue(session, actor, code)
