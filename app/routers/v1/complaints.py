"""Complaints, from the first word to the answer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.complaint import Complaint, ComplaintAssignment
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import IfMatch, OnceSession, Reading, Session, SettingsOf, Tag, holder_of
from app.routers.problems import MovedTo
from app.routers.routes import CourierRouter
from app.schemas.complaint import (
    AnswerCreate,
    AssignmentRead,
    ComplaintAssign,
    ComplaintCreate,
    ComplaintFields,
    ComplaintGrounds,
    ComplaintNote,
    ComplaintPause,
    ComplaintQuery,
    ComplaintRead,
    ComplaintRow,
    ComplaintSearch,
)
from app.schemas.complaint_link import ComplaintCandidates, ComplaintWhole
from app.schemas.reveal import Reveal
from app.security import Principal
from app.services import reveals
from app.services.complaints import (
    assignment,
    candidates,
    escalation,
    handling,
    intake,
    reading,
    searching,
)

router = CourierRouter(prefix="/complaints", tags=["complaints"])

Reader = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ)]
Writer = Annotated[Principal, holder_of(Scope.COMPLAINTS_WRITE)]
Revealer = Annotated[Principal, holder_of(Scope.COMPLAINTS_READ, Scope.CUSTOMERS_PII)]
Investigator = Annotated[Principal, holder_of(Scope.COMPLAINTS_INVESTIGATE)]


@router.get("", summary="List complaints", response_model=Page[ComplaintRow])
async def list_complaints(
    query: Annotated[ComplaintQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """`open=true&sort=due_at` gives the work list; what is due first stands first."""
    return await paginate(session, reading.listed(actor, query), query)


@router.post("/search", summary="Search complaints", response_model=Page[ComplaintRow])
async def search_complaints(body: ComplaintSearch, actor: Reader, session: Reading) -> dict[str, Any]:
    """By words of the description, by number, or by the complainant's telephone. The terms stand in no log."""
    return await searching.search(session, actor, body)


@router.post("", summary="Register a complaint", status_code=201, response_model=ComplaintRead)
async def create_complaint(body: ComplaintCreate, tag: Tag, actor: Writer, session: OnceSession) -> Complaint:
    """Numbered and acknowledged at once; its clocks run from `received_at`.

    The same `message_id` of the same channel is answered with the complaint that it has become.
    """
    return _tagged(tag, await intake.create(session, actor, body))


@router.post("/check", summary="Look for the same complaint", response_model=ComplaintCandidates)
async def check_complaint(body: ComplaintCreate, actor: Writer, session: Reading) -> dict[str, Any]:
    """What it may be the same as, before it is registered; nothing is stored."""
    return await candidates.check(session, actor, body)


@router.get(
    "/{complaint_id}",
    summary="Read a complaint",
    response_model=ComplaintRead,
    responses={
        308: {"description": "It was merged; the complaint that it has become a part of is at Location"}
    },
)
async def get_complaint(complaint_id: UUID, tag: Tag, actor: Reader, session: Reading) -> Complaint:
    """With its clocks and answers. One that was merged leads to the other."""
    complaint = await reading.get(session, actor, complaint_id)
    if complaint.merged_into_id is not None:
        raise MovedTo(f"/v1/complaints/{complaint.merged_into_id}")
    return _tagged(tag, complaint)


@router.patch("/{complaint_id}", summary="Correct a complaint", response_model=ComplaintRead)
async def change_complaint(
    complaint_id: UUID,
    body: ComplaintFields,
    *,
    actor: Writer,
    version: IfMatch,
    tag: Tag,
    session: Session,
) -> Complaint:
    """Limits that hang on what was changed are counted anew; time that has run is kept."""
    return _tagged(tag, await handling.change(session, actor, complaint_id, body, version))


