"""Who works complaints, and whom late ones were taken up to."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import Reading, Session, holder_of
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


@router.get("/complaint-escalations", summary="List what was taken up", response_model=Page[EscalationRead])
async def list_complaint_escalations(
    query: Annotated[EscalationQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The latest first; `to_id` gives what one person was told of."""
    return await paginate(session, escalation.listed(actor, query), query)
