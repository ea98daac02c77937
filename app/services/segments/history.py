"""How big segments were, day by day, and who came and went."""

from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, delete, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import ZONE, now
from app.models.segment import Segment, SegmentSeen, SegmentSnapshot
from app.services.segments.membership import everybody


def sizes(segment_id: UUID) -> Select[SegmentSnapshot]:
    """The snapshots, the latest first."""
    return (
        select(SegmentSnapshot)
        .where(SegmentSnapshot.segment_id == segment_id)
        .order_by(SegmentSnapshot.day.desc())
    )


async def without_snapshot(session: AsyncSession) -> list[UUID]:
    """The segments of which there is none of today, a day of the company's own zone."""
    taken = select(SegmentSnapshot).where(
        SegmentSnapshot.segment_id == Segment.id, SegmentSnapshot.day == _today()
    )
    return list(await session.scalars(select(Segment.id).where(~taken.exists()).order_by(Segment.id)))


async def snapshot(session: AsyncSession, segment_id: UUID) -> None:
    """Take today's, once, however many workers try; who is in a dynamic segment is decided at this moment."""
    await session.execute(text("SET LOCAL statement_timeout = '10min'"))
    segment = await session.scalar(select(Segment).where(Segment.id == segment_id).with_for_update())
    if segment is None or await session.get(SegmentSnapshot, (segment_id, _today())) is not None:
        return
    inside = everybody(segment)
    seen = select(SegmentSeen.customer_id).where(SegmentSeen.segment_id == segment_id)
    left = await _count(
        session,
        delete(SegmentSeen).where(
            SegmentSeen.segment_id == segment_id, SegmentSeen.customer_id.not_in(inside)
        ),
    )
    new = inside.with_only_columns(literal(segment_id), inside.selected_columns[0])
    fresh = new.where(inside.selected_columns[0].not_in(seen))
    joined = await _count(session, insert(SegmentSeen).from_select(["segment_id", "customer_id"], fresh))
    size = await session.scalar(select(func.count()).select_from(seen.subquery()))
    session.add(SegmentSnapshot(segment_id=segment_id, day=_today(), size=size, joined=joined, left=left))


async def _count(session: AsyncSession, statement: Any) -> int:
    done = await session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], done).rowcount


def _today() -> Any:
    return now().astimezone(ZONE).date()
