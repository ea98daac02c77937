"""Something is wrong with a parcel, and somebody sees to it."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, column, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.models.base import Base, CreatedAt, Stateful, Transitions, UpdatedAt, Versioned, choice
from app.models.code import LiableParty, Severity


class ExceptionState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    AWAITING_CUSTOMER = "awaiting_customer"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


LIVE_STATES = (ExceptionState.OPEN, ExceptionState.ACKNOWLEDGED, ExceptionState.AWAITING_CUSTOMER)


class DetectedBy(StrEnum):
    PUSH = "push"
    STALE_TIMER = "stale_timer"


class DeliveryException(Stateful, Versioned, Base):
    """One episode of one reason on one leg. While it is live, the same reason opens no second one.

    Opened and closed by the fold of the shipment's events; a person's word on it stands above the fold.
    """

    __tablename__ = "delivery_exceptions"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id", "shipment_id"], ["shipments.customer_id", "shipments.id"]),
        ExcludeConstraint(
            *((column(name), "=") for name in ("customer_id", "shipment_id", "leg_no", "reason")),
            name="ex_delivery_exceptions_one_live",
            using="btree",
            where=text("state IN ('open', 'acknowledged', 'awaiting_customer')"),
            deferrable=True,
            initially="DEFERRED",
        ),
        Index(None, "customer_id", "shipment_id"),
        Index(None, "tracking_no"),
        Index(None, "state", "opened_at", "id"),
        Index(None, "opened_at", "id"),
        Index(None, "id"),
    )
    transitions: ClassVar[Transitions] = {
        ExceptionState.OPEN: {
            ExceptionState.ACKNOWLEDGED,
            ExceptionState.AWAITING_CUSTOMER,
            ExceptionState.RESOLVED,
            ExceptionState.DISMISSED,
        },
        ExceptionState.ACKNOWLEDGED: {
            ExceptionState.AWAITING_CUSTOMER,
            ExceptionState.RESOLVED,
            ExceptionState.DISMISSED,
        },
        ExceptionState.AWAITING_CUSTOMER: {
            ExceptionState.ACKNOWLEDGED,
            ExceptionState.RESOLVED,
            ExceptionState.DISMISSED,
        },
        ExceptionState.RESOLVED: set(),
        ExceptionState.DISMISSED: set(),
    }

    id: Mapped[UUID] = mapped_column(default=uuid7)
    customer_id: Mapped[UUID]
    shipment_id: Mapped[UUID]
    tracking_no: Mapped[str]
    leg_no: Mapped[int]
    event_id: Mapped[UUID]
    source: Mapped[str]
    code: Mapped[str]
    reason_code: Mapped[str]
    reason: Mapped[str]
    severity: Mapped[Severity] = mapped_column(choice(Severity))
    liable_party: Mapped[LiableParty] = mapped_column(choice(LiableParty))
    action_by: Mapped[str]
    sla_excused: Mapped[bool]
    detected_by: Mapped[DetectedBy] = mapped_column(choice(DetectedBy))
    text: Mapped[str | None]
    state: Mapped[ExceptionState] = mapped_column(choice(ExceptionState), default=ExceptionState.OPEN)
    opened_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    resolution: Mapped[str | None]
    note: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
