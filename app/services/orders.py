"""Orders: taken by customer service, handed over to dispatch, accepted there."""

from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.errors import NotFound
from app.models.order import Order, OrderState
from app.models.shipment import Shipment
from app.schemas.order import OrderCreate, OrderQuery
from app.security import Principal
from app.services import customers, events


def visible(principal: Principal) -> Select[Order]:
    """The orders of the customers this principal may know of."""
    return customers.within(principal, select(Order), Order.customer_id)


def search(principal: Principal, query: OrderQuery) -> Select[Order]:
    statement = visible(principal)
    if query.state is not None:
        statement = statement.where(Order.state == query.state)
    if query.customer_id is not None:
        statement = statement.where(Order.customer_id.in_(customers.and_merged(query.customer_id)))
    if query.sort == "received_at":
        return statement.order_by(Order.received_at, Order.id)
    return statement.order_by(Order.received_at.desc(), Order.id.desc())


async def get(session: AsyncSession, principal: Principal, order_id: UUID) -> Order:
    order = await session.scalar(visible(principal).where(Order.id == order_id))
    if order is None:
        raise NotFound
    return order


async def tracking_nos(session: AsyncSession, order: Order) -> list[str]:
    """The numbers of the parcels that ship under the order."""
    return list(
        await session.scalars(
            select(Shipment.tracking_no)
            .where(Shipment.customer_id == order.customer_id, Shipment.order_id == order.id)
            .order_by(Shipment.tracking_no)
        )
    )


async def create(session: AsyncSession, actor: Principal, body: OrderCreate) -> Order:
    customer = await customers.resolve(session, body.customer_id, body.customer_code)
    order = Order(
        customer_id=customer.id,
        number=await _next_number(session),
        pickup_from=body.pickup_from,
        pickup_until=body.pickup_until,
        parcels=[parcel.model_dump(exclude_none=True) for parcel in body.parcels],
        note=body.note,
        received_at=body.received_at or now(),
    )
    session.add(order)
    await session.flush()
    await events.record(session, actor, "order.received", _subject(order), number=order.number)
    return order


async def hand_over(session: AsyncSession, actor: Principal, order_id: UUID) -> Order:
    """Give the order to dispatch."""
    order = await get(session, actor, order_id)
    order.handed_over_at = now()
    return await _advance(session, actor, order, OrderState.HANDED_OVER)


async def accept(session: AsyncSession, actor: Principal, order_id: UUID) -> Order:
    """Dispatch takes the order on."""
    order = await get(session, actor, order_id)
    order.accepted_at = now()
    return await _advance(session, actor, order, OrderState.ACCEPTED)


async def cancel(session: AsyncSession, actor: Principal, order_id: UUID) -> Order:
    order = await get(session, actor, order_id)
    order.cancelled_at = now()
    return await _advance(session, actor, order, OrderState.CANCELLED)


async def _advance(session: AsyncSession, actor: Principal, order: Order, to: OrderState) -> Order:
    order.advance(to)
    await session.flush()
    await events.record(session, actor, f"order.{to}", _subject(order), number=order.number)
    return order


async def _next_number(session: AsyncSession) -> str:
    """`O-2026-000123`: the year of the company's own calendar day; gaps are tolerated."""
    return await session.scalar(  # type: ignore[no-any-return]
        text(
            "SELECT 'O-' || to_char(now() AT TIME ZONE 'Asia/Shanghai', 'YYYY') || '-'"
            " || lpad(nextval('order_numbers')::text, 6, '0')"
        )
    )


def _subject(order: Order) -> events.Subject:
    return events.Subject("order", order.id, order.customer_id)
