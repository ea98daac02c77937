"""Accesses and events, as an auditor reads them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.models.account import AccessKind
from app.paging import ListQuery
from app.schemas.base import Read
from app.schemas.masking import RedactedObject

EventKind = Annotated[
    str,
    Field(max_length=100, examples=["exception.opened"], json_schema_extra={"x-code-list": "event_kind"}),
]


class AccessQuery(ListQuery):
    kind: AccessKind | None = None
    principal_id: UUID | None = None


class AccessRead(Read):
    id: UUID
    occurred_at: datetime
    kind: AccessKind
    principal_id: UUID | None
    operation: str | None
    correlation_id: str | None
    data: dict[str, Any]


class EventQuery(ListQuery):
    kind: EventKind | None = None
    subject_id: UUID | None = None


class EventRead(Read):
    id: UUID
    recorded_at: datetime
    kind: EventKind
    subject_type: str
    subject_id: UUID
    customer_id: UUID | None
    actor_kind: str
    actor_id: UUID
    correlation_id: str | None
    data: RedactedObject
