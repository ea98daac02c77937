"""On-time delivery: what is counted, what is left out, and why."""

from typing import Any

from sqlalchemy import ColumnElement, Date, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.shipment import Shipment, ShipmentStatus
from app.schemas.kpi import OnTimeQuery
from app.services import customers
from app.services.kpis.measuring import instant
from app.services.status import DELIVERY_TIME_UNKNOWN


async def measured(session: AsyncSession, query: OnTimeQuery) -> dict[str, Any]:
    """On-time delivery of the shipments whose promise falls in `[from, to)`, of all customers.

    On time: first valid attempt or delivery at or before the promised instant; an attempt is valid where
    the recipient was the reason that it failed. Adjusted leaves out what no carrier could deliver on time:
    cancelled shipments, those held before they were handed over, and deliveries whose time nobody knows.
    """
    start, end = instant(query.from_, query.tz), instant(query.to, query.tz)
    population = select(Shipment).where(Shipment.promised_at >= start, Shipment.promised_at < end)
    if query.customer_id is not None:
        population = population.where(Shipment.customer_id.in_(customers.and_merged(query.customer_id)))
    if query.service is not None:
        population = population.where(Shipment.service == query.service)
    figures = await session.execute(population.with_only_columns(*_figures(query.tz)))
    return _answer(query, figures.one()._asdict())


def _figures(tz: str) -> list[ColumnElement[int]]:
    cancelled = Shipment.status == ShipmentStatus.CANCELLED
    never_handed_over = and_(Shipment.status == ShipmentStatus.ON_HOLD, Shipment.picked_up_at.is_(None))
    time_unknown = Shipment.flags.contains([DELIVERY_TIME_UNKNOWN])
    left_out = or_(cancelled, never_handed_over, time_unknown)
    reached = func.least(Shipment.first_attempt_at, Shipment.delivered_at)
    on_time = reached <= Shipment.promised_at
    delivered = Shipment.delivered_at.is_not(None)
    later_day = _day(Shipment.delivered_at, tz) > _day(Shipment.promised_at, tz)
    conditions = {
        "promised": None,
        "raw_on_time": on_time,
        "numerator": and_(on_time, ~left_out),
        "denominator": ~left_out,
        "cancelled": cancelled,
        "held_before_handover": never_handed_over,
        "delivery_time_unknown": time_unknown,
        "delivered": delivered,
        "delivered_late": and_(delivered, Shipment.delivered_at > Shipment.promised_at),
        "delivered_on_later_date": and_(delivered, later_day),
    }
    return [
        (func.count() if condition is None else func.count().filter(condition)).label(name)
        for name, condition in conditions.items()
    ]


def _day(instant: Any, tz: str) -> ColumnElement[Any]:
    return cast(func.timezone(tz, instant), Date)


def _answer(query: OnTimeQuery, row: dict[str, int]) -> dict[str, Any]:
    return {
        "kpi": "on_time",
        "definition": "on_time/1",
        "from": query.from_,
        "to": query.to,
        "numerator": row["numerator"],
        "denominator": row["denominator"],
        "value": _ratio(row["numerator"], row["denominator"]),
        "raw": {
            "numerator": row["raw_on_time"],
            "denominator": row["promised"],
            "value": _ratio(row["raw_on_time"], row["promised"]),
        },
        "excluded": {
            name: row[name] for name in ("cancelled", "held_before_handover", "delivery_time_unknown")
        },
        "delivered": row["delivered"],
        "delivered_late": row["delivered_late"],
        "delivered_on_later_date": row["delivered_on_later_date"],
    }


def _ratio(numerator: int, denominator: int) -> float | None:
    return round(numerator / denominator, 6) if denominator else None
