"""How complaints end: the report, call-backs, closing, and closing without a yes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from app.models.complaint import Complaint
from app.models.complaint_end import ComplaintCallBack, ComplaintClosing, ComplaintReport
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Session, SettingsOf, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.complaint import ComplaintNote, ComplaintRead
from app.schemas.complaint_end import (
    CallBackCreate,
    CallBackQuery,
    CallBackRead,
    ClosingCreate,
    ClosingQuery,
    ClosingRead,
    LinkMade,
    ReadinessRead,
    ReportConfirm,
    ReportQuery,
    ReportRead,
)
from app.security import Principal
from app.services import reveals
from app.services.complaints import closing, confirming, one_tap
from app.services.complaints.report import keeping as reports

router = CourierRouter(tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.COMPLAINTS_WRITE)]
Opener = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ, Scope.CUSTOMERS_PII)]
Approver = Annotated[Principal, holder_of(Scope.COMPLAINTS_APPROVE)]
Which = Annotated[ReportQuery, Query()]
PDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report, as it was confirmed; a draft is marked as one",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary", "examples": ["…"]}}},
    }
}


@router.post(
    "/complaints/{complaint_id}/report",
    summary="Compose the report",
    status_code=201,
    response_model=ReportRead,
)
async def compose_complaint_report(
    complaint_id: UUID, tag: Tag, actor: Writer, session: OnceSession
) -> ComplaintReport:
    """A new version, from the case as it is now. It counts once it is confirmed."""
    return _tagged(tag, await reports.compose(session, actor, complaint_id))


@router.get("/complaints/{complaint_id}/report", summary="Read the report", response_model=ReportRead)
async def get_complaint_report(
    complaint_id: UUID, query: Which, tag: Tag, actor: Reader, session: Reading
) -> ComplaintReport:
    """The latest version, or the one that is asked for."""
    return _tagged(tag, await reports.get(session, actor, complaint_id, query.version))


@router.post(
    "/complaints/{complaint_id}/report/confirm", summary="Confirm the report", response_model=ReportRead
)
async def confirm_complaint_report(
    complaint_id: UUID, body: ReportConfirm, tag: Tag, actor: Writer, session: OnceSession
) -> ComplaintReport:
    """By the complaint's handler. Nobody changes it after that; what comes later is a new version."""
    return _tagged(tag, await reports.confirm(session, actor, complaint_id, body))


@router.get(
    "/complaints/{complaint_id}/report/pdf",
    summary="Fetch the report as a PDF",
    response_class=Response,
    responses=PDF,
)
async def get_complaint_report_pdf(
    complaint_id: UUID, query: Which, actor: Opener, session: Session, settings: SettingsOf
) -> Response:
    """Unmasked, and so a look behind the mask: each is written down and counts for the day."""
    report = await reveals.report(session, actor, complaint_id, query.version, settings.reveals_per_day)
    headers = {
        "Content-Disposition": f'attachment; filename="{report.number}-v{report.version}.pdf"',
        "X-Content-Type-Options": "nosniff",
    }
    content = await reports.printed(session, report)
    return Response(content, media_type="application/pdf", headers=headers)


@router.get(
    "/complaints/{complaint_id}/closing", summary="Read what closing lacks", response_model=ReadinessRead
)
async def get_complaint_closing(complaint_id: UUID, actor: Reader, session: Reading) -> dict[str, Any]:
    """By which rule the customer has to be asked, what is known, and what is missing."""
    return await closing.readiness(session, actor, complaint_id)


@router.post("/complaints/{complaint_id}/close", summary="Close a complaint", response_model=ComplaintRead)
async def close_complaint(
    complaint_id: UUID, body: ComplaintNote, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """With a confirmed report and the customer's word; what is missing is named."""
    closed = await closing.close(session, actor, complaint_id, body)
    tag.settle(closed.version)
    return closed


@router.get(
    "/complaints/{complaint_id}/call-backs", summary="List call-backs", response_model=Page[CallBackRead]
)
async def list_complaint_call_backs(
    complaint_id: UUID, query: Annotated[CallBackQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """Every attempt to learn what the customer says, the latest first."""
    return await paginate(session, await confirming.listed(session, actor, complaint_id, query), query)


@router.post(
    "/complaints/{complaint_id}/call-backs",
    summary="Record a call-back",
    status_code=201,
    response_model=CallBackRead,
)
async def record_complaint_call_back(
    complaint_id: UUID, body: CallBackCreate, actor: Writer, session: OnceSession
) -> ComplaintCallBack:
    """A no puts the complaint back to work, and its clocks run on as if it had never been answered."""
    return await confirming.record(session, actor, complaint_id, body)


@router.post(
    "/complaints/{complaint_id}/confirmation-link",
    summary="Make a link for the customer",
    status_code=201,
    response_model=LinkMade,
    responses={409: {}},
)
async def make_confirmation_link(complaint_id: UUID, actor: Writer, session: Session) -> dict[str, Any]:
    """One tap says yes or no, once. A new link takes the place of the one before."""
    return await one_tap.make(session, actor, complaint_id)


@router.post(
    "/complaints/{complaint_id}/close-not-accepted",
    summary="Ask to close without a yes",
    status_code=201,
    response_model=ClosingRead,
)
async def request_complaint_closing(
    complaint_id: UUID, body: ClosingCreate, actor: Writer, session: OnceSession
) -> ComplaintClosing:
    """By the handler, after the customer has said no. Somebody above decides."""
    return await closing.request(session, actor, complaint_id, body)


@router.get("/complaint-closings", summary="List requests to close", response_model=Page[ClosingRead])
async def list_complaint_closings(
    query: Annotated[ClosingQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """To close without a yes, the newest first."""
    return await paginate(session, closing.listed(actor, query), query)


@router.post(
    "/complaint-closings/{closing_id}/approve",
    summary="Approve closing without a yes",
    response_model=ClosingRead,
)
async def approve_complaint_closing(
    closing_id: UUID, body: ComplaintNote, actor: Approver, session: OnceSession
) -> ComplaintClosing:
    """By somebody above the handler. The confirmed report must say that the customer was told where to appeal."""
    return await closing.approve(session, actor, closing_id, body)


@router.post(
    "/complaint-closings/{closing_id}/decline",
    summary="Decline closing without a yes",
    response_model=ClosingRead,
)
async def decline_complaint_closing(
    closing_id: UUID, body: ComplaintNote, actor: Approver, session: OnceSession
) -> ComplaintClosing:
    """The complaint stays open."""
    return await closing.decline(session, actor, closing_id, body)


def _tagged(tag: Tag, report: ComplaintReport) -> ComplaintReport:
    tag.settle(f"{report.version}-{report.state}")
    return report
