"""What a complaint may be the same as, so that whoever takes it down sees that before it is registered."""

from typing import Any

from sqlalchemy import or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.models.complaint import Complaint, ComplaintState
from app.schemas.complaint import ComplaintCreate
from app.schemas.complaint_link import Becoming, CandidateReason
from app.security import Principal
from app.services import terms
from app.services.complaints import intake, likeness, reading

MOST = 20
"""Candidates that are shown."""


async def check(session: AsyncSession, principal: Principal, body: ComplaintCreate) -> dict[str, Any]:
    """As far as this principal may know of them; nothing is stored."""
    draft = await intake.draft(session, principal, body)
    alike = [Complaint.complainant_normal == draft.complainant_normal] if draft.complainant_normal else []
    if body.tracking_nos:
        alike.append((Complaint.category == draft.category) & likeness.about(draft.tracking_nos))
    if not alike:
        return {"candidates": []}
    since = draft.received_at - await terms.within(session, "complaint_repeat")
    found = await session.scalars(
        reading.visible(principal)
        .where(or_(*alike), Complaint.received_at > since, Complaint.state != ComplaintState.MERGED)
        .order_by(Complaint.received_at.desc(), Complaint.id.desc())
        .limit(MOST)
        .options(selectinload(Complaint.parcels))
    )
    twin = await likeness.twin_of(session, draft, hold=False)
    before = await likeness.earlier(session, draft, hold=False)
    return {"candidates": [_candidate(draft, each, twin, before) for each in found]}


def _candidate(
    draft: Complaint, other: Complaint, twin: Complaint | None, before: Complaint | None
) -> dict[str, Any]:
    reasons = []
    if other.category == draft.category and set(other.tracking_nos) & set(draft.tracking_nos):
        reasons.append(CandidateReason.SAME_PARCEL)
    if draft.complainant_normal is not None and other.complainant_normal == draft.complainant_normal:
        reasons.append(CandidateReason.SAME_PERSON)
    becomes = None
    if other is twin:
        becomes = Becoming.DUPLICATE
    elif twin is None and other is before:
        becomes = Becoming.REPEAT
    return {"complaint": other, "reasons": reasons, "becomes": becomes}
