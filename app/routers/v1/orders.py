"""Orders, from the customer's call to dispatch."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.order import Order
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.order import OrderCreate, OrderQuery, OrderRead
from app.security import Principal
from app.services import orders

router = CourierRouter(prefix="/orders", tags=["orders"])

Reader = Annotated[Principal, holder_of(Scope.ORDERS_READ)]
Writer = Annotated[Principal, holder_of(Scope.ORDERS_WRITE)]


@router.get("", summary="List orders", response_model=Page[OrderRead])
async def list_orders(
    query: Annotated[OrderQuery, Query()], actor: Reader, session: Reading
) -> dict[str, Any]:
    """The newest first; tracking numbers stand on the single order."""
    return await paginate(session, orders.search(actor, query), query)


@router.post("", summary="Receive an order", status_code=201, response_model=OrderRead)
async def create_order(body: OrderCreate, tag: Tag, actor: Writer, session: OnceSession) -> Order:
    """The clock of order processing starts at `received_at`."""
    row = await orders.create(session, actor, body)
    tag.settle(row.version)
    return row


@router.get("/{order_id}", summary="Read an order")
async def get_order(order_id: UUID, tag: Tag, actor: Reader, session: Reading) -> OrderRead:
    """With the tracking numbers that ship under it."""
    order = await orders.get(session, actor, order_id)
    numbers = await orders.tracking_nos(session, order)
    tag.settle(f"{order.version}-{len(numbers)}")
    return OrderRead.model_validate(order).model_copy(update={"tracking_nos": numbers})


@router.post("/{order_id}/hand-over", summary="Hand an order over to dispatch", response_model=OrderRead)
async def hand_over_order(order_id: UUID, tag: Tag, actor: Writer, session: OnceSession) -> Order:
    """Only a received order can be handed over."""
    row = await orders.hand_over(session, actor, order_id)
    tag.settle(row.version)
    return row


@router.post("/{order_id}/accept", summary="Accept an order in dispatch", response_model=OrderRead)
async def accept_order(order_id: UUID, tag: Tag, actor: Writer, session: OnceSession) -> Order:
    """Only an order that was handed over can be accepted."""
    row = await orders.accept(session, actor, order_id)
    tag.settle(row.version)
    return row


@router.post("/{order_id}/cancel", summary="Cancel an order", response_model=OrderRead)
async def cancel_order(order_id: UUID, tag: Tag, actor: Writer, session: OnceSession) -> Order:
    """Before dispatch has accepted it."""
    row = await orders.cancel(session, actor, order_id)
    tag.settle(row.version)
    return row
