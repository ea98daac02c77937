"""Complaints that belong together, and who follows one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.errors import Conflict, NotFound
from app.models.account import User
from app.models.complaint import Complaint
from app.models.complaint_link import ComplaintLink, ComplaintLinkKind, ComplaintWatcher
from app.security import Principal
from app.services import events
from app.services.complaints import reading


async def read(session: AsyncSession, principal: Principal, complaint_id: UUID) -> list[dict[str, Any]]:
    """Every complaint linked to this one, either way, as far as this principal may know of it."""
    await reading.must_see(session, principal, complaint_id)
    near, far = ComplaintLink.complaint_id, ComplaintLink.other_id
    rows = []
    for one, other, inverse in ((near, far, False), (far, near, True)):
        found = await session.execute(
            reading.visible(principal)
            .add_columns(ComplaintLink.kind, ComplaintLink.created_at)
            .join(ComplaintLink, other == Complaint.id)
            .where(one == complaint_id)
            .options(selectinload(Complaint.parcels))
            .order_by(ComplaintLink.kind, ComplaintLink.created_at, Complaint.id)
        )
        rows += [
            {"kind": kind, "inverse": inverse, "complaint": complaint, "created_at": created_at}
            for complaint, kind, created_at in found
        ]
    return rows


async def put(
    session: AsyncSession, actor: Principal, complaint_id: UUID, kind: ComplaintLinkKind, other_id: UUID
) -> None:
    """Link them; once more changes nothing."""
    complaint = await _at_hand(session, actor, complaint_id)
    await reading.must_see(session, actor, other_id)
    if complaint_id == other_id:
        raise Conflict("A complaint can't be linked to itself.", "投诉不能与自身关联。")
    added = await session.execute(
        insert(ComplaintLink)
        .values(complaint_id=complaint_id, kind=kind, other_id=other_id)
        .on_conflict_do_nothing()
        .returning(ComplaintLink.other_id)
    )
    if added.first():
        about = reading.subject(complaint)
        await events.record(session, actor, "complaint.linked", about, link=kind, other_id=str(other_id))


async def remove(
    session: AsyncSession, actor: Principal, complaint_id: UUID, kind: ComplaintLinkKind, other_id: UUID
) -> None:
    complaint = await reading.must_see(session, actor, complaint_id)
    await reading.must_see(session, actor, other_id)
    link = await session.get(ComplaintLink, (complaint_id, kind, other_id))
    if link is None:
        raise NotFound
    await session.delete(link)
    about = reading.subject(complaint)
    await events.record(session, actor, "complaint.unlinked", about, link=kind, other_id=str(other_id))


async def watchers(
    session: AsyncSession, principal: Principal, complaint_id: UUID
) -> Sequence[ComplaintWatcher]:
    """Who follows it, in the order in which they began."""
    await reading.must_see(session, principal, complaint_id)
    found = select(ComplaintWatcher).where(ComplaintWatcher.complaint_id == complaint_id)
    rows = await session.scalars(found.order_by(ComplaintWatcher.created_at, ComplaintWatcher.user_id))
    return rows.all()


async def watch(session: AsyncSession, actor: Principal, complaint_id: UUID, user_id: UUID) -> None:
    """Let somebody of the staff follow it; once more changes nothing."""
    complaint = await _at_hand(session, actor, complaint_id)
    user = await session.get(User, user_id)
    if user is None or user.disabled_at is not None:
        raise NotFound
    added = await session.execute(
        insert(ComplaintWatcher)
        .values(complaint_id=complaint_id, user_id=user_id, added_by=actor.id)
        .on_conflict_do_nothing()
        .returning(ComplaintWatcher.user_id)
    )
    if added.first():
        about = reading.subject(complaint)
        await events.record(session, actor, "complaint.watched", about, user_id=str(user_id))


async def unwatch(session: AsyncSession, actor: Principal, complaint_id: UUID, user_id: UUID) -> None:
    complaint = await reading.must_see(session, actor, complaint_id)
    watcher = await session.get(ComplaintWatcher, (complaint_id, user_id))
    if watcher is None:
        raise NotFound
    await session.delete(watcher)
    about = reading.subject(complaint)
    await events.record(session, actor, "complaint.unwatched", about, user_id=str(user_id))


async def _at_hand(session: AsyncSession, actor: Principal, complaint_id: UUID) -> Complaint:
    """The complaint while nobody merges it."""
    complaint = await reading.taken(session, actor, complaint_id)
    reading.must_go_on(complaint)
    return complaint
