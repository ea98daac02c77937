"""A parcel under way, and everything that is known about where it is."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Numeric, PrimaryKeyConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.models.base import Base, CreatedAt, Id, UpdatedAt, Versioned, choice


class ShipmentStatus(StrEnum):
    """The 16 canonical statuses; where the parcel is, apart from what is wrong with it."""

    UNKNOWN = "unknown"
    CREATED = "created"
    PICKUP_FAILED = "pickup_failed"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    IN_CUSTOMS = "in_customs"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    ATTEMPT_FAILED = "attempt_failed"
    ON_HOLD = "on_hold"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    LOST = "lost"
    DISPOSED = "disposed"


class Service(StrEnum):
    SAME_CITY = "same_city"
    INTER_CITY = "inter_city"
    HK_MO = "hk_mo"
    TW = "tw"
    INTERNATIONAL = "international"


class LegKind(StrEnum):
    FORWARD = "forward"
    REDIRECT = "redirect"
    RETURN = "return"


class Shipment(Versioned, Base):
    """`status` and the times below it are what the fold of all events says; nothing else writes them.

    `customer_id` leads every key here, so that the tables can be spread over servers by customer.
    """

    __tablename__ = "shipments"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id", "order_id"], ["orders.customer_id", "orders.id"]),
        Index(None, "customer_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "promised_at"),
        Index(None, "status", "created_at", "id"),
        Index(None, "picked_up_at", postgresql_where=text("picked_up_at IS NOT NULL")),
        Index("ix_shipments_flagged", "created_at", "id", postgresql_where=text("flags <> '{}'")),
        Index("ix_shipments_order", "customer_id", "order_id", postgresql_where=text("order_id IS NOT NULL")),
        Index("ix_shipments_whole", "created_at", postgresql_where=text("anonymised_at IS NULL")),
        Index("ix_shipments_check_at", "check_at", postgresql_where=text("check_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(default=uuid7)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    tracking_no: Mapped[str]
    order_id: Mapped[UUID | None]
    service: Mapped[Service] = mapped_column(choice(Service))
    promised_at: Mapped[datetime]
    declared_amount: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    declared_currency: Mapped[str | None]
    freight_amount: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    freight_currency: Mapped[str | None]
    sender: Mapped[dict[str, Any]]
    recipient: Mapped[dict[str, Any]]
    reference: Mapped[str | None]
    attributes: Mapped[dict[str, Any]]
    status: Mapped[ShipmentStatus] = mapped_column(choice(ShipmentStatus), default=ShipmentStatus.CREATED)
    status_at: Mapped[datetime | None]
    leg_no: Mapped[int] = mapped_column(default=1)
    picked_up_at: Mapped[datetime | None]
    first_attempt_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    last_event_at: Mapped[datetime | None]
    flags: Mapped[list[str]]
    check_at: Mapped[datetime | None]
    anonymised_at: Mapped[datetime | None]
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    @property
    def declared_value(self) -> dict[str, Any] | None:
        return _money(self.declared_amount, self.declared_currency)

    @property
    def freight(self) -> dict[str, Any] | None:
        return _money(self.freight_amount, self.freight_currency)


def _money(amount: Decimal | None, currency: str | None) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": currency}


class TrackingNumber(Base):
    """The small directory that finds a shipment by the number people read out; it makes numbers unique."""

    __tablename__ = "tracking_numbers"

    number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    shipment_id: Mapped[UUID]


class ShipmentLeg(Base):
    """One journey of a parcel: out to the recipient, on to another address, or back to the sender."""

    __tablename__ = "shipment_legs"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "shipment_id", "leg_no"),
        ForeignKeyConstraint(["customer_id", "shipment_id"], ["shipments.customer_id", "shipments.id"]),
    )

    customer_id: Mapped[UUID]
    shipment_id: Mapped[UUID]
    leg_no: Mapped[int]
    kind: Mapped[LegKind] = mapped_column(choice(LegKind))
    status: Mapped[ShipmentStatus] = mapped_column(choice(ShipmentStatus))
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class TrackingEvent(Base):
    """One scan, as mapped when it came; the bytes it came in are the `RawPush`.

    `text` has phones and names taken out. `source` is `system` for what a sweep found.
    """

    __tablename__ = "tracking_events"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "received_at", "id"),
        ForeignKeyConstraint(["customer_id", "shipment_id"], ["shipments.customer_id", "shipments.id"]),
        Index(None, "customer_id", "shipment_id", "occurred_at"),
        Index("ix_tracking_events_unmapped", "source", "code", postgresql_where=text("NOT mapped")),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )

    id: Mapped[UUID] = mapped_column(default=uuid7)
    customer_id: Mapped[UUID]
    shipment_id: Mapped[UUID]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    source: Mapped[str]
    event_id: Mapped[str | None]
    code: Mapped[str]
    reason_code: Mapped[str] = mapped_column(default="")
    status: Mapped[str | None]
    reason: Mapped[str | None]
    mapped: Mapped[bool]
    alarm: Mapped[bool]
    reopens: Mapped[bool] = mapped_column(default=False)
    occurred_at: Mapped[datetime]
    occurred_raw: Mapped[str]
    occurred_estimated: Mapped[bool]
    location: Mapped[str | None]
    text: Mapped[str | None]
    attributes: Mapped[dict[str, Any]]
    flags: Mapped[list[str]]
    superseded_at: Mapped[datetime | None]
    raw_id: Mapped[UUID | None]


class EventKey(Base):
    """Every event ever seen, by its sender's id or else by its content; kept at least 90 days."""

    __tablename__ = "event_keys"
    __table_args__ = (PrimaryKeyConstraint("source", "key"),)

    source: Mapped[str]
    key: Mapped[str]
    event_id: Mapped[UUID]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class ParkedEvent(Base):
    """An event whose tracking number nobody knows yet; it joins the shipment when that appears."""

    __tablename__ = "parked_events"

    id: Mapped[Id]
    received_at: Mapped[CreatedAt]
    source: Mapped[str]
    tracking_no: Mapped[str] = mapped_column(index=True)
    event: Mapped[dict[str, Any]]
    raw_id: Mapped[UUID | None]


class RawPush(Base):
    """A push exactly as it came: its bytes, its headers without credentials, its SHA-256."""

    __tablename__ = "raw_pushes"
    __table_args__ = (
        PrimaryKeyConstraint("id", "received_at"),
        {"postgresql_partition_by": "RANGE (received_at)"},
    )

    id: Mapped[UUID] = mapped_column(default=uuid7)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    client_id: Mapped[UUID]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes]
    sha256: Mapped[bytes]
