"""Takes a complaint up the line: at shares of its clocks, each once, and by hand."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from uuid_utils.compat import uuid7

from app.clock import now
from app.errors import Conflict
from app.models.account import Department, Team, User
from app.models.clock import Clock, ClockAlarm
from app.models.complaint import OPEN_STATES, Complaint
from app.models.complaint_desk import ComplaintEscalation
from app.schemas.complaint import ComplaintGrounds
from app.schemas.complaint_desk import EscalationQuery
from app.schemas.masking import redact
from app.security import Principal
from app.services import events
from app.services.complaints import ranking, reading

HIGHEST = 2
"""The handler is 0, who leads him 1, who leads them 2."""
LEVELS = {50: 0, 80: 1, 100: 2}


class Line(NamedTuple):
    """Who is told at each level; nobody where the company has not said."""

    complaint_id: UUID
    handler_id: UUID | None
    lead_id: UUID | None
    manager_id: UUID | None

    def at(self, level: int) -> UUID | None:
        """The one at this level, or the next below whom there is."""
        people = (self.handler_id, self.lead_id, self.manager_id)[: level + 1]
        return next((each for each in reversed(people) if each is not None), None)


async def escalate(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintGrounds
) -> Complaint:
    """One step up, with the reason why."""
    complaint = await reading.taken(session, actor, complaint_id)
    if complaint.state not in OPEN_STATES:
        raise Conflict(
            f"The complaint is {complaint.state}; there is nothing to take up.",
            f"投诉状态为 {complaint.state}，无需升级。",
        )
    if complaint.escalation >= HIGHEST:
        raise Conflict("It can't go further up.", "已升级至最高层级。")
    complaint.escalation += 1
    complaint.priority += ranking.ESCALATION
    complaint.updated_at = now()
    lines = await _lines(session, [complaint_id])
    to_id = lines[complaint_id].at(complaint.escalation)
    session.add(
        ComplaintEscalation(
            complaint_id=complaint.id, level=complaint.escalation, to_id=to_id, reason=body.reason
        )
    )
    await session.flush()
    await events.record(
        session,
        actor,
        "complaint.escalated",
        reading.subject(complaint),
        level=complaint.escalation,
        to_id=to_id and str(to_id),
        reason=redact(body.reason),
    )
    return await reading.get(session, actor, complaint_id)


async def on_alarms(session: AsyncSession, complaint_ids: Sequence[UUID]) -> None:
    """Tell the line of every alarm of these complaints' clocks that it was not told of; each share once."""
    untold = (
        select(ClockAlarm.clock_id, ClockAlarm.share, Clock.subject_id)
        .join(Clock, Clock.id == ClockAlarm.clock_id)
        .outerjoin(
            ComplaintEscalation,
            (ComplaintEscalation.clock_id == ClockAlarm.clock_id)
            & (ComplaintEscalation.share == ClockAlarm.share),
        )
        .where(Clock.subject_id.in_(complaint_ids), ComplaintEscalation.id.is_(None))
        .order_by(ClockAlarm.clock_id, ClockAlarm.share)
    )
    alarms = (await session.execute(untold)).all()
    if not alarms:
        return
    lines = await _lines(session, complaint_ids)
    rows = [
        {
            "id": uuid7(),
            "complaint_id": complaint_id,
            "level": _level(share),
            "to_id": lines[complaint_id].at(_level(share)),
            "clock_id": clock_id,
            "share": share,
        }
        for clock_id, share, complaint_id in alarms
        if complaint_id in lines
    ]
    if not rows:
        return
    told = await session.scalars(
        insert(ComplaintEscalation).values(rows).on_conflict_do_nothing().returning(ComplaintEscalation),
    )
    await _raise(session, told.all())


async def _raise(session: AsyncSession, told: Sequence[ComplaintEscalation]) -> None:
    highest: dict[UUID, int] = {}
    for each in told:
        highest[each.complaint_id] = max(highest.get(each.complaint_id, 0), each.level)
    complaints = await session.scalars(
        select(Complaint).where(Complaint.id.in_(highest)).order_by(Complaint.id).with_for_update()
    )
    by_id = {each.id: each for each in complaints}
    for complaint_id, level in highest.items():
        complaint = by_id[complaint_id]
        complaint.priority += ranking.ESCALATION * max(level - complaint.escalation, 0)
        complaint.escalation = max(level, complaint.escalation)
    await session.flush()
    happenings = [
        events.Happening(
            "complaint.escalated",
            reading.subject(by_id[each.complaint_id]),
            {"level": each.level, "to_id": each.to_id and str(each.to_id), "share": each.share},
        )
        for each in told
    ]
    await events.record_all(session, Principal.SYSTEM, happenings)


def listed(principal: Principal, query: EscalationQuery) -> Select[ComplaintEscalation]:
    """What was taken up of the complaints that the principal may know of, the latest first."""
    seen = reading.visible(principal).with_only_columns(Complaint.id)
    statement = select(ComplaintEscalation).where(ComplaintEscalation.complaint_id.in_(seen))
    for name in ("complaint_id", "to_id"):
        if (value := getattr(query, name)) is not None:
            statement = statement.where(getattr(ComplaintEscalation, name) == value)
    return statement.order_by(ComplaintEscalation.created_at.desc(), ComplaintEscalation.id.desc())


def _level(share: int) -> int:
    return max((level for least, level in LEVELS.items() if share >= least), default=0)


async def _lines(session: AsyncSession, complaint_ids: Sequence[UUID]) -> dict[UUID, Line]:
    """The handler; who leads the team or him; and who leads them, or heads the department."""
    handler, lead = aliased(User), aliased(User)
    lead_id = func.coalesce(Team.lead_id, handler.superior_id)
    rows = await session.execute(
        select(
            Complaint.id,
            Complaint.handler_id,
            lead_id,
            func.coalesce(lead.superior_id, Department.head_id),
        )
        .outerjoin(Team, Team.id == Complaint.team_id)
        .outerjoin(handler, handler.id == Complaint.handler_id)
        .outerjoin(lead, lead.id == lead_id)
        .outerjoin(
            Department,
            Department.id == func.coalesce(handler.department_id, lead.department_id, Team.department_id),
        )
        .where(Complaint.id.in_(complaint_ids))
    )
    return {row[0]: Line(*row) for row in rows}
