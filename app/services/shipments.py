"""Shipments: made known by dispatch or operations, found by number, counted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.clock import now
from app.errors import Conflict, Invalid, NotFound
from app.models.code import Code, SilenceRule
from app.models.customer import Customer
from app.models.order import Order
from app.models.shipment import (
    LegKind,
    Shipment,
    ShipmentLeg,
    ShipmentStatus,
    TrackingNumber,
)
from app.schemas.base import Money, normalised
from app.schemas.shipment import CountQuery, ShipmentCreate, ShipmentQuery
from app.security import Principal
from app.services import customers, events, silence

_TAKE_NUMBER = text("""
    INSERT INTO tracking_numbers (number, customer_id, shipment_id) VALUES (:number, :customer_id, :shipment_id)
    ON CONFLICT DO NOTHING RETURNING EXISTS (SELECT FROM parked_events WHERE tracking_no = :number)
""")
_INSERT_LEG = insert(ShipmentLeg.__table__)

NUMBER_LOCK = 2
"""Class of the advisory lock on a tracking number: held by whoever makes it known or parks an event for it."""


def visible(principal: Principal) -> Select[Shipment]:
    """The shipments of the customers this principal may know of."""
    return customers.within(principal, select(Shipment), Shipment.customer_id)


def search(principal: Principal, query: ShipmentQuery) -> Select[Shipment]:
    statement = visible(principal)
    for column in ("status", "service"):
        if (value := getattr(query, column)) is not None:
            statement = statement.where(getattr(Shipment, column) == value)
    if query.customer_id is not None:
        statement = statement.where(Shipment.customer_id.in_(customers.and_merged(query.customer_id)))
    if query.flag is not None:
        statement = statement.where(Shipment.flags != [], Shipment.flags.contains([query.flag]))
    if query.sort == "created_at":
        return statement.order_by(Shipment.created_at, Shipment.id)
    return statement.order_by(Shipment.created_at.desc(), Shipment.id.desc())


async def find(session: AsyncSession, principal: Principal, tracking_no: str) -> Shipment:
    """The shipment with this number, if this principal may know of it."""
    shipment = await session.scalar(
        visible(principal)
        .join(
            TrackingNumber,
            (TrackingNumber.customer_id == Shipment.customer_id)
            & (TrackingNumber.shipment_id == Shipment.id),
        )
        .where(TrackingNumber.number == normalised(tracking_no))
    )
    if shipment is None:
        raise NotFound
    return shipment


async def counts(
    session: AsyncSession, principal: Principal, query: CountQuery, language: str
) -> dict[str, Any]:
    """How many shipments there are by status, service or customer, the largest first."""
    column = {"status": Shipment.status, "service": Shipment.service, "customer": Shipment.customer_id}[
        query.by
    ]
    matching = visible(principal)
    if query.customer_id is not None:
        matching = matching.where(Shipment.customer_id.in_(customers.and_merged(query.customer_id)))
    number = func.count()
    grouped = matching.with_only_columns(column, number).group_by(column).order_by(number.desc(), column)
    rows = list(await session.execute(grouped.limit(query.limit)))
    total = await session.scalar(matching.with_only_columns(func.count(Shipment.id)))
    labels = await _labels(session, query.by, [row[0] for row in rows], language)
    items = [{"key": str(key), "label": labels.get(key, str(key)), "count": count} for key, count in rows]
    return {"items": items, "total": total}


async def _labels(session: AsyncSession, by: str, keys: list[Any], language: str) -> dict[Any, str]:
    if by == "customer":
        rows = await session.execute(
            select(Customer.id, func.coalesce(Customer.code, "")).where(Customer.id.in_(keys))
        )
    else:
        name = "shipment_status" if by == "status" else "service"
        rows = await session.execute(
            select(Code.code, Code.en if language == "en" else Code.zh).where(Code.list == name)
        )
    return dict(rows.all())


async def lock_numbers(session: AsyncSession, numbers: list[str]) -> None:
    """Until this transaction ends, nobody else makes these numbers known or parks an event for them."""
    await session.execute(
        text(
            "SELECT pg_advisory_xact_lock(hashtextextended(number, :lock))"
            " FROM (SELECT unnest(CAST(:numbers AS text[])) AS number ORDER BY 1) AS numbers"
        ),
        {"numbers": sorted(set(numbers)), "lock": NUMBER_LOCK},
    )


class Intake:
    """Makes shipments known, one after another; what they have in common is read once."""

    def __init__(self, session: AsyncSession, actor: Principal) -> None:
        self.session, self.actor = session, actor
        self.rules: list[SilenceRule] | None = None
        self.customer_ids: dict[UUID | str | None, UUID] = {}

    async def expect(self, items: Iterable[Any]) -> None:
        """Lock the numbers of a whole batch in one order, so that batches and pushes never block each other."""
        given = (item.get("tracking_no") for item in items if isinstance(item, dict))
        await lock_numbers(self.session, [normalised(number) for number in given if isinstance(number, str)])

    async def create(self, body: ShipmentCreate) -> Shipment:
        """Make one known; events that were parked for its number join it after the commit."""
        customer_id = await self._customer_id(body)
        await lock_numbers(self.session, [body.tracking_no])
        await _must_have_order(self.session, customer_id, body.order_id)
        shipment = _build(self.actor, body, customer_id)
        shipment.check_at = await self._first_check(shipment)
        has_parked = await _take_number(self.session, shipment)
        self.session.add(shipment)
        await self.session.flush()
        await self.session.execute(_INSERT_LEG, _first_leg(shipment))
        await self._tell(shipment, has_parked=has_parked)
        return shipment

    async def _customer_id(self, body: ShipmentCreate) -> UUID:
        asked = body.customer_id or body.customer_code
        if asked not in self.customer_ids:
            customer = await customers.resolve(self.session, body.customer_id, body.customer_code)
            self.customer_ids[asked] = customer.id
        return self.customer_ids[asked]

    async def _first_check(self, shipment: Shipment) -> datetime | None:
        if self.rules is None:
            self.rules = await silence.rules(self.session)
        return silence.next_check(silence.watched(shipment), self.rules)

    async def _tell(self, shipment: Shipment, *, has_parked: bool) -> None:
        about = subject(shipment)
        data = {"tracking_no": shipment.tracking_no}
        created = events.Happening("shipment.created", about, data, affects=[about] if has_parked else [])
        await events.record_all(self.session, self.actor, [created])


def subject(shipment: Shipment) -> events.Subject:
    return events.Subject("shipment", shipment.id, shipment.customer_id)


async def _take_number(session: AsyncSession, shipment: Shipment) -> bool:
    """Enter the number into the directory, or raise `Conflict`; says whether events are parked under it."""
    taken = {"number": shipment.tracking_no, "customer_id": shipment.customer_id, "shipment_id": shipment.id}
    has_parked = await session.scalar(_TAKE_NUMBER, taken)
    if has_parked is None:
        raise Conflict(
            f"There is a shipment {shipment.tracking_no} already.",
            f"运单号 {shipment.tracking_no} 已存在。",
            pointer="/body/tracking_no",
        )
    return bool(has_parked)


async def _must_have_order(session: AsyncSession, customer_id: UUID, order_id: UUID | None) -> None:
    if order_id is not None and await session.get(Order, (customer_id, order_id)) is None:
        raise Invalid("The customer has no such order.", "该客户没有这个订单。", pointer="/body/order_id")


def _first_leg(shipment: Shipment) -> dict[str, Any]:
    return {
        "customer_id": shipment.customer_id,
        "shipment_id": shipment.id,
        "leg_no": 1,
        "kind": LegKind.FORWARD,
        "status": ShipmentStatus.CREATED,
    }


def _build(actor: Principal, body: ShipmentCreate, customer_id: UUID) -> Shipment:
    fields = body.model_dump(
        exclude={"customer_id", "customer_code", "declared_value", "freight", "sender", "recipient"}
    )
    return Shipment(
        **fields,
        id=uuid7(),
        customer_id=customer_id,
        status=ShipmentStatus.CREATED,
        sender=body.sender.model_dump(mode="json", exclude_none=True),
        recipient=body.recipient.model_dump(mode="json", exclude_none=True),
        **_columns("declared", body.declared_value),
        **_columns("freight", body.freight),
        flags=[],
        created_by=actor.id,
        created_at=now(),
    )


def _columns(prefix: str, money: Money | None) -> dict[str, Any]:
    if money is None:
        return {}
    return {f"{prefix}_amount": money.amount, f"{prefix}_currency": money.currency}
