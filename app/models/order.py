"""What a customer asks to be picked up, and how fast it reached dispatch."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.models.base import Base, CreatedAt, Stateful, Transitions, UpdatedAt, Versioned, choice


class OrderState(StrEnum):
    RECEIVED = "received"
    HANDED_OVER = "handed_over"
    ACCEPTED = "accepted"
    CANCELLED = "cancelled"


class Order(Stateful, Versioned, Base):
    """Received by a service specialist, handed over to dispatch, accepted there."""

    __tablename__ = "orders"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        Index(None, "received_at", "id"),
        Index(None, "id"),
    )
    transitions: ClassVar[Transitions] = {
        OrderState.RECEIVED: {OrderState.HANDED_OVER, OrderState.CANCELLED},
        OrderState.HANDED_OVER: {OrderState.ACCEPTED, OrderState.CANCELLED},
        OrderState.ACCEPTED: set(),
        OrderState.CANCELLED: set(),
    }

    id: Mapped[UUID] = mapped_column(default=uuid7)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    number: Mapped[str] = mapped_column(unique=True)
    state: Mapped[OrderState] = mapped_column(choice(OrderState), default=OrderState.RECEIVED)
    pickup_from: Mapped[datetime | None]
    pickup_until: Mapped[datetime | None]
    parcels: Mapped[list[dict[str, Any]]]
    note: Mapped[str | None]
    received_at: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
