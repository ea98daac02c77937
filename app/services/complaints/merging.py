"""Two complaints about one matter become one under the older time of receipt, and two again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, Invalid, NotFound
from app.models.clock import ClockState
from app.models.complaint import OPEN_STATES, Complaint, ComplaintAnswer, ComplaintState
from app.models.complaint_link import ComplaintMerge, ComplaintMergeCause
from app.schemas.complaint_link import ComplaintMergeCreate
from app.security import Principal
from app.services import events, linked_rows
from app.services.clocks import keeping
from app.services.complaints import ranking, reading
from app.services.families import COMPLAINTS


async def merge(
    session: AsyncSession, actor: Principal, survivor_id: UUID, body: ComplaintMergeCreate
) -> dict[str, Any]:
    """Make the other complaint a part of this one, with everything that hangs on it."""
    if survivor_id == body.merged_id:
        raise Invalid(
            "A complaint can't be merged with itself.", "投诉不能与自身合并。", pointer="/body/merged_id"
        )
    survivor, merged = await _both(session, actor, survivor_id, body.merged_id)
    if survivor.state not in OPEN_STATES:
        raise Conflict(
            f"The complaint is {survivor.state} and takes no other in; reopen it first.",
            f"投诉状态为 {survivor.state}，不能并入其他投诉，请先重新受理。",
        )
    if None not in (whose := {survivor.customer_id, merged.customer_id}) and len(whose) > 1:
        raise Conflict(
            "They are of two customers; what one said is none of the other's business.",
            "两个投诉属于不同客户，不能合并。",
            pointer="/body/merged_id",
        )
    done = await join(session, actor, survivor, merged, cause=ComplaintMergeCause.BY_HAND, reason=body.reason)
    return await _shown(session, done)


async def join(
    session: AsyncSession,
    actor: Principal,
    survivor: Complaint,
    merged: Complaint,
    *,
    cause: ComplaintMergeCause,
    reason: str | None = None,
) -> ComplaintMerge:
    """Merge two complaints that this transaction holds. Only an older one changes the survivor itself."""
    older = merged.received_at < survivor.received_at
    done = ComplaintMerge(
        survivor_id=survivor.id,
        merged_id=merged.id,
        cause=cause,
        reason=reason,
        is_counted_anew=older,
        merged_by=actor.id,
    )
    session.add(done)
    await session.flush()
    changed = [survivor.id, merged.id] if older else [merged.id]
    await linked_rows.keep(session, COMPLAINTS, done.id, changed)
    await linked_rows.move(session, COMPLAINTS, done.id, survivor.id, merged.id)
    merged.advance(ComplaintState.MERGED)
    merged.merged_into_id = survivor.id
    survivor.updated_at = merged.updated_at = now()
    await keeping.cancel(session, actor, merged.id, now(), _why(done))
    if older:
        await _count_from(session, actor, survivor, merged.received_at, _why(done))
    await session.flush()
    await linked_rows.settle(session, COMPLAINTS, done.id, changed)
    await _tell(session, actor, "complaint.merged", done)
    return done


async def undo(session: AsyncSession, actor: Principal, merge_id: UUID) -> dict[str, Any]:
    """Make two complaints of it again: every row as it was, unless one was changed since."""
    done = await _seen(session, actor, merge_id)
    survivor, merged = await _both(session, actor, done.survivor_id, done.merged_id)
    await session.refresh(done, with_for_update=True)
    await _must_be_undoable(session, done)
    if done.is_counted_anew:
        await keeping.cancel(session, actor, survivor.id, now(), keeping.NOT_APPLICABLE)
        await keeping.reinstate(session, actor, survivor.id, now(), _why(done))
    await keeping.reinstate(session, actor, merged.id, now(), _why(done))
    done.undone_at, done.undone_by = now(), actor.id
    await session.flush()
    await linked_rows.restore(session, COMPLAINTS, done.id)
    for complaint in (survivor, merged):
        await session.refresh(complaint)
        complaint.updated_at = now()
    await session.flush()
    await _tell(session, actor, "complaint.merge_undone", done)
    return await _shown(session, done)


async def get(session: AsyncSession, principal: Principal, merge_id: UUID) -> dict[str, Any]:
    """The merge, for whoever sees the complaint that came of it."""
    return await _shown(session, await _seen(session, principal, merge_id))


async def listed(session: AsyncSession, principal: Principal, complaint_id: UUID) -> list[dict[str, Any]]:
    """What was merged into a complaint, the latest first, with what was answered there."""
    await reading.must_see(session, principal, complaint_id)
    done = await session.scalars(
        select(ComplaintMerge)
        .where(ComplaintMerge.survivor_id == complaint_id)
        .order_by(ComplaintMerge.created_at.desc(), ComplaintMerge.id.desc())
    )
    return await _all_shown(session, list(done))


async def _seen(session: AsyncSession, principal: Principal, merge_id: UUID) -> ComplaintMerge:
    done = await session.get(ComplaintMerge, merge_id)
    if done is None:
        raise NotFound
    await reading.must_see(session, principal, done.survivor_id)
    await reading.must_see(session, principal, done.merged_id)
    return done


async def _both(
    session: AsyncSession, actor: Principal, survivor_id: UUID, merged_id: UUID
) -> tuple[Complaint, Complaint]:
    """Both, held in the order of their ids, so that two merges the other way round don't wait for each other."""
    await reading.must_see(session, actor, survivor_id)
    held = {}
    for each in sorted((survivor_id, merged_id)):
        try:
            held[each] = await reading.taken(session, actor, each)
        except NotFound:
            raise Invalid(
                "There is no such complaint.", "没有这个投诉。", pointer="/body/merged_id"
            ) from None
    return held[survivor_id], held[merged_id]


