"""Reads stored events anew when a row of the code table comes or goes."""

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import ZONE
from app.models.shipment import TrackingEvent
from app.services import codes, status, tracking


@dataclass(frozen=True)
class Remap:
    """Which stored events a change of the code table touches, and after which one to go on."""

    list_name: str
    word: str
    since: date
    after: tuple[datetime, UUID] | None = None


async def remap(session: AsyncSession, task: Remap, limit: int = 1000) -> tuple[datetime, UUID] | None:
    """Read the next stored events anew in the light of the code table; their shipments follow.

    Returns where to go on, or `None` at the end.
    """
    await session.execute(select(codes.unchanged()))
    batch = list(await session.scalars(await _touched(session, task, limit)))
    book = await codes.code_book(session, {(e.source, e.code, e.reason_code) for e in batch})
    changed = set()
    for event in batch:
        meaning = book.read(event.source, event.code, event.reason_code, event.occurred_at)
        if (meaning.status, meaning.reason, meaning.mapped) != (event.status, event.reason, event.mapped):
            event.alarm = tracking.raises_alarm(meaning) or (event.alarm and not meaning.mapped)
            event.status, event.reason, event.mapped = meaning.status, meaning.reason, meaning.mapped
            changed.add((event.customer_id, event.shipment_id))
    await session.flush()
    await status.refold(session, changed)
    if len(batch) == limit:
        return batch[-1].received_at, batch[-1].id
    await codes.strike_mapped(session, task.list_name, task.word)
    return None


async def _touched(session: AsyncSession, task: Remap, limit: int) -> Select[TrackingEvent]:
    sources = [row.source for row in await session.scalars(codes.sources()) if task.list_name in row.lists]
    statement = select(TrackingEvent).where(
        TrackingEvent.source.in_(sources),
        (TrackingEvent.code == task.word) | (TrackingEvent.reason_code == task.word),
        TrackingEvent.occurred_at >= datetime.combine(task.since, time.min, ZONE),
    )
    if task.after is not None:
        statement = statement.where(tuple_(TrackingEvent.received_at, TrackingEvent.id) > task.after)
    return statement.order_by(TrackingEvent.received_at, TrackingEvent.id).limit(limit)
