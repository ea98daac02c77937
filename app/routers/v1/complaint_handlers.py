"""Who works complaints, and what they were told of."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.complaint_desk import ComplaintEscalation
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Session, holder_of
from app.routers.routes import CourierRouter
from app.schemas.complaint_desk import EscalationQuery, EscalationRead, HandlerRead, HandlerWrite
from app.security import Principal
from app.services.complaints import escalation, handlers

router = CourierRouter(tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.HANDLERS_WRITE)]


@router.get("/complaint-handlers", summary="List handlers", response_model=list[HandlerRead])
async def list_complaint_handlers(_: Reader, session: Reading) -> list[dict[str, Any]]:
    """Those with the most room first."""
    return await handlers.listed(session)


@router.put("/complaint-handlers/{user_id}", summary="Set what a handler takes", response_model=HandlerRead)
async def set_complaint_handler(
    user_id: UUID, body: HandlerWrite, actor: Writer, session: Session
) -> dict[str, Any]:
    """What somebody has already stays theirs, whatever is set."""
    return await handlers.put(session, actor, user_id, body)


@router.get("/complaint-escalations", summary="List what I was told of", response_model=Page[EscalationRead])
async def list_complaint_escalations(
    query: Annotated[EscalationQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """Complaints that were taken up to the caller, the latest first."""
    return await paginate(session, escalation.mine(actor, query), query)


@router.post(
    "/complaint-escalations/{escalation_id}/see",
    summary="Say that I have seen it",
    response_model=EscalationRead,
)
async def see_complaint_escalation(
    escalation_id: UUID, actor: Reader, session: OnceSession
) -> ComplaintEscalation:
    """The first time counts."""
    return await handlers.see(session, actor, escalation_id)
