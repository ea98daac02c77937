"""The same matter of the same person, said before: by another channel it is a duplicate, else a repeat."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.complaint import OPEN_STATES, Complaint, ComplaintParcel, ComplaintState
from app.services import terms

COMPLAINANT_LOCK = 4


async def lock(session: AsyncSession, complainant: str | None) -> None:
    """Nobody else registers anything of this person meanwhile, so that one of two at once sees the other."""
    if complainant is not None:
        await session.execute(
            select(func.pg_advisory_xact_lock(func.hashtextextended(complainant, COMPLAINANT_LOCK)))
        )


async def twin_of(session: AsyncSession, complaint: Complaint, *, hold: bool = True) -> Complaint | None:
    """The open complaint that this one says once more by another channel; the first, if there are several."""
    if complaint.complainant_normal is None:
        return None
    apart = await terms.within(session, "complaint_duplicate")
    return await _first(
        session,
        _same(complaint).where(
            Complaint.state.in_(OPEN_STATES),
            Complaint.channel != complaint.channel,
            Complaint.customer_id.is_not_distinct_from(complaint.customer_id),
            Complaint.received_at.between(complaint.received_at - apart, complaint.received_at + apart),
        ),
        hold=hold,
    )


async def earlier(session: AsyncSession, complaint: Complaint, *, hold: bool = True) -> Complaint | None:
    """The same person's complaint about the same matter some days ago; the first, if there are several."""
    if complaint.complainant_normal is None:
        return None
    since = complaint.received_at - await terms.within(session, "complaint_repeat")
    return await _first(
        session,
        _same(complaint).where(Complaint.state != ComplaintState.MERGED, Complaint.received_at > since),
        hold=hold,
    )


async def _first(session: AsyncSession, alike: Select[Complaint], *, hold: bool) -> Complaint | None:
    first = alike.order_by(Complaint.received_at, Complaint.id).limit(1)
    found: Complaint | None = await session.scalar(first.with_for_update() if hold else first)
    return found


def _same(complaint: Complaint) -> Select[Complaint]:
    return select(Complaint).where(
        Complaint.complainant_normal == complaint.complainant_normal,
        Complaint.category == complaint.category,
        about(complaint.tracking_nos),
    )


def about(tracking_nos: Sequence[str]) -> ColumnElement[bool]:
    """The same consignment, or none on either side."""
    parcels = select(ComplaintParcel).where(ComplaintParcel.complaint_id == Complaint.id)
    if not tracking_nos:
        return ~parcels.exists()
    return parcels.where(ComplaintParcel.tracking_no.in_(tracking_nos)).exists()
