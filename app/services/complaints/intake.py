"""Complaints as they come in: the same word twice is one complaint, the same matter again is a repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.clock import ZONE, now
from app.errors import Invalid
from app.models.code import Severity
from app.models.complaint import (
    CaseTerm,
    CaseTree,
    Complaint,
    ComplaintChannel,
    ComplaintParcel,
    ComplaintState,
)
from app.models.customer import ContactPointKind
from app.models.shipment import TrackingNumber
from app.schemas.complaint import ComplaintCreate, ComplaintRegistration
from app.security import Principal
from app.services import contact_points, customers, events, terms
from app.services.clocks import keeping
from app.services.complaints import assignment, ranking, reading

MESSAGE_LOCK = 3
COMPLAINANT_LOCK = 4
_NUMBER = text(
    "SELECT 'C-' || to_char(now() AT TIME ZONE 'Asia/Shanghai', 'YYYY') || '-'"
    " || lpad(nextval('complaint_numbers')::text, 6, '0')"
)


@dataclass(frozen=True)
class Circumstances:
    """What stands beside the words of the complaint."""

    channel: ComplaintChannel
    severity: Severity
    customer_id: UUID | None
    received_at: datetime
    message_id: str | None


async def create(session: AsyncSession, actor: Principal, body: ComplaintCreate) -> Complaint:
    """Register what a member of staff was told. Received in the future, nothing was."""
    received_at = body.received_at or now()
    if received_at > now():
        raise Invalid(
            "It can't have come in later than now.", "受理时间不能晚于当前时间。", pointer="/body/received_at"
        )
    known = await _customer_of(session, body.tracking_nos)
    customer_id = body.customer_id or known
    if body.customer_id is not None:
        await customers.named(session, actor, body.customer_id)
    where = Circumstances(body.channel, body.severity, customer_id, received_at, body.message_id)
    return await register(session, actor, body, where)


async def register(
    session: AsyncSession, actor: Principal, body: ComplaintRegistration, where: Circumstances
) -> Complaint:
    """Give it a number and its clocks, say so to the complainant, and find who works on it."""
    await must_be_term(session, CaseTree.COMPLAINT_CATEGORY, body.category, "/body/category")
    if (known := await _known(session, where)) is not None:
        return await reading.get(session, actor, known)
    complaint = _built(actor, body, where, number=await session.scalar(_NUMBER))
    await _see_repeat(session, complaint, body.tracking_nos)
    tier = await ranking.tier_of(session, complaint)
    complaint.priority = ranking.priority(complaint, tier)
    await _tell(session, actor, complaint)
    clocks = await keeping.start(
        session, actor, reading.subject(complaint), ranking.facts(complaint, tier), complaint.received_at
    )
    complaint.due_at = keeping.earliest_due(clocks)
    complaint.advance(ComplaintState.ACKNOWLEDGED)
    complaint.acknowledged_at = now()
    await assignment.assign_by_rule(session, actor, complaint)
    await session.flush()
    await events.record(session, actor, "complaint.acknowledged", reading.subject(complaint))
    return await reading.get(session, actor, complaint.id)


async def must_be_term(session: AsyncSession, tree: CaseTree, code: str, pointer: str) -> None:
    """Raise `Invalid` for a word that the tree does not have, or has no more."""
    term = await session.get(CaseTerm, (tree, code))
    today = now().astimezone(ZONE).date()
    if (
        term is None
        or term.valid_from > today
        or (term.valid_until is not None and term.valid_until <= today)
    ):
        raise Invalid(
            f"There is no {code}; see /v1/case-terms?tree={tree}.",
            f"没有 {code}，请查看 /v1/case-terms?tree={tree}。",
            pointer=pointer,
        )


async def _known(session: AsyncSession, where: Circumstances) -> UUID | None:
    """The complaint that this message of the channel has become already; nobody else registers it meanwhile."""
    if where.message_id is None:
        return None
    await _lock(session, f"{where.channel}:{where.message_id}", MESSAGE_LOCK)
    found: UUID | None = await session.scalar(
        select(Complaint.id).where(
            Complaint.channel == where.channel, Complaint.message_id == where.message_id
        )
    )
    return found


async def _customer_of(session: AsyncSession, tracking_nos: Sequence[str]) -> UUID | None:
    """The customer of the consignments, if all that we know have the same."""
    if not tracking_nos:
        return None
    found = await session.scalars(
        select(TrackingNumber.customer_id).where(TrackingNumber.number.in_(tracking_nos)).distinct()
    )
    ids = found.all()
    if len(ids) != 1:
        return None
    return (await customers.resolve(session, ids[0], None)).id


async def _see_repeat(session: AsyncSession, complaint: Complaint, tracking_nos: Sequence[str]) -> None:
    """Point to the same person's complaint about the same matter, and count this one there."""
    if complaint.complainant_normal is None:
        return
    await _lock(session, complaint.complainant_normal, COMPLAINANT_LOCK)
    before = await session.scalar(
        select(Complaint)
        .where(
            Complaint.complainant_normal == complaint.complainant_normal,
            Complaint.category == complaint.category,
            Complaint.received_at > complaint.received_at - await terms.within(session, "complaint_repeat"),
            Complaint.state != ComplaintState.MERGED,
            _about(tracking_nos),
        )
        .order_by(Complaint.received_at, Complaint.id)
        .limit(1)
        .with_for_update()
    )
    if before is not None:
        complaint.repeat_of_id = before.repeat_of_id or before.id
        before.repeats += 1
        before.priority += ranking.REPEAT


def _about(tracking_nos: Sequence[str]) -> ColumnElement[bool]:
    """The same consignment, or none on either side."""
    parcels = select(ComplaintParcel).where(ComplaintParcel.complaint_id == Complaint.id)
    if not tracking_nos:
        return ~parcels.exists()
    return parcels.where(ComplaintParcel.tracking_no.in_(tracking_nos)).exists()


async def _lock(session: AsyncSession, what: str, kind: int) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, kind))))


async def _tell(session: AsyncSession, actor: Principal, complaint: Complaint) -> None:
    await events.record(
        session,
        actor,
        "complaint.received",
        reading.subject(complaint),
        number=complaint.number,
        category=complaint.category,
        channel=complaint.channel,
    )


def _built(
    actor: Principal, body: ComplaintRegistration, where: Circumstances, number: str | None
) -> Complaint:
    who = body.complainant
    return Complaint(
        id=uuid7(),
        number=number,
        category=body.category,
        description=body.description,
        remedy_sought=body.remedy_sought,
        severity=where.severity,
        channel=where.channel,
        message_id=where.message_id,
        customer_id=where.customer_id,
        complainant_name=who.name,
        complainant_phone=who.phone,
        complainant_normal=who.phone and contact_points.normal(ContactPointKind.PHONE, who.phone),
        complainant_role=who.role,
        has_authority=who.has_authority,
        received_at=where.received_at,
        state=ComplaintState.RECEIVED,
        cycle=1,
        repeats=0,
        escalation=0,
        created_by=actor.id,
        parcels=[ComplaintParcel(tracking_no=number) for number in dict.fromkeys(body.tracking_nos)],
    )
