"""Complaints as staff see them: one, a list, a search."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, cast, literal, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.errors import Forbidden, NotFound, Stale
from app.models.complaint import (
    OPEN_STATES,
    Complaint,
    ComplaintAnswer,
    ComplaintAssignment,
    ComplaintParcel,
)
from app.models.customer import ContactPointKind
from app.paging import ListQuery, paginate
from app.schemas.complaint import ComplaintFilters, ComplaintQuery, ComplaintSearch
from app.security import Principal
from app.services import contact_points, customers, names
from app.services.events import Subject

_SAME = ("category", "severity", "channel", "handler_id", "team_id")


class _Terms(ListQuery):
    """Binds a search's cursor to its terms."""

    terms: str


def visible(principal: Principal) -> Select[Complaint]:
    """The complaints of customers this principal may know of; those of nobody's customer only for who sees all."""
    return customers.within(principal, select(Complaint), Complaint.customer_id)


def listed(principal: Principal, query: ComplaintQuery) -> Select[Complaint]:
    statement = visible(principal).where(*_conditions(query)).options(selectinload(Complaint.parcels))
    if query.sort == "due_at":
        return statement.order_by(Complaint.due_at, Complaint.id)
    if query.sort == "received_at":
        return statement.order_by(Complaint.received_at, Complaint.id)
    return statement.order_by(Complaint.received_at.desc(), Complaint.id.desc())


async def search(session: AsyncSession, principal: Principal, body: ComplaintSearch) -> dict[str, Any]:
    """A page of the complaints that match every given term, the newest first."""
    statement = visible(principal).where(*_conditions(body), *_terms(body))
    statement = statement.options(selectinload(Complaint.parcels))
    terms = body.model_dump_json(exclude={"limit", "cursor"})
    page = _Terms(limit=body.limit, cursor=body.cursor, terms=terms)
    newest = statement.order_by(Complaint.received_at.desc(), Complaint.id.desc())
    return await paginate(session, newest, page)


async def get(session: AsyncSession, principal: Principal, complaint_id: UUID) -> Complaint:
    """The complaint as it stands now, with its clocks and answers."""
    complaint = await session.scalar(
        visible(principal)
        .where(Complaint.id == complaint_id)
        .options(
            selectinload(Complaint.parcels), selectinload(Complaint.answers), selectinload(Complaint.clocks)
        )
        .execution_options(populate_existing=True)
    )
    if complaint is None:
        raise NotFound
    return complaint


async def taken(session: AsyncSession, actor: Principal, complaint_id: UUID) -> Complaint:
    """The complaint with its consignments, for this transaction alone to change."""
    complaint = await session.scalar(
        visible(actor)
        .where(Complaint.id == complaint_id)
        .options(selectinload(Complaint.parcels))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if complaint is None:
        raise NotFound
    return complaint


async def must_see(session: AsyncSession, principal: Principal, complaint_id: UUID) -> Complaint:
    """The complaint by itself, if this principal may know of it."""
    complaint = await session.scalar(visible(principal).where(Complaint.id == complaint_id))
    if complaint is None:
        raise NotFound
    return complaint


async def assignments(
    session: AsyncSession, principal: Principal, complaint_id: UUID
) -> list[ComplaintAssignment]:
    """Every decision who works on it, the latest first."""
    await must_see(session, principal, complaint_id)
    rows = await session.scalars(
        select(ComplaintAssignment)
        .where(ComplaintAssignment.complaint_id == complaint_id)
        .order_by(ComplaintAssignment.number.desc())
    )
    return list(rows)


async def latest_answer(session: AsyncSession, complaint: Complaint) -> ComplaintAnswer | None:
    """What the customer was told last in this cycle."""
    answer: ComplaintAnswer | None = await session.scalar(
        select(ComplaintAnswer)
        .where(ComplaintAnswer.complaint_id == complaint.id, ComplaintAnswer.cycle == complaint.cycle)
        .order_by(ComplaintAnswer.number.desc())
        .limit(1)
    )
    return answer


def must_work_on(actor: Principal, complaint: Complaint) -> None:
    """Raise `Forbidden` unless this is its handler; where it has none, anybody may stand in."""
    if complaint.handler_id not in {None, actor.id}:
        raise Forbidden(
            "That is for the complaint's handler to do; take it over first.",
            "须由该投诉的处理人操作，请先接手。",
        )


def must_be_at(complaint: Complaint, version: int) -> None:
    """Raise `Stale` if it was changed since the caller read it."""
    if complaint.version != version:
        raise Stale(
            "The complaint was changed since you read it; read it again and repeat your change.",
            "自您读取后投诉已被修改，请重新读取后再提交。",
        )


def subject(complaint: Complaint) -> Subject:
    return Subject("complaint", complaint.id, complaint.customer_id)


def _conditions(query: ComplaintFilters) -> Iterable[ColumnElement[bool]]:
    for name in _SAME:
        if (value := getattr(query, name)) is not None:
            yield getattr(Complaint, name) == value
    if query.status is not None:
        yield Complaint.state == query.status
    if query.open is not None:
        is_open = Complaint.state.in_(OPEN_STATES)
        yield is_open if query.open else ~is_open
    if query.customer_id is not None:
        yield Complaint.customer_id == query.customer_id
    if query.unassigned is not None:
        yield Complaint.handler_id.is_(None) if query.unassigned else Complaint.handler_id.is_not(None)
    if query.tracking_no is not None:
        about = select(ComplaintParcel.complaint_id).where(ComplaintParcel.tracking_no == query.tracking_no)
        yield Complaint.id.in_(about)


def _terms(body: ComplaintSearch) -> Iterable[ColumnElement[bool]]:
    if body.q is not None:
        wanted = cast(literal(names.query(body.q), Text), TSQUERY)
        yield Complaint.search.op("@@")(wanted)
    if body.number is not None:
        yield Complaint.number == body.number.upper()
    if body.complainant_phone is not None:
        normal = contact_points.normal(ContactPointKind.PHONE, body.complainant_phone)
        yield Complaint.complainant_normal == normal
