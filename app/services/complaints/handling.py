"""What is done about a complaint between its registration and its end."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.clock import now
from app.errors import Conflict, Invalid
from app.models.clock import ClockMetric
from app.models.complaint import CaseTree, Complaint, ComplaintAnswer, ComplaintParcel, ComplaintState
from app.schemas.complaint import (
    AnswerCreate,
    ComplaintFields,
    ComplaintGrounds,
    ComplaintNote,
    ComplaintPause,
)
from app.schemas.masking import redact
from app.security import Principal
from app.services import customers, events, terms
from app.services.clocks import keeping
from app.services.complaints import intake, ranking, reading

FEW = 50
"""Complaints whose pauses end in one transaction."""


async def acknowledge(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintNote
) -> Complaint:
    """Say to the complainant that we have it; only what a rule has opened was not acknowledged at once."""
    complaint = await reading.taken(session, actor, complaint_id)
    complaint.advance(ComplaintState.ACKNOWLEDGED)
    complaint.acknowledged_at = now()
    return await _moved(session, actor, complaint, note=body.note)


async def investigate(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintNote
) -> Complaint:
    """Begin to find out what happened."""
    complaint = await reading.taken(session, actor, complaint_id)
    if complaint.state is ComplaintState.ANSWERED:
        raise Conflict(
            "It was answered; whether the customer accepts that is for a call-back to tell.",
            "已答复；客户是否接受须由回访确认。",
        )
    _stop_waiting(complaint)
    was_waiting = complaint.state is ComplaintState.WAITING
    complaint.advance(ComplaintState.INVESTIGATING)
    if was_waiting:
        await keeping.resume(session, actor, complaint.id, now())
    return await _moved(session, actor, complaint, note=body.note)


async def pause(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintPause
) -> Complaint:
    """Wait for somebody else. What the law asks for runs on; the rest stands where its policy knows the reason."""
    if body.until is not None and body.until <= now():
        raise Invalid(
            "The pause must end later than now.", "暂停的结束时间须晚于现在。", pointer="/body/until"
        )
    complaint = await reading.taken(session, actor, complaint_id)
    complaint.advance(ComplaintState.WAITING)
    complaint.waiting_reason, complaint.waiting_until = body.reason, body.until
    complaint.waiting_text = body.text
    await keeping.pause(session, actor, complaint.id, body.reason, now(), until=body.until)
    return await _moved(session, actor, complaint, reason=body.reason)


async def resume(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintNote
) -> Complaint:
    """Go on: what one waited for has come, or has not."""
    complaint = await reading.taken(session, actor, complaint_id)
    if complaint.state is not ComplaintState.WAITING:
        complaint.advance(ComplaintState.WAITING)
    return await go_on(session, actor, complaint, note=body.note)


async def go_on(session: AsyncSession, actor: Principal, complaint: Complaint, **data: Any) -> Complaint:
    """End the pause of a complaint that this transaction holds."""
    _stop_waiting(complaint)
    complaint.advance(ComplaintState.INVESTIGATING)
    await keeping.resume(session, actor, complaint.id, now())
    return await _moved(session, actor, complaint, **data)


async def end_waits(session: AsyncSession) -> int:
    """Go on with what has waited as long as it was to; returns with how many."""
    over = await session.scalars(
        select(Complaint)
        .where(Complaint.waiting_until <= func.now())
        .order_by(Complaint.waiting_until)
        .limit(FEW)
        .options(selectinload(Complaint.parcels))
        .with_for_update(skip_locked=True)
    )
    ended = list(over)
    for complaint in ended:
        await go_on(session, Principal.SYSTEM, complaint)
    return len(ended)


async def answer(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: AnswerCreate
) -> Complaint:
    """Keep what was found and what the customer was told, which meets the clocks at the instant of telling."""
    await intake.must_be_term(session, CaseTree.LIABLE_PARTY, body.liable_party, "/body/liable_party")
    await intake.must_be_term(session, CaseTree.ROOT_CAUSE, body.root_cause, "/body/root_cause")
    complaint = await reading.taken(session, actor, complaint_id)
    complaint.advance(ComplaintState.ANSWERED)
    told_at = body.told_at or now()
    if not complaint.received_at <= told_at <= now():
        raise Invalid(
            "The customer was told after the complaint came in, and not later than now.",
            "告知客户的时间须在受理之后且不晚于现在。",
            pointer="/body/told_at",
        )
    number = select(func.count() + 1).where(ComplaintAnswer.complaint_id == complaint.id)
    session.add(
        ComplaintAnswer(
            **body.model_dump(exclude={"told_at"}),
            complaint_id=complaint.id,
            number=(await session.execute(number)).scalar_one(),
            cycle=complaint.cycle,
            told_at=told_at,
            answered_by=actor.id,
        )
    )
    await responded(session, actor, complaint)
    await keeping.meet(session, actor, complaint.id, ClockMetric.RESOLUTION, told_at)
    return await _moved(session, actor, complaint, liable_party=body.liable_party, root_cause=body.root_cause)


async def responded(session: AsyncSession, actor: Principal, complaint: Complaint) -> None:
    """A person of ours has spoken to the customer for the first time."""
    if complaint.responded_at is None:
        complaint.responded_at = now()
        await keeping.meet(session, actor, complaint.id, ClockMetric.FIRST_RESPONSE, complaint.responded_at)


async def withdraw(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintGrounds
) -> Complaint:
    """End it at the complainant's wish."""
    complaint = await reading.taken(session, actor, complaint_id)
    _stop_waiting(complaint)
    complaint.advance(ComplaintState.WITHDRAWN)
    complaint.closed_at, complaint.closed_by, complaint.ended_because = now(), actor.id, body.reason
    await keeping.cancel(session, actor, complaint.id, now(), "withdrawn")
    return await _moved(session, actor, complaint)


