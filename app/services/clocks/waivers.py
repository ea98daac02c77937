"""That a limit should not count, asked for by one and decided by another. What the law sets can't be waived."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import Conflict, Forbidden, NotFound
from app.models.clock import Clock, ClockEventKind, ClockKind, ClockState, ClockWaiver, WaiverState
from app.schemas.clock import ClockWaiverQuery, WaiverDecision
from app.security import Principal
from app.services import events
from app.services.clocks import ledger

WAIVABLE = frozenset({ClockState.RUNNING, ClockState.PAUSED, ClockState.MET})


async def request(session: AsyncSession, actor: Principal, clock: Clock, reason: str) -> ClockWaiver:
    """Ask that a clock should not count. One request at a time for each clock: a second one is a conflict."""
    _must_be_waivable(clock)
    waiver = ClockWaiver(clock_id=clock.id, reason=reason, requested_by=actor.id)
    session.add(waiver)
    await session.flush()
    await _record(session, actor, "clock_waiver.requested", waiver, clock)
    return waiver


def listed(query: ClockWaiverQuery) -> Select[ClockWaiver]:
    """The newest first."""
    statement = select(ClockWaiver)
    if query.state is not None:
        statement = statement.where(ClockWaiver.state == query.state)
    return statement.order_by(ClockWaiver.requested_at.desc(), ClockWaiver.id.desc())


async def approve(
    session: AsyncSession, actor: Principal, waiver_id: UUID, body: WaiverDecision
) -> ClockWaiver:
    """Let the clock count no longer, from now on."""
    waiver = await _decide(session, actor, waiver_id, WaiverState.APPROVED, body)
    (account,) = await ledger.hold(session, select(Clock).where(Clock.id == waiver.clock_id))
    _must_be_waivable(account.clock)
    account.add(actor, ClockEventKind.WAIVED, now(), reason="waiver")
    await ledger.store(session, actor, [account])
    await _record(session, actor, "clock_waiver.approved", waiver, account.clock)
    return waiver


async def decline(
    session: AsyncSession, actor: Principal, waiver_id: UUID, body: WaiverDecision
) -> ClockWaiver:
    """Let the clock count as it does."""
    waiver = await _decide(session, actor, waiver_id, WaiverState.DECLINED, body)
    await _record(
        session, actor, "clock_waiver.declined", waiver, await Clock.fetch(session, waiver.clock_id)
    )
    return waiver


async def _decide(
    session: AsyncSession, actor: Principal, waiver_id: UUID, to: WaiverState, body: WaiverDecision
) -> ClockWaiver:
    """The waiver with its row held, decided."""
    found = select(ClockWaiver).where(ClockWaiver.id == waiver_id).with_for_update()
    waiver = await session.scalar(found)
    if waiver is None:
        raise NotFound
    if waiver.requested_by == actor.id:
        raise Forbidden("Somebody else decides on what you asked for.", "您提出的申请须由他人决定。")
    waiver.advance(to)
    waiver.decided_by, waiver.decided_at, waiver.note = actor.id, now(), body.note
    await session.flush()
    return waiver


def _must_be_waivable(clock: Clock) -> None:
    if clock.kind is ClockKind.STATUTORY:
        raise Conflict("A statutory limit can't be waived.", "法定时限不得豁免。")
    if clock.state not in WAIVABLE:
        raise Conflict(
            f"The clock is {clock.state}; there is nothing to waive.", f"时钟已是 {clock.state}，无需豁免。"
        )


async def _record(
    session: AsyncSession, actor: Principal, kind: str, waiver: ClockWaiver, clock: Clock
) -> None:
    data = {**ledger.describe(clock), "waiver_id": waiver.id}
    await events.record(session, actor, kind, ledger.subject_of(clock), **data)
