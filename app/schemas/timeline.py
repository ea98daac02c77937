"""Everything that happened with a customer, and what it shipped."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.models.shipment import Service
from app.paging import ListQuery
from app.schemas.audit import EventKind
from app.schemas.base import Day, Money, Read
from app.schemas.masking import RedactedObject


class TimelineQuery(ListQuery):
    kind: EventKind | None = None


class TimelineEntry(Read):
    """One thing that happened: who did what to which of the customer's things."""

    id: UUID
    recorded_at: datetime
    kind: EventKind
    label: Annotated[str, Field(description="Of the kind, in the caller's language")]
    subject_type: str
    subject_id: UUID
    actor_kind: str
    actor_id: UUID
    data: RedactedObject


class PurchaseQuery(BaseModel, extra="forbid"):
    """Months from `from` to before `to`, in China's time."""

    from_: Annotated[Day | None, Field(alias="from")] = None
    to: Day | None = None


class PurchaseRead(Read):
    """One service in one month."""

    month: date
    service: Service
    shipments: int
    delivered: int
    freight: list[Money]


class PurchasesRead(BaseModel):
    """What the customer shipped, the newest month first."""

    items: list[PurchaseRead]
    first_at: datetime | None
    last_at: datetime | None
