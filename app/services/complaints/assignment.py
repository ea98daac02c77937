"""Who works on a complaint: the account's own team first, else skill, region and load; nobody above capacity."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.clock import now
from app.errors import Conflict, Invalid
from app.models.account import TeamMember, User
from app.models.clock import ClockMetric
from app.models.complaint import OPEN_STATES, AssignmentRule, Complaint, ComplaintAssignment
from app.models.complaint_desk import Handler
from app.models.customer import Customer, CustomerAddress
from app.models.shipment import Shipment, TrackingNumber
from app.schemas.complaint import ComplaintAssign
from app.security import Principal
from app.services import divisions, events
from app.services.clocks import keeping
from app.services.complaints import reading

SHOWN = 20
"""Candidates that a decision names; the rest are worse."""
DRAINED = 50
"""Waiting complaints that are looked at in one transaction."""


class Candidate(NamedTuple):
    """A handler on duty, and what speaks for him."""

    user_id: UUID
    capacity: int
    open: int
    in_team: bool
    is_skilled: bool
    is_near: bool
    last_assigned_at: datetime | None

    @property
    def rank(self) -> tuple[Any, ...]:
        """Smaller is better."""
        waited = self.last_assigned_at or datetime.min.replace(tzinfo=UTC)
        return (
            not self.in_team,
            not self.is_skilled,
            not self.is_near,
            self.open / self.capacity,
            waited,
            self.user_id,
        )

    @property
    def has_room(self) -> bool:
        return self.open < self.capacity


async def assign_by_rule(session: AsyncSession, actor: Principal, complaint: Complaint) -> None:
    """Give it to whom the rule finds, or leave it waiting for the next one who has room."""
    team_id = await _own_team(session, complaint)
    candidates = sorted(await _candidates(session, complaint, team_id), key=lambda each: each.rank)
    chosen = await _with_room(session, candidates)
    complaint.team_id = team_id or complaint.team_id
    await _assign(session, actor, complaint, chosen, rule=_rule(candidates, chosen), candidates=candidates)


async def assign(
    session: AsyncSession, actor: Principal, complaint_id: UUID, body: ComplaintAssign
) -> Complaint:
    """Give it to a handler by name, above capacity if somebody says so; without a name, the rule decides."""
    complaint = await reading.taken(session, actor, complaint_id)
    if complaint.state not in OPEN_STATES:
        raise Conflict(
            f"The complaint is {complaint.state}; nobody works on it.",
            f"投诉状态为 {complaint.state}，无需分派。",
        )
    if body.handler_id is None:
        await assign_by_rule(session, actor, complaint)
    else:
        await _must_handle(session, body.handler_id)
        await _assign(session, actor, complaint, body.handler_id, rule=AssignmentRule.BY_HAND)
    return await reading.get(session, actor, complaint_id)


async def drain(session: AsyncSession) -> int:
    """Try to find somebody for those that wait, the oldest first; returns for how many there was one."""
    waiting = await session.scalars(
        select(Complaint)
        .where(Complaint.handler_id.is_(None), Complaint.state.in_(OPEN_STATES))
        .order_by(Complaint.received_at, Complaint.id)
        .limit(DRAINED)
        .options(selectinload(Complaint.parcels))
        .with_for_update(skip_locked=True)
    )
    found = 0
    for complaint in waiting:
        candidates = await _candidates(session, complaint, complaint.team_id)
        if not any(each.has_room for each in candidates):
            break
        await assign_by_rule(session, Principal.SYSTEM, complaint)
        found += complaint.handler_id is not None
    return found


def _rule(candidates: Sequence[Candidate], chosen: UUID | None) -> AssignmentRule:
    best = next((each for each in candidates if each.user_id == chosen), None)
    if best is None:
        return AssignmentRule.OVERFLOW
    if best.in_team:
        return AssignmentRule.OWN_TEAM
    if best.is_skilled:
        return AssignmentRule.SKILL
    return AssignmentRule.LOAD


async def _assign(
    session: AsyncSession,
    actor: Principal,
    complaint: Complaint,
    handler_id: UUID | None,
    *,
    rule: AssignmentRule,
    candidates: Sequence[Candidate] = (),
) -> None:
    at = now()
    latest = select(func.coalesce(func.max(ComplaintAssignment.number), 0) + 1).where(
        ComplaintAssignment.complaint_id == complaint.id
    )
    number = (await session.execute(latest)).scalar_one()
    complaint.handler_id = handler_id
    complaint.updated_at = at
    decision = ComplaintAssignment(
        complaint_id=complaint.id,
        number=number,
        handler_id=handler_id,
        team_id=complaint.team_id,
        rule=rule,
        considered=[_told(each) for each in candidates[:SHOWN]],
        assigned_by=actor.id,
    )
    session.add_all([complaint, decision])
    about = reading.subject(complaint)
    if handler_id is None:
        await events.record(session, actor, "complaint.queued", about)
        return
    await keeping.meet(session, actor, complaint.id, ClockMetric.ASSIGNMENT, at)
    await events.record(session, actor, "complaint.assigned", about, handler_id=str(handler_id), rule=rule)


def _told(candidate: Candidate) -> dict[str, Any]:
    return {
        "handler_id": str(candidate.user_id),
        "open": candidate.open,
        "capacity": candidate.capacity,
        "in_team": candidate.in_team,
        "is_skilled": candidate.is_skilled,
        "is_near": candidate.is_near,
        "has_room": candidate.has_room,
    }


async def _candidates(session: AsyncSession, complaint: Complaint, team_id: UUID | None) -> list[Candidate]:
    """Everybody on duty who may take such a complaint, with what they have open; one statement."""
    region = await _region(session, complaint)
    near = [region[:2], region[:4]] if region else []
    load = _load()
    rows = await session.execute(
        select(
            Handler.user_id,
            Handler.capacity,
            func.coalesce(load.c.open, 0),
            select(TeamMember.user_id)
            .where(TeamMember.user_id == Handler.user_id, TeamMember.team_id == team_id)
            .exists(),
            Handler.skills.contains([complaint.category]),
            Handler.regions.overlap(near),
            Handler.last_assigned_at,
        )
        .join(User, User.id == Handler.user_id)
        .outerjoin(load, load.c.handler_id == Handler.user_id)
        .where(
            Handler.is_on_duty,
            User.disabled_at.is_(None),
            (Handler.skills == []) | Handler.skills.contains([complaint.category]),
            (Handler.regions == []) | Handler.regions.overlap(near),
        )
    )
    return [Candidate(*row) for row in rows]


def _load() -> Any:
    """How much each handler has open."""
    return (
        select(Complaint.handler_id, func.count().label("open"))
        .where(Complaint.state.in_(OPEN_STATES), Complaint.handler_id.is_not(None))
        .group_by(Complaint.handler_id)
        .subquery()
    )


async def _with_room(session: AsyncSession, candidates: Sequence[Candidate]) -> UUID | None:
    """The first who still has room once nobody else can give him anything."""
    for each in candidates:
        if not each.has_room:
            continue
        handler = await session.get(Handler, each.user_id, with_for_update=True, populate_existing=True)
        load = select(func.count()).where(
            Complaint.handler_id == each.user_id, Complaint.state.in_(OPEN_STATES)
        )
        if handler is not None and (await session.execute(load)).scalar_one() < handler.capacity:
            handler.last_assigned_at = now()
            return each.user_id
    return None


async def _own_team(session: AsyncSession, complaint: Complaint) -> UUID | None:
    if complaint.customer_id is None:
        return None
    team_id: UUID | None = await session.scalar(
        select(Customer.team_id).where(Customer.id == complaint.customer_id)
    )
    return team_id


async def _region(session: AsyncSession, complaint: Complaint) -> str | None:
    """Where the parcel was to go, else where the customer is; GB/T 2260."""
    if complaint.parcels:
        numbers = [parcel.tracking_no for parcel in complaint.parcels]
        address = await session.scalar(
            select(Shipment.recipient["address"])
            .join(
                TrackingNumber,
                (TrackingNumber.customer_id == Shipment.customer_id)
                & (TrackingNumber.shipment_id == Shipment.id),
            )
            .where(TrackingNumber.number.in_(numbers))
            .order_by(TrackingNumber.number)
            .limit(1)
        )
        if address:
            return divisions.normalised(address)[1]
    code: str | None = await session.scalar(
        select(CustomerAddress.division_code)
        .where(
            CustomerAddress.customer_id == complaint.customer_id, CustomerAddress.division_code.is_not(None)
        )
        .order_by(CustomerAddress.id)
        .limit(1)
    )
    return code


async def _must_handle(session: AsyncSession, user_id: UUID) -> None:
    user = await session.get(User, user_id)
    if user is None or user.disabled_at is not None or await session.get(Handler, user_id) is None:
        raise Invalid(
            "There is no such handler; see /v1/complaint-handlers.",
            "没有这个处理人，请查看 /v1/complaint-handlers。",
            pointer="/body/handler_id",
        )
