"""Leaks: anybody reports one; whoever handles it may not close it before all is told that the law wants told."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.clock import now
from app.errors import Conflict, Invalid, NotFound, Stale
from app.models.account import Access
from app.models.customer import Customer
from app.models.leak import LeakCustomer, LeakGrade, LeakIncident, LeakState
from app.schemas.leak import LeakChange, LeakQuery, LeakReport
from app.security import Principal
from app.services import events, terms

CONTENTS = ("kinds", "cause", "harm", "measures", "advice", "contact", "grade")
"""What the notice must say, by article 57 of the PIPL, and the grade by which it is reported."""


def search(query: LeakQuery) -> Select[LeakIncident]:
    statement = select(LeakIncident).options(selectinload(LeakIncident.customers))
    if query.state is not None:
        statement = statement.where(LeakIncident.state == query.state)
    if query.customer_id is not None:
        touched = select(LeakCustomer.incident_id).where(LeakCustomer.customer_id == query.customer_id)
        statement = statement.where(LeakIncident.id.in_(touched))
    return statement.order_by(LeakIncident.created_at.desc(), LeakIncident.id.desc())


async def get(session: AsyncSession, incident_id: UUID) -> LeakIncident:
    whole = select(LeakIncident).options(selectinload(LeakIncident.customers))
    found = await session.scalar(whole.where(LeakIncident.id == incident_id))
    if found is None:
        raise NotFound
    return found


def looks(incident_id: UUID) -> Select[Access]:
    """Who looked at the customers that the leak touches, and at what was merged into them, whenever that was."""
    touched = select(LeakCustomer.customer_id).where(LeakCustomer.incident_id == incident_id)
    kin = select(Customer.id).where(or_(Customer.id.in_(touched), Customer.merged_into_id.in_(touched)))
    return (
        select(Access)
        .where(Access.customer_id.in_(kin))
        .order_by(Access.occurred_at.desc(), Access.id.desc())
    )


async def report(session: AsyncSession, actor: Principal, body: LeakReport) -> LeakIncident:
    incident = LeakIncident(
        description=body.description,
        discovered_at=body.discovered_at or now(),
        reported_by=actor.id,
        state=LeakState.REPORTED,
        kinds=[],
        customers=[],
    )
    session.add(incident)
    await session.flush()
    await events.record(session, actor, "leak.reported", _subject(incident))
    return incident


async def change(
    session: AsyncSession, actor: Principal, incident_id: UUID, body: LeakChange, version: int
) -> LeakIncident:
    """Write down what was found out, if the incident still is at `version`."""
    incident = await get(session, incident_id)
    if incident.version != version:
        raise Stale("The incident was changed since you read it.", "自您读取后该事件已被修改，请重新读取。")
    for name, value in body.model_dump(exclude_unset=True, exclude={"customer_ids"}).items():
        setattr(incident, name, value)
    if body.customer_ids is not None:
        await _must_exist(session, body.customer_ids)
        kept = {each.customer_id: each for each in incident.customers}
        incident.customers = [
            kept.get(each, LeakCustomer(customer_id=each)) for each in set(body.customer_ids)
        ]
    if "grade" in body.model_fields_set:
        incident.due_at = await _due(session, incident)
    incident.updated_at = now()
    await session.flush()
    fields = sorted(body.model_fields_set)
    await events.record(session, actor, "leak.changed", _subject(incident), fields=fields)
    return incident


async def move(session: AsyncSession, actor: Principal, incident_id: UUID, to: LeakState) -> LeakIncident:
    """Along the graph; what is still missing is named."""
    incident = await get(session, incident_id)
    incident.advance(to)
    if missing := _missing(incident, to):
        raise Conflict(
            f"Still missing: {', '.join(missing)}.", f"尚缺：{'、'.join(missing)}。", missing=missing
        )
    incident.updated_at = now()
    await session.flush()
    await events.record(session, actor, f"leak.{to}", _subject(incident))
    return incident


def _missing(incident: LeakIncident, to: LeakState) -> list[str]:
    missing = []
    if to in {LeakState.NOTIFIED, LeakState.CLOSED}:
        missing = [name for name in CONTENTS if not getattr(incident, name)]
        if incident.grade is not LeakGrade.GENERAL and incident.authority_told_at is None:
            missing.append("authority_told_at")
        if incident.people_told_at is None and not incident.untold_because:
            missing.append("people_told_at")
    if to in {LeakState.CLOSED, LeakState.NOT_A_LEAK} and not incident.finding:
        missing.append("finding")
    return missing


async def _due(session: AsyncSession, incident: LeakIncident) -> Any:
    if incident.grade in {None, LeakGrade.GENERAL}:
        return None
    return await terms.due(session, f"leak_report.{incident.grade}", incident.discovered_at)


async def _must_exist(session: AsyncSession, customer_ids: list[UUID]) -> None:
    known = set(await session.scalars(select(Customer.id).where(Customer.id.in_(customer_ids))))
    for place, each in enumerate(customer_ids):
        if each not in known:
            pointer = f"/body/customer_ids/{place}"
            raise Invalid("There is no such customer.", "没有这个客户。", pointer=pointer)


def _subject(incident: LeakIncident) -> events.Subject:
    return events.Subject("leak_incident", incident.id)