@router.post("/{complaint_id}/acknowledge", summary="Acknowledge a complaint", response_model=ComplaintRead)
async def acknowledge_complaint(
    complaint_id: UUID, body: ComplaintNote, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """Only what a rule has opened waits for this; whatever a person brought was acknowledged at once."""
    return _tagged(tag, await handling.acknowledge(session, actor, complaint_id, body))


@router.post("/{complaint_id}/assign", summary="Assign a complaint", response_model=ComplaintRead)
async def assign_complaint(
    complaint_id: UUID, body: ComplaintAssign, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """To a handler by name, or to whom the rule finds."""
    return _tagged(tag, await assignment.assign(session, actor, complaint_id, body))


@router.get(
    "/{complaint_id}/assignments",
    summary="Read why somebody was assigned",
    response_model=list[AssignmentRead],
)
async def list_complaint_assignments(
    complaint_id: UUID, actor: Reader, session: Reading
) -> list[ComplaintAssignment]:
    """Every decision, the latest first, with whom the rule looked at."""
    return await reading.assignments(session, actor, complaint_id)


@router.post("/{complaint_id}/investigate", summary="Investigate a complaint", response_model=ComplaintRead)
async def investigate_complaint(
    complaint_id: UUID, body: ComplaintNote, tag: Tag, actor: Investigator, session: OnceSession
) -> Complaint:
    """Begin to find out what happened."""
    return _tagged(tag, await handling.investigate(session, actor, complaint_id, body))


@router.post("/{complaint_id}/pause", summary="Wait for somebody", response_model=ComplaintRead)
async def pause_complaint(
    complaint_id: UUID, body: ComplaintPause, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """The law's clock runs on; others stand where their policy knows the reason."""
    return _tagged(tag, await handling.pause(session, actor, complaint_id, body))


@router.post("/{complaint_id}/resume", summary="Go on after a pause", response_model=ComplaintRead)
async def resume_complaint(
    complaint_id: UUID, body: ComplaintNote, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """Its clocks run on with what was left."""
    return _tagged(tag, await handling.resume(session, actor, complaint_id, body))


@router.post("/{complaint_id}/answer", summary="Answer a complaint", response_model=ComplaintRead)
async def answer_complaint(
    complaint_id: UUID, body: AnswerCreate, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """With finding, liable party, root cause, remedy and the text that the customer was told."""
    return _tagged(tag, await handling.answer(session, actor, complaint_id, body))


@router.post("/{complaint_id}/escalate", summary="Escalate a complaint", response_model=ComplaintRead)
async def escalate_complaint(
    complaint_id: UUID, body: ComplaintGrounds, tag: Tag, actor: Investigator, session: OnceSession
) -> Complaint:
    """One step up the handler's line of superiors."""
    return _tagged(tag, await escalation.escalate(session, actor, complaint_id, body))


@router.post("/{complaint_id}/withdraw", summary="Withdraw a complaint", response_model=ComplaintRead)
async def withdraw_complaint(
    complaint_id: UUID, body: ComplaintGrounds, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """At the complainant's wish."""
    return _tagged(tag, await handling.withdraw(session, actor, complaint_id, body))


@router.post("/{complaint_id}/reopen", summary="Reopen a complaint", response_model=ComplaintRead)
async def reopen_complaint(
    complaint_id: UUID, body: ComplaintGrounds, tag: Tag, actor: Writer, session: OnceSession
) -> Complaint:
    """A new cycle under the same number, with clocks of its own."""
    return _tagged(tag, await handling.reopen(session, actor, complaint_id, body))


@router.post("/{complaint_id}/reveal", summary="See who complains", response_model=ComplaintWhole)
async def reveal_complaint(
    complaint_id: UUID, body: Reveal, actor: Revealer, session: Session, settings: SettingsOf
) -> dict[str, Any]:
    """Name and telephone unmasked, to call. Who looked, and why, is written down; so many looks a day."""
    return await reveals.complaint(session, actor, complaint_id, body.reason, settings.reveals_per_day)


def _tagged(tag: Tag, complaint: Complaint) -> Complaint:
    tag.settle(complaint.version)
    return complaint
