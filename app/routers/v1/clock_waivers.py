"""Requests that a limit should not count."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.clock import ClockWaiver
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.clock import ClockWaiverQuery, ClockWaiverRead, WaiverDecision
from app.security import Principal
from app.services.clocks import waivers

router = CourierRouter(prefix="/clock-waivers", tags=["clocks"])

Reader = Annotated[Principal, holder_of(Scope.SLA_READ)]
Decider = Annotated[Principal, holder_of(Scope.WAIVERS_DECIDE)]


@router.get("", summary="List waivers", response_model=Page[ClockWaiverRead])
async def list_clock_waivers(
    query: Annotated[ClockWaiverQuery, Query()], _: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, waivers.listed(query), query)


@router.post("/{waiver_id}/approve", summary="Approve a waiver", response_model=ClockWaiverRead)
async def approve_clock_waiver(
    waiver_id: UUID, body: WaiverDecision, actor: Decider, session: OnceSession
) -> ClockWaiver:
    """The clock counts no longer. Nobody approves what they asked for."""
    return await waivers.approve(session, actor, waiver_id, body)


@router.post("/{waiver_id}/decline", summary="Decline a waiver", response_model=ClockWaiverRead)
async def decline_clock_waiver(
    waiver_id: UUID, body: WaiverDecision, actor: Decider, session: OnceSession
) -> ClockWaiver:
    """The clock counts as it does."""
    return await waivers.decline(session, actor, waiver_id, body)
