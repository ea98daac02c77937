"""Accesses and events, as an auditor reads them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from app.models.account import AccessKind
from app.models.audit import AuditFault, AuditStream
from app.paging import ListQuery
from app.schemas.base import WHOLE, Body, Read
from app.schemas.masking import RedactedObject

EventKind = Annotated[
    str,
    Field(max_length=100, examples=["exception.opened"], json_schema_extra={"x-code-list": "event_kind"}),
]


class AccessQuery(ListQuery):
    kind: AccessKind | None = None
    principal_id: UUID | None = None
    customer_id: Annotated[UUID | None, Field(description="Whose secrets were looked at")] = None


class AccessRead(Read):
    id: UUID
    occurred_at: datetime
    kind: AccessKind
    principal_id: UUID | None
    operation: str | None
    correlation_id: str | None
    customer_id: UUID | None
    data: RedactedObject


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


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", examples=["9f" * 32])]


class SealRead(Read):
    """One link of the chain; keep number and hash of the last one where nobody here can write."""

    number: int
    stream: AuditStream
    rows: int
    sealed_at: datetime
    sha256: Sha256

    @field_validator("sha256", mode="before")
    @classmethod
    def _in_hex(cls, value: bytes | str) -> str:
        return value.hex() if isinstance(value, bytes) else value


class KnownSeal(Body):
    """A seal that was copied to a place outside the system."""

    number: Annotated[int, Field(ge=1, le=2**53), WHOLE]
    sha256: Sha256


class VerifySeals(Body, json_schema_extra={"examples": [{"from_number": 1, "limit": 50}]}):
    from_number: Annotated[int, Field(ge=1, le=2**53), WHOLE] = 1
    limit: Annotated[
        int, Field(ge=1, le=200, description="Seals to check; each covers up to 1,000 rows"), WHOLE
    ] = 50
    known: Annotated[KnownSeal | None, Field(description="Proves that the chain was not written anew")] = None


class FaultRead(Read):
    """`stream` and `row_id` name the row that was changed, removed or put in."""

    fault: AuditFault
    number: int
    stream: AuditStream | None
    row_id: UUID | None


class SealVerification(Read):
    """`next_number` is where to go on, null at the end. `redacted`: rows from which the trail says fields were taken."""

    intact: bool
    seals: int
    rows: int
    redacted: int
    faults_found: int
    faults: Annotated[list[FaultRead], Field(description="The first 200")]
    next_number: int | None
    head_number: int | None
    head_sha256: Sha256 | None
