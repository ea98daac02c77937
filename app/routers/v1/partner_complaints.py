"""Complaints, as partner portals bring them and follow them."""

from typing import Annotated, Any

from fastapi import Query, Request

from app.models.complaint_message import ComplaintMessage
from app.paging import Page
from app.roles import Scope
from app.routers.deps import OnceSession, database_of, holder_of
from app.routers.problems import language_of
from app.routers.routes import CourierRouter
from app.schemas.partner_complaint import (
    PartnerComplaint,
    PartnerComplaintCreate,
    PartnerComplaintQuery,
    PartnerComplaintRegistered,
    PartnerMessage,
    PartnerMessageCreate,
    PartnerRejection,
)
from app.security import Principal
from app.services.complaints import portal

router = CourierRouter(prefix="/partner/complaints", tags=["partner"])

Partner = Annotated[Principal, holder_of(Scope.PARTNER_COMPLAINTS)]


@router.get("", summary="List my complaints", response_model=Page[PartnerComplaint])
async def list_partner_complaints(
    query: Annotated[PartnerComplaintQuery, Query()], request: Request, actor: Partner
) -> dict[str, Any]:
    """Those of your own customers, the newest first; one that became a part of another is told as that one."""
    return await portal.listed(database_of(request).partners, actor, query, language_of(request))


@router.post(
    "",
    summary="Complain",
    status_code=201,
    response_model=PartnerComplaintRegistered,
)
async def create_partner_complaint(
    body: PartnerComplaintCreate, request: Request, actor: Partner, session: OnceSession
) -> dict[str, Any]:
    """For a customer of your own; whose it is follows from the consignments. The same `message_id` again is the same complaint."""
    complaint = await portal.create(session, actor, body)
    return await portal.shown(session, complaint, language_of(request))


@router.get("/{complaint_number}", summary="Follow my complaint", response_model=PartnerComplaint)
async def get_partner_complaint(complaint_number: str, request: Request, actor: Partner) -> dict[str, Any]:
    """Where it stands, when the answer is due, and what was answered."""
    return await portal.get(database_of(request).partners, actor, complaint_number, language_of(request))


@router.post(
    "/{complaint_number}/messages",
    summary="Write about my complaint",
    status_code=201,
    response_model=PartnerMessage,
)
async def add_partner_complaint_message(
    complaint_number: str, body: PartnerMessageCreate, actor: Partner, session: OnceSession
) -> ComplaintMessage:
    """If it waits for you, it goes on."""
    return await portal.say(session, actor, complaint_number, body)


@router.post("/{complaint_number}/accept", summary="Accept the answer", response_model=PartnerComplaint)
async def accept_partner_complaint(
    complaint_number: str, request: Request, actor: Partner, session: OnceSession
) -> dict[str, Any]:
    """What was answered last; somebody of ours may still call to hear it said."""
    complaint = await portal.judge(session, actor, complaint_number, accepted=True)
    return await portal.shown(session, complaint, language_of(request))


@router.post("/{complaint_number}/reject", summary="Reject the answer", response_model=PartnerComplaint)
async def reject_partner_complaint(
    complaint_number: str, body: PartnerRejection, request: Request, actor: Partner, session: OnceSession
) -> dict[str, Any]:
    """It is investigated again, by the clocks that it had."""
    complaint = await portal.judge(session, actor, complaint_number, accepted=False, note=body.reason)
    return await portal.shown(session, complaint, language_of(request))
