"""Complaints as staff see them: one, a list, a search."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.errors import Conflict, Forbidden, NotFound, Stale
from app.models.account import ClientCustomer
from app.models.complaint import (
    OPEN_STATES,
    Complaint,
    ComplaintAnswer,
    ComplaintAssignment,
    ComplaintParcel,
    ComplaintState,
)
from app.models.complaint_link import ComplaintWatcher
from app.schemas.base import normalised
from app.schemas.complaint import ComplaintFilters, ComplaintQuery
from app.security import Principal
from app.services import customers
from app.services.events import Subject

_SAME = ("category", "severity", "channel", "handler_id", "team_id")


def visible(principal: Principal) -> Select[Complaint]:
    """The complaints of customers this principal may know of; those of nobody's customer only for who sees all.

    A partner's are those of the customers that it is bound to.
    """
    statement = select(Complaint)
    if principal.is_partner:
        bound = select(ClientCustomer.customer_id).where(ClientCustomer.client_id == principal.id)
        return statement.where(Complaint.customer_id.in_(bound))
    return customers.within(principal, statement, Complaint.customer_id)


def listed(principal: Principal, query: ComplaintQuery) -> Select[Complaint]:
    statement = visible(principal).where(*conditions(query)).options(selectinload(Complaint.parcels))
    if query.sort == "due_at":
        return statement.order_by(Complaint.due_or_never, Complaint.id)
    if query.sort == "received_at":
        return statement.order_by(Complaint.received_at, Complaint.id)
    return statement.order_by(Complaint.received_at.desc(), Complaint.id.desc())


async def get(session: AsyncSession, principal: Principal, complaint_id: UUID) -> Complaint:
    """The complaint as it stands now, with its clocks and answers."""
    return await _whole(session, principal, Complaint.id == complaint_id)


async def by_number(session: AsyncSession, principal: Principal, number: str) -> Complaint:
    """The same, by the number that people read out."""
    return await _whole(session, principal, Complaint.number == normalised(number).upper())


async def _whole(session: AsyncSession, principal: Principal, which: ColumnElement[bool]) -> Complaint:
    complaint = await session.scalar(
        visible(principal)
        .where(which)
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


def must_go_on(complaint: Complaint) -> None:
    """Raise `Conflict` if it was merged: whatever is added belongs to the one that it has become a part of."""
    if complaint.state is ComplaintState.MERGED:
        raise Conflict(
            "The complaint was merged into another one; go on there.",
            "该投诉已合并，请在合并后的投诉中继续。",
            merged_into_id=str(complaint.merged_into_id),
        )


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


def conditions(query: ComplaintFilters) -> Iterable[ColumnElement[bool]]:
    """What the filters of a list or of a search ask for."""
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
    if query.watcher_id is not None:
        followed = select(ComplaintWatcher.complaint_id).where(ComplaintWatcher.user_id == query.watcher_id)
        yield Complaint.id.in_(followed)
    if query.tracking_no is not None:
        about = select(ComplaintParcel.complaint_id).where(ComplaintParcel.tracking_no == query.tracking_no)
        yield Complaint.id.in_(about)
