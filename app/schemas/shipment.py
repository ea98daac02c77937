"""Shipments, pushes and look-ups: the shapes that dispatch systems and partners are written against."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, field_serializer, model_validator

from app.models.code import Severity
from app.models.delivery_exception import ExceptionState
from app.models.shipment import LegKind, Service, ShipmentStatus
from app.paging import ListQuery
from app.schemas.base import (
    Address,
    Attributes,
    Body,
    Grounds,
    Instant,
    Line,
    Money,
    Phone,
    Problem,
    Prose,
    Read,
    Reason,
    TrackingNo,
    Word,
    refused,
)
from app.schemas.customer import CustomerSummary
from app.schemas.masking import Redacted, RedactedObject, mask_person


class Party(Body):
    """A sender or recipient."""

    name: Line | None = None
    phone: Phone | None = None
    address: Address | None = None


_SHIPMENT = {
    "tracking_no": "SF7444496931331",
    "customer_code": "QINGHE",
    "service": "inter_city",
    "promised_at": "2026-11-24T18:00:00+08:00",
    "declared_value": {"amount": "128.00", "currency": "CNY"},
    "sender": {"name": "青禾茶业", "phone": "13800000000"},
    "recipient": {
        "name": "李晓华",
        "phone": "13900000000",
        "address": {"city": "成都市", "detail": "1 单元 202"},
    },
}
_EVENT = {
    "source": "native",
    "tracking_no": "SF7444496931331",
    "event_id": "scan-20261122-0815",
    "code": "out_for_delivery",
    "occurred_at": "2026-11-22T08:15:00+08:00",
    "location": "成都武侯营业部",
}


class ShipmentCreate(Body, json_schema_extra={"examples": [_SHIPMENT]}):
    tracking_no: TrackingNo
    customer_id: UUID | None = None
    customer_code: Word | None = None
    order_id: UUID | None = None
    service: Service
    promised_at: Annotated[Instant, Field(description="The instant by which delivery is promised")]
    declared_value: Money | None = None
    freight: Money | None = None
    sender: Party = Party()
    recipient: Party = Party()
    reference: Line | None = None
    attributes: Attributes = {}

    @model_validator(mode="after")
    def _one_customer(self) -> "ShipmentCreate":
        if (self.customer_id is None) == (self.customer_code is None):
            raise refused(
                "give either customer_id or customer_code", "请提供 customer_id 或 customer_code 其中之一"
            )
        return self


class ShipmentBatch(Body, json_schema_extra={"examples": [{"items": [_SHIPMENT]}]}):
    items: Annotated[list[Any], Field(max_length=1000, description="Each as for POST /v1/shipments")]


class BatchResult(Read):
    index: int
    id: UUID | None = None
    problem: Problem | None = None


class ShipmentBatchResult(BatchResult):
    result: Literal["created", "rejected"]


class ShipmentBatchAnswer(Read):
    results: list[ShipmentBatchResult]


class OpenException(Read):
    """The most severe exception that is open."""

    reason: Reason
    label: Annotated[str, Field(description="In the language of Accept-Language")]
    severity: Severity
    state: ExceptionState
    opened_at: datetime


class LegRead(Read):
    leg_no: int
    kind: LegKind
    status: ShipmentStatus
    started_at: datetime | None
    ended_at: datetime | None


class TrackingEventRead(Read):
    id: UUID
    occurred_at: datetime
    received_at: datetime
    source: str
    code: str
    reason_code: str
    status: ShipmentStatus | None
    reason: Reason | None
    location: Redacted | None
    text: Redacted | None
    flags: list[str]
    attributes: RedactedObject


class ShipmentSummary(Read):
    """A row of a list; sender and recipient are masked."""

    id: UUID
    tracking_no: str
    customer_id: UUID
    order_id: UUID | None
    service: Service
    status: ShipmentStatus
    status_at: datetime | None
    promised_at: datetime
    picked_up_at: datetime | None
    delivered_at: datetime | None
    flags: list[str]
    sender: dict[str, Any]
    recipient: dict[str, Any]
    reference: Redacted | None
    created_at: datetime
    version: int

    _sender = field_serializer("sender")(mask_person)
    _recipient = field_serializer("recipient")(mask_person)


class ShipmentRead(ShipmentSummary):
    declared_value: Money | None
    freight: Money | None
    attributes: RedactedObject
    exception: OpenException | None
    legs: list[LegRead]
    events: Annotated[list[TrackingEventRead], Field(description="In the order in which they happened")]
    customer: CustomerSummary


class ShipmentQuery(ListQuery):
    status: ShipmentStatus | None = None
    service: Service | None = None
    customer_id: UUID | None = None
    flag: Annotated[str | None, Field(max_length=64, examples=["delivery_time_unknown"])] = None
    sort: Literal["-created_at", "created_at"] = "-created_at"


class CountQuery(Body):
    by: Literal["status", "customer", "service"]
    customer_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class CountRead(Read):
    key: str
    label: str
    count: int


class CountsRead(Read):
    items: list[CountRead]
    total: int


class Reopen(
    Body, json_schema_extra={"examples": [{"status": "in_transit", "reason": "签收人否认收货，已找回包裹"}]}
):
    """A person's word that a final status no longer holds."""

    status: Annotated[ShipmentStatus, Field(description="What the parcel is now")]
    reason: Grounds


class TrackingEventPush(Body, json_schema_extra={"examples": [_EVENT]}):
    """One scan. `event_id` is the sender's own; without it the content identifies the event."""

    source: Annotated[Word, Field(examples=["native"])]
    tracking_no: TrackingNo
    event_id: Annotated[Line | None, Field(description="The sender's own id of this event")] = None
    code: Annotated[Line, Field(description="The source's code; for `native` a canonical status or reason")]
    reason_code: Annotated[
        Line | None, Field(description="A more precise code, where the source has one")
    ] = None
    occurred_at: Instant
    occurred_at_estimated: Annotated[
        bool,
        Field(
            strict=True, description="The true time is unknown; a delivery then stays out of on-time figures"
        ),
    ] = False
    location: Line | None = None
    text: Prose | None = None
    attributes: Attributes = {}


class TrackingEventBatch(Body, json_schema_extra={"examples": [{"items": [_EVENT]}]}):
    items: Annotated[list[Any], Field(max_length=1000, description="Each as for POST /v1/tracking-events")]


class PushAnswer(Read):
    """What this event mapped to; the shipment follows within a second or two."""

    id: UUID
    result: Literal["accepted", "duplicate", "parked"]
    status: ShipmentStatus | None
    reason: Reason | None


class PushResult(BatchResult):
    result: Literal["accepted", "duplicate", "parked", "rejected"]
    status: ShipmentStatus | None = None
    reason: Reason | None = None


class PushBatchAnswer(Read):
    results: list[PushResult]


class LookUpQuery(Body):
    tracking_no: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(min_length=1, max_length=40, description="Up to 40 numbers", examples=[["SF7444496931331"]]),
    ]


class PartnerEvent(Read):
    occurred_at: datetime
    status: ShipmentStatus | None
    reason: Reason | None
    location: str | None
    text: str | None


class PartnerShipment(Read):
    tracking_no: str
    status: ShipmentStatus
    status_label: str
    exception: OpenException | None
    promised_at: datetime
    delivered_at: datetime | None
    events: list[PartnerEvent]


class PartnerLookup(Read):
    items: list[PartnerShipment]
    not_found: Annotated[list[str], Field(description="Numbers that are unknown, or not yours")]
