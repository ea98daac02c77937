"""By when something is to be done about a complaint, and why then."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.clock import Clock, ClockWaiver
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.clock import ClockExplanation, ClockRead, ClockWaiverRead, WaiverRequest
from app.schemas.complaint import ClockQuery
from app.security import Principal
from app.services.complaints import timing

router = CourierRouter(tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.COMPLAINTS_WRITE)]


@router.get(
    "/complaints/{complaint_id}/clocks", summary="List a complaint's clocks", response_model=list[ClockRead]
)
async def list_complaint_clocks(complaint_id: UUID, actor: Reader, session: Reading) -> list[Clock]:
    """Of all cycles."""
    return await timing.clocks(session, actor, complaint_id)


@router.get(
    "/complaints/{complaint_id}/clocks/explain",
    summary="Explain when a clock is due",
    response_model=ClockExplanation,
)
async def explain_complaint_clock(
    complaint_id: UUID, query: Annotated[ClockQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The stretches that counted and those that did not, each with its reason; they add up to the second."""
    return await timing.explained(session, actor, complaint_id, query)


@router.post(
    "/clocks/{clock_id}/waivers",
    summary="Ask that a clock should not count",
    status_code=201,
    response_model=ClockWaiverRead,
)
async def request_clock_waiver(
    clock_id: UUID, body: WaiverRequest, actor: Writer, session: OnceSession
) -> ClockWaiver:
    """Somebody else decides; what the law asks for is never waived."""
    return await timing.request_waiver(session, actor, clock_id, body)
