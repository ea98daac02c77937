"""Legal holds: what a court, an authority or a dispute needs is neither erased nor runs out."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.clock import now
from app.errors import Conflict, Invalid, NotFound
from app.models.complaint import Complaint
from app.models.customer import Customer
from app.models.privacy import LegalHold
from app.schemas.masking import redact
from app.schemas.privacy import HoldCreate, HoldLift, HoldQuery
from app.security import Principal
from app.services import customers, events


def standing() -> ColumnElement[bool]:
    """Whether a hold stands now."""
    return LegalHold.lifted_at.is_(None) & or_(LegalHold.until.is_(None), LegalHold.until > func.now())


def held() -> Select[UUID]:
    """The customers that are under hold now, or of whom a complaint is, and all that were merged with them, either way."""
    under = _whose(standing()).cte("held", recursive=True)
    mine, kin = aliased(Customer), aliased(Customer)
    merged = (
        select(kin.id)
        .select_from(under)
        .join(mine, mine.id == under.c.id)
        .join(kin, or_(kin.merged_into_id == mine.id, kin.id == mine.merged_into_id))
    )
    return select(under.union(merged).c.id)


def held_complaints() -> Select[UUID | None]:
    """The complaints that are under a hold of their own now."""
    return select(LegalHold.complaint_id).where(LegalHold.complaint_id.is_not(None), standing())


def _whose(*conditions: ColumnElement[bool]) -> Select[UUID]:
    """The customers of these holds; a complaint of nobody's customer has none."""
    customer_id = func.coalesce(LegalHold.customer_id, Complaint.customer_id)
    return (
        select(customer_id.label("id"))
        .select_from(LegalHold)
        .outerjoin(Complaint, Complaint.id == LegalHold.complaint_id)
        .where(customer_id.is_not(None), *conditions)
    )


def search(principal: Principal, query: HoldQuery) -> Select[LegalHold]:
    statement = _visible(principal)
    for name in ("customer_id", "complaint_id"):
        if (value := getattr(query, name)) is not None:
            statement = statement.where(getattr(LegalHold, name) == value)
    if query.standing is not None:
        statement = statement.where(standing() if query.standing else ~standing())
    return statement.order_by(LegalHold.placed_at.desc(), LegalHold.id.desc())


async def place(session: AsyncSession, actor: Principal, body: HoldCreate) -> LegalHold:
    if body.customer_id is not None:
        await customers.named(session, actor, body.customer_id)
    if body.complaint_id is not None:
        await _must_see_complaint(session, actor, body.complaint_id)
    hold = LegalHold(**body.model_dump(), placed_by=actor.id)
    session.add(hold)
    await session.flush()
    about = events.Subject("legal_hold", hold.id, hold.customer_id)
    await events.record(session, actor, "legal_hold.placed", about, reason=redact(body.reason))
    return hold


async def lift(session: AsyncSession, actor: Principal, hold_id: UUID, body: HoldLift) -> LegalHold:
    hold = await session.scalar(_visible(actor).where(LegalHold.id == hold_id))
    if hold is None:
        raise NotFound
    if hold.lifted_at is not None:
        raise Conflict("The hold was lifted already.", "该保全已解除。")
    hold.lifted_at, hold.lifted_by, hold.lift_reason = now(), actor.id, body.reason
    about = events.Subject("legal_hold", hold.id, hold.customer_id)
    await events.record(session, actor, "legal_hold.lifted", about, reason=redact(body.reason))
    return hold


async def must_not_stand(session: AsyncSession, customer_ids: Sequence[UUID]) -> None:
    """Raise `Conflict`, naming the hold, if one of these customers is under one."""
    complaints = select(Complaint.id).where(Complaint.customer_id.in_(customer_ids))
    theirs = LegalHold.customer_id.in_(customer_ids) | LegalHold.complaint_id.in_(complaints)
    found = select(LegalHold).where(theirs, standing())
    hold = await session.scalar(found.order_by(LegalHold.placed_at).limit(1))
    if hold is not None:
        raise Conflict(
            f"The customer is under legal hold {hold.id}; lift it first, or refuse the request on that ground.",
            f"该客户处于法律保全 {hold.id} 之下，请先解除保全，或以此为由拒绝请求。",
            hold_id=str(hold.id),
        )


async def _must_see_complaint(session: AsyncSession, actor: Principal, complaint_id: UUID) -> None:
    seen = customers.within(actor, select(Complaint.id), Complaint.customer_id)
    if await session.scalar(seen.where(Complaint.id == complaint_id)) is None:
        raise Invalid("There is no such complaint.", "没有这个投诉。", pointer="/body/complaint_id")


def _visible(principal: Principal) -> Select[LegalHold]:
    return customers.within(principal, select(LegalHold), LegalHold.customer_id)
