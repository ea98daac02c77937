"""Code lists and carriers' codes."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from app.models.shipment import ShipmentStatus
from app.paging import ListQuery
from app.schemas.base import Body, Day, Line, Read, Reason, Word, refused


class CodeRead(Read):
    code: str
    zh: str
    en: str


class CodeListRead(Read):
    items: list[CodeRead]
    list: Annotated[str, Field(examples=["shipment_status"])]


class CarrierSourceRead(Read):
    source: str
    name: str
    lists: Annotated[
        list[str], Field(description="Code lists its codes are looked up in, the general one first")
    ]


class CarrierCodeQuery(ListQuery):
    list: Annotated[str | None, Field(max_length=64)] = None
    code: Annotated[str | None, Field(max_length=64)] = None


class CarrierCodeCreate(
    Body,
    json_schema_extra={
        "examples": [
            {
                "list": "kuaidi100",
                "code": "209",
                "status": "on_hold",
                "reason": "carrier_damage",
                "name": "破损",
                "valid_from": "2026-11-01",
                "source": "快递100 接口文档 2026-11",
            }
        ]
    },
):
    """What a carrier's code means from `valid_from` on; stored events are re-read in that light."""

    list: Annotated[Word, Field(examples=["kuaidi100"])]
    code: Annotated[Line, Field(max_length=64, examples=["209"])]
    reason_code: Annotated[str, Field(max_length=64)] = ""
    status: ShipmentStatus | None = None
    reason: Reason | None = None
    name: Line
    valid_from: Day
    valid_until: Annotated[Day | None, Field(description="The first day it no longer holds")] = None
    source: Annotated[Line, Field(description="Where this is written", examples=["快递100 接口文档 2026-11"])]

    @model_validator(mode="after")
    def _period(self) -> "CarrierCodeCreate":
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise refused("valid_until must come after valid_from", "valid_until 必须晚于 valid_from")
        return self


class CarrierCodeEnd(Body, json_schema_extra={"examples": [{"valid_until": "2027-01-01"}]}):
    """Ends a row's validity, so that another meaning may follow."""

    valid_until: Day


class CarrierCodeRead(Read):
    id: UUID
    list: str
    code: str
    reason_code: str
    status: ShipmentStatus | None
    reason: Reason | None
    name: str
    valid_from: date
    valid_until: date | None
    source: str
    shipped: Annotated[bool, Field(description="Came with the product")]


class UnmappedCodeRead(Read):
    source: str
    code: str
    reason_code: str
    first_seen_at: datetime
    last_seen_at: datetime
    seen: int
