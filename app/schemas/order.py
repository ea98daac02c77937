"""Orders: what is to be picked up, and how far it has come."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, PlainSerializer, model_validator

from app.models.order import OrderState
from app.paging import ListQuery
from app.schemas.base import WHOLE, Address, Body, Instant, Line, Prose, Read, Word, refused
from app.schemas.masking import Redacted, mask_parcel


class Parcel(Body):
    """One thing to be picked up."""

    description: Line
    weight_kg: Annotated[str | None, Field(pattern=r"^\d{1,6}(\.\d{1,3})?$", examples=["2.5"])] = None
    pieces: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 1
    destination: Address | None = None


class OrderCreate(
    Body,
    json_schema_extra={
        "examples": [
            {
                "customer_code": "QINGHE",
                "pickup_from": "2026-11-23T09:00:00+08:00",
                "pickup_until": "2026-11-23T12:00:00+08:00",
                "parcels": [{"description": "茶叶", "weight_kg": "2.5", "pieces": 2}],
            }
        ]
    },
):
    customer_id: UUID | None = None
    customer_code: Word | None = None
    pickup_from: Instant | None = None
    pickup_until: Instant | None = None
    parcels: Annotated[list[Parcel], Field(max_length=200)] = []
    note: Prose | None = None
    received_at: Annotated[
        Instant | None, Field(description="When the customer placed it; now, if left out")
    ] = None

    @model_validator(mode="after")
    def _consistent(self) -> "OrderCreate":
        if (self.customer_id is None) == (self.customer_code is None):
            raise refused(
                "give either customer_id or customer_code", "请提供 customer_id 或 customer_code 其中之一"
            )
        if self.pickup_from and self.pickup_until and self.pickup_until <= self.pickup_from:
            raise refused("pickup_until must come after pickup_from", "pickup_until 必须晚于 pickup_from")
        return self


class OrderRead(Read):
    id: UUID
    number: Annotated[str, Field(examples=["O-2026-000123"])]
    customer_id: UUID
    state: OrderState
    pickup_from: datetime | None
    pickup_until: datetime | None
    parcels: list[Annotated[dict[str, Any], PlainSerializer(mask_parcel, return_type=dict[str, Any])]]
    note: Redacted | None
    received_at: datetime
    handed_over_at: datetime | None
    accepted_at: datetime | None
    cancelled_at: datetime | None
    tracking_nos: list[str] = []
    version: int


class OrderQuery(ListQuery):
    state: OrderState | None = None
    customer_id: UUID | None = None
    sort: Literal["-received_at", "received_at"] = "-received_at"
