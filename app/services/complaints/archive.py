"""Complaints that have ended for good: archived when they can't be reopened any more, nameless when their time is over."""

from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.models.complaint import Complaint, ComplaintState
from app.security import Principal
from app.services import erasure, events, holds, terms
from app.services.complaints import reading

MANY, FEW = 500, 50
"""How many a step archives, and makes nameless."""
ENDED = (ComplaintState.CLOSED, ComplaintState.CLOSED_NOT_ACCEPTED, ComplaintState.WITHDRAWN)


async def archive(session: AsyncSession) -> int:
    """Archive some that ended so long ago that they can't be reopened; returns how many.

    What was merged goes with the complaint that it has become a part of.
    """
    since = now() - await terms.within(session, "complaint_reopen")
    ended = await session.scalars(
        select(Complaint)
        .where(Complaint.archived_at.is_(None), Complaint.closed_at <= since, Complaint.state.in_(ENDED))
        .order_by(Complaint.closed_at)
        .limit(MANY)
        .with_for_update(skip_locked=True)
    )
    found = ended.all()
    parts = await session.scalars(
        select(Complaint).where(Complaint.merged_into_id.in_([each.id for each in found])).with_for_update()
    )
    both = [*found, *parts]
    for complaint in both:
        complaint.archived_at = now()
    await session.flush()
    await events.record_all(
        session,
        Principal.SYSTEM,
        [events.Happening("complaint.archived", reading.subject(each), {}) for each in both],
    )
    return len(found)


async def forget(session: AsyncSession, keep: timedelta) -> int:
    """Take the people out of some that were archived so long ago, unless a hold stands; returns how many."""
    held = holds.held_complaints()
    old = await session.scalars(
        select(Complaint)
        .where(
            Complaint.archived_at < now() - keep,
            Complaint.anonymised_at.is_(None),
            Complaint.id.not_in(held),
            or_(Complaint.merged_into_id.is_(None), Complaint.merged_into_id.not_in(held)),
            or_(Complaint.customer_id.is_(None), Complaint.customer_id.not_in(holds.held())),
        )
        .order_by(Complaint.archived_at)
        .limit(FEW)
        .with_for_update(skip_locked=True)
    )
    found = old.all()
    happenings = [events.Happening("complaint.anonymised", reading.subject(each), {}) for each in found]
    await events.record_all(session, Principal.SYSTEM, happenings)
    await erasure.forget_complaints(session, Principal.SYSTEM, [each.id for each in found], None)
    return len(found)
