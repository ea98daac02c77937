"""Delivery exceptions, as staff see and handle them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.models.code import LiableParty, Severity
from app.models.delivery_exception import DetectedBy, ExceptionState
from app.paging import ListQuery
from app.schemas.base import Body, Line, Prose, Read, Reason
from app.schemas.masking import Redacted


class ExceptionRead(Read):
    id: UUID
    customer_id: UUID
    tracking_no: str
    leg_no: int
    reason: Reason
    severity: Severity
    liable_party: LiableParty
    action_by: Annotated[
        str,
        Field(
            description="Who must act next",
            examples=["carrier"],
            json_schema_extra={"x-code-list": "action_by"},
        ),
    ]
    sla_excused: Annotated[bool, Field(description="Excused by default; an excuse counts only with evidence")]
    detected_by: DetectedBy
    source: str
    code: str
    reason_code: str
    text: Redacted | None
    state: ExceptionState
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: UUID | None
    closed_at: datetime | None
    closed_by: UUID | None
    resolution: Redacted | None
    note: Redacted | None
    created_at: datetime
    version: int


class ExceptionQuery(ListQuery):
    state: ExceptionState | None = None
    live: Annotated[bool | None, Field(description="Open, acknowledged or awaiting the customer")] = None
    reason: Reason | None = None
    severity: Severity | None = None
    customer_id: UUID | None = None
    tracking_no: Annotated[str | None, Field(max_length=64)] = None
    sort: Literal["-opened_at", "opened_at"] = "-opened_at"


class ExceptionNote(Body, json_schema_extra={"examples": [{"note": "已联系收件人，明日再派"}]}):
    note: Prose | None = None


class ExceptionResolution(
    Body, json_schema_extra={"examples": [{"resolution": "redelivered", "note": "收件人本人签收"}]}
):
    """How it ended."""

    resolution: Annotated[Line, Field(examples=["redelivered", "address_corrected", "compensated"])]
    note: Prose | None = None
