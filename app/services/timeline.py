"""One story per customer: what happened, told by the events of all rooms; and what it bought."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Date, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import ZONE
from app.models.code import Code
from app.models.event import Event
from app.models.shipment import Shipment
from app.paging import paginate
from app.schemas.timeline import PurchaseQuery, TimelineQuery
from app.security import Principal
from app.services import customers


async def read(
    session: AsyncSession, principal: Principal, customer_id: UUID, query: TimelineQuery, language: str
) -> dict[str, Any]:
    """The newest first."""
    await customers.must_see(session, principal, customer_id)
    kin = (await session.scalars(customers.and_merged(customer_id))).all()
    statement = select(Event).where(Event.customer_id.in_(kin))
    if query.kind is not None:
        statement = statement.where(Event.kind == query.kind)
    page = await paginate(session, statement.order_by(Event.recorded_at.desc(), Event.id.desc()), query)
    labels = await _labels(session, {event.kind for event in page["items"]}, language)
    page["items"] = [_entry(event, labels) for event in page["items"]]
    return page


def _entry(event: Event, labels: dict[str, str]) -> dict[str, Any]:
    names = ("id", "recorded_at", "kind", "subject_type", "subject_id", "actor_kind", "actor_id", "data")
    return {name: getattr(event, name) for name in names} | {"label": labels.get(event.kind, event.kind)}


async def _labels(session: AsyncSession, kinds: set[str], language: str) -> dict[str, str]:
    label = Code.en if language == "en" else Code.zh
    rows = await session.execute(
        select(Code.code, label).where(Code.list == "event_kind", Code.code.in_(kinds))
    )
    return dict(rows.all())


async def purchases(
    session: AsyncSession, principal: Principal, customer_id: UUID, query: PurchaseQuery
) -> dict[str, Any]:
    """Shipments and freight by month of their making and by service; amounts of one currency only are added up."""
    await customers.must_see(session, principal, customer_id)
    rows = list(await session.execute(_by_month(customer_id, query)))
    months: dict[tuple[date, str], dict[str, Any]] = {}
    for row in rows:
        entry = months.setdefault(
            (row.month, row.service),
            {"month": row.month, "service": row.service, "shipments": 0, "delivered": 0, "freight": []},
        )
        entry["shipments"] += row.shipments
        entry["delivered"] += row.delivered
        if row.currency is not None:
            entry["freight"].append({"amount": row.amount, "currency": row.currency})
    return {
        "items": list(months.values()),
        "first_at": min((row.first_at for row in rows), default=None),
        "last_at": max((row.last_at for row in rows), default=None),
    }


def _by_month(customer_id: UUID, query: PurchaseQuery) -> Any:
    month = cast(func.date_trunc("month", func.timezone(str(ZONE), Shipment.created_at)), Date).label("month")
    where: list[ColumnElement[bool]] = [Shipment.customer_id.in_(customers.and_merged(customer_id))]
    if query.from_ is not None:
        where.append(Shipment.created_at >= _midnight(query.from_))
    if query.to is not None:
        where.append(Shipment.created_at < _midnight(query.to))
    return (
        select(
            month,
            Shipment.service,
            Shipment.freight_currency.label("currency"),
            func.count().label("shipments"),
            func.count(Shipment.delivered_at).label("delivered"),
            func.sum(Shipment.freight_amount).label("amount"),
            func.min(Shipment.created_at).label("first_at"),
            func.max(Shipment.created_at).label("last_at"),
        )
        .where(and_(*where))
        .group_by(month, Shipment.service, Shipment.freight_currency)
        .order_by(month.desc(), Shipment.service, Shipment.freight_currency)
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, ZONE)
