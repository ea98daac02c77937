"""Recency, frequency and value: each customer's place among those of its group.

Definition `rfm/1`: shipments created in the window and not cancelled count. Recency is the latest of them, frequency
their number, value their freight in one currency; freight in others is told apart, not converted. A score is
1 + floor(5 x customers that are worse / customers that shipped): quintiles, 5 the best, and who ties shares the lower
score. What a merged customer shipped counts for the one that it has become a part of. Customers without a shipment are
`silent` and not scored.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.customer import Customer
from app.models.segment import RfmClass
from app.models.shipment import Shipment, ShipmentStatus

DEFINITION = "rfm/1"


def scored(days: int, currency: str, among: Select[Any]) -> Subquery:
    """One row for each of the customers `among` which one looks, whose select's first column is their id."""
    group = among.subquery()
    shipped = _shipped(days, currency)
    ranked = (
        select(
            shipped,
            _score(shipped.c.last_shipment_at).label("recency"),
            _score(shipped.c.shipments).label("frequency"),
            _score(shipped.c.freight).label("value"),
        )
        .where(shipped.c.customer_id.in_(select(group.c[0])))
        .subquery()
    )
    return (
        select(
            group.c[0].label("customer_id"),
            ranked.c.recency,
            ranked.c.frequency,
            ranked.c.value,
            ranked.c.last_shipment_at,
            func.coalesce(ranked.c.shipments, 0).label("shipments"),
            func.coalesce(ranked.c.freight, 0).label("freight"),
            func.coalesce(ranked.c.other_currencies, text("'{}'::text[]")).label("other_currencies"),
            _class(ranked.c.recency, ranked.c.frequency, ranked.c.value).label("rfm_class"),
        )
        .select_from(group)
        .outerjoin(ranked, ranked.c.customer_id == group.c[0])
        .subquery("scored")
    )


def _shipped(days: int, currency: str) -> Subquery:
    whose = func.coalesce(Customer.merged_into_id, Shipment.customer_id)
    in_it, in_others = Shipment.freight_currency == currency, Shipment.freight_currency != currency
    return (
        select(
            whose.label("customer_id"),
            func.max(Shipment.created_at).label("last_shipment_at"),
            func.count().label("shipments"),
            func.coalesce(func.sum(Shipment.freight_amount).filter(in_it), 0).label("freight"),
            func.array_agg(Shipment.freight_currency.distinct()).filter(in_others).label("other_currencies"),
        )
        .join(Customer, Customer.id == Shipment.customer_id)
        .where(
            Shipment.created_at > func.now() - func.make_interval(0, 0, 0, days),
            Shipment.status != ShipmentStatus.CANCELLED,
        )
        .group_by(whose)
        .subquery()
    )


def _score(measure: ColumnElement[Any]) -> ColumnElement[int]:
    worse = func.rank().over(order_by=measure) - 1
    return 1 + 5 * worse // func.count().over()


def _class(
    recency: ColumnElement[int], frequency: ColumnElement[int], value: ColumnElement[int]
) -> ColumnElement[str]:
    """The first that fits."""
    return case(
        (recency.is_(None), RfmClass.SILENT.value),
        (and_(recency >= 4, frequency >= 4, value >= 4), RfmClass.CHAMPION.value),
        (and_(recency <= 2, or_(frequency >= 4, value >= 4)), RfmClass.AT_RISK.value),
        (recency <= 2, RfmClass.LAPSED.value),
        (frequency >= 4, RfmClass.LOYAL.value),
        (value >= 4, RfmClass.BIG_SPENDER.value),
        (recency >= 4, RfmClass.RECENT.value),
        else_=RfmClass.STEADY.value,
    )


async def summary(
    session: AsyncSession, days: int, currency: str, among: Select[Any], seen: Select[Any]
) -> dict[str, Any]:
    """How many there are of each class, of those `seen`; scores are those `among` the whole group."""
    row = scored(days, currency, among)
    others = func.cardinality(row.c.other_currencies) > 0
    found = await session.execute(
        select(
            row.c.rfm_class,
            func.count().label("customers"),
            func.sum(row.c.shipments).label("shipments"),
            func.to_char(func.sum(row.c.freight), "FM999999999999990.00").label("freight"),
            func.count().filter(others).label("others"),
        )
        .where(row.c.customer_id.in_(seen))
        .group_by(row.c.rfm_class)
    )
    counted = {each.rfm_class: each for each in found}
    classes = [counted[each.value] for each in RfmClass if each.value in counted]
    return {
        "days": days,
        "currency": currency,
        "definition": DEFINITION,
        "customers": sum(each.customers for each in classes),
        "with_other_currencies": sum(each.others for each in classes),
        "classes": classes,
    }


def listed(
    days: int, currency: str, among: Select[Any], seen: Select[Any], rfm_class: RfmClass | None
) -> Select[Any]:
    """Of those `seen` the scores as JSON objects, the best first."""
    row = scored(days, currency, among)
    best = func.coalesce(row.c.recency + row.c.frequency + row.c.value, 0)
    statement = (
        select(_as_object(row))
        .select_from(row)
        .join(Customer, Customer.id == row.c.customer_id)
        .where(Customer.id.in_(seen))
    )
    if rfm_class is not None:
        statement = statement.where(row.c.rfm_class == rfm_class.value)
    return statement.order_by(best.desc(), row.c.customer_id)


def _as_object(row: Subquery) -> ColumnElement[Any]:
    plain = [
        part for column in row.c if column.name != "freight" for part in (text(f"'{column.name}'"), column)
    ]
    freight = func.to_char(row.c.freight, "FM999999999999990.00")
    return func.json_build_object(
        *plain, text("'freight'"), freight, text("'name'"), Customer.name, text("'kind'"), Customer.kind
    )
