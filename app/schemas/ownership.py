"""Who looks after customers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.schemas.base import Body, Grounds, Instant, Read
from app.schemas.masking import Redacted


class Transfer(Body, json_schema_extra={"examples": [{"owner_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55"}]}):
    """Whom the customer belongs to from now on; null is nobody."""

    owner_id: UUID | None
    team_id: Annotated[UUID | None, Field(description="Its members see the customer as well")] = None


class HandOver(
    Body,
    json_schema_extra={
        "examples": [
            {
                "from_owner_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e55",
                "to_owner_id": "01a20084-6e0c-7c3f-9d8a-0f2b8c1d4e56",
            }
        ]
    },
):
    """Everything that one colleague looked after goes to another."""

    from_owner_id: UUID
    to_owner_id: UUID


class HandedOver(BaseModel):
    """At 5,000 there may be more: send it again."""

    customers: int


class GrantCreate(
    Body, json_schema_extra={"examples": [{"until": "2026-12-31T18:00:00+08:00", "reason": "休假代班"}]}
):
    until: Annotated[Instant | None, Field(description="Left out: until it is taken back")] = None
    reason: Grounds


class GrantRead(Read):
    customer_id: UUID
    user_id: UUID
    until: datetime | None
    reason: Redacted
    granted_by: UUID
    created_at: datetime