async def reopen(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintGrounds
) -> Complaint:
    """A new cycle under the same number, with clocks of its own; those of the cycles before stay as they were."""
    complaint = await reading.taken(session, actor, complaint_id)
    complaint.advance(ComplaintState.REOPENED)
    if complaint.closed_at is None or now() > complaint.closed_at + await terms.within(
        session, "complaint_reopen"
    ):
        raise Conflict(
            "It ended too long ago to go on under the same number; register a new complaint.",
            "结案时间过久，不能沿用原编号，请重新登记投诉。",
        )
    complaint.cycle += 1
    complaint.closed_at = complaint.closed_by = complaint.outcome = complaint.ended_because = None
    complaint.responded_at = complaint.archived_at = None
    complaint.repeats += 1
    tier = await ranking.tier_of(session, complaint)
    complaint.priority = ranking.priority(complaint, tier)
    clocks = await keeping.start(
        session,
        actor,
        reading.subject(complaint),
        ranking.facts(complaint, tier),
        now(),
        cycle=complaint.cycle,
    )
    complaint.due_at = keeping.earliest_due(clocks)
    return await _moved(session, actor, complaint, reason=redact(body.reason), cycle=complaint.cycle)


async def change(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintFields, version: int
) -> Complaint:
    """Put right what was registered; limits that hang on it are counted anew and nothing that has run is lost."""
    complaint = await reading.taken(session, actor, complaint_id)
    reading.must_be_at(complaint, version)
    changes = body.model_dump(exclude_unset=True, exclude={"tracking_nos"})
    if body.category is not None:
        await intake.must_be_term(session, CaseTree.COMPLAINT_CATEGORY, body.category, "/body/category")
    if body.customer_id is not None:
        await customers.named(session, actor, body.customer_id)
    for name, value in changes.items():
        setattr(complaint, name, value)
    if body.tracking_nos is not None:
        complaint.parcels = [
            ComplaintParcel(tracking_no=number) for number in dict.fromkeys(body.tracking_nos)
        ]
    await retarget(session, actor, complaint)
    await session.flush()
    fields = sorted(body.model_fields_set)
    await events.record(session, actor, "complaint.changed", reading.subject(complaint), fields=fields)
    return await reading.get(session, actor, complaint_id)


async def retarget(session: AsyncSession, actor: Principal, complaint: Complaint) -> None:
    """Count its limits and its priority anew by what it is now."""
    tier = await ranking.tier_of(session, complaint)
    complaint.priority = ranking.priority(complaint, tier)
    await keeping.retarget(session, actor, complaint.id, ranking.facts(complaint, tier), now())
    await follow_clocks(session, complaint)


async def follow_clocks(session: AsyncSession, complaint: Complaint) -> None:
    """It is due when its clocks say."""
    clocks = await keeping.of(session, [complaint.id])
    complaint.due_at = keeping.earliest_due(clocks[complaint.id])


async def follow_all(session: AsyncSession, complaint_ids: Sequence[UUID]) -> None:
    """The same for complaints whose clocks were moved by others than them."""
    clocks = await keeping.of(session, complaint_ids)
    for complaint in await session.scalars(
        select(Complaint).where(Complaint.id.in_(complaint_ids)).order_by(Complaint.id).with_for_update()
    ):
        complaint.due_at = keeping.earliest_due(clocks[complaint.id])


def _stop_waiting(complaint: Complaint) -> None:
    complaint.waiting_reason = complaint.waiting_until = complaint.waiting_text = None


async def _moved(session: AsyncSession, actor: Principal, complaint: Complaint, **data: Any) -> Complaint:
    complaint.updated_at = now()
    await follow_clocks(session, complaint)
    await session.flush()
    kept = {name: redact(value) if isinstance(value, str) else value for name, value in data.items()}
    about = reading.subject(complaint)
    await events.record(session, actor, f"complaint.{complaint.state}", about, **kept)
    return await reading.get(session, actor, complaint.id)