async def _count_from(
    session: AsyncSession, actor: Principal, survivor: Complaint, received_at: datetime, why: str
) -> None:
    """Count what is still to be done from the older time; what was done stays done."""
    survivor.received_at = received_at
    tier = await ranking.tier_of(session, survivor)
    facts = ranking.facts(survivor, tier)
    await keeping.cancel(session, actor, survivor.id, now(), why)
    await keeping.retarget(session, actor, survivor.id, facts, received_at)
    if survivor.state is ComplaintState.WAITING and survivor.waiting_reason is not None:
        reason, until = survivor.waiting_reason, survivor.waiting_until
        if until is None or until > now():
            await keeping.pause(session, actor, survivor.id, reason, now(), until=until)
    clocks = await keeping.of(session, [survivor.id])
    survivor.due_at = keeping.earliest_due(clocks[survivor.id])


def _why(done: ComplaintMerge) -> str:
    """Why clocks stop: each merge takes back its own stops only."""
    return f"merge:{done.id}"


async def _must_be_undoable(session: AsyncSession, done: ComplaintMerge) -> None:
    if done.undone_at is not None:
        raise Conflict("The merge was undone already.", "该合并已被撤销。")
    if not await linked_rows.are_kept(session, COMPLAINTS, done.id):
        raise Conflict("One of the complaints was made anonymous since.", "其中一个投诉此后已匿名化。")
    if changed := await linked_rows.changed(session, COMPLAINTS, done.id):
        tables = sorted({row["table"] for row in changed})
        raise Conflict(
            f"Rows that the merge moved were changed since: {', '.join(tables)}.",
            f"合并移动的数据之后已被修改：{'、'.join(tables)}。",
            changed=changed[:100],
        )
    if done.is_counted_anew:
        clocks = await keeping.of(session, [done.survivor_id])
        if any(each.state is ClockState.WAIVED for each in clocks[done.survivor_id]):
            raise Conflict("A clock of the complaint was waived since.", "该投诉的时限此后已被豁免。")


async def _shown(session: AsyncSession, done: ComplaintMerge) -> dict[str, Any]:
    (shown,) = await _all_shown(session, [done])
    return shown


async def _all_shown(session: AsyncSession, merges: list[ComplaintMerge]) -> list[dict[str, Any]]:
    """Each with the number of the one that was merged, and the answers that were given under it."""
    ids = [each.merged_id for each in merges]
    rows = await session.execute(select(Complaint.id, Complaint.number).where(Complaint.id.in_(ids)))
    numbers = {row.id: row.number for row in rows}
    given = await session.scalars(
        select(ComplaintAnswer)
        .where(ComplaintAnswer.complaint_id.in_(ids))
        .order_by(ComplaintAnswer.complaint_id, ComplaintAnswer.number)
    )
    answers = given.all()
    names = [column.name for column in ComplaintMerge.__table__.columns]
    return [
        {name: getattr(each, name) for name in names}
        | {
            "number": numbers[each.merged_id],
            "answers": [answer for answer in answers if answer.complaint_id == each.merged_id],
        }
        for each in merges
    ]


async def _tell(session: AsyncSession, actor: Principal, kind: str, done: ComplaintMerge) -> None:
    """On the timeline of both."""
    both = await session.scalars(
        select(Complaint).where(Complaint.id.in_([done.merged_id, done.survivor_id])).order_by(Complaint.id)
    )
    data = {name: str(getattr(done, name)) for name in ("survivor_id", "merged_id")}
    data["merge_id"] = str(done.id)
    happenings = [events.Happening(kind, reading.subject(each), data) for each in both]
    await events.record_all(session, actor, happenings)
