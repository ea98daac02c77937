"""What customers agreed to, and what was noted about them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.models.customer import ConsentChannel, ConsentPurpose
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Instant, Read
from app.schemas.masking import Redacted


class ConsentCreate(
    Body,
    json_schema_extra={
        "examples": [
            {
                "channel": "wechat",
                "purpose": "care",
                "given": True,
                "given_at": "2026-11-21T10:00:00+08:00",
                "evidence": "签约时勾选，合同第 12 条",
            }
        ]
    },
):
    """Given or taken back. `contact_id` says by whom; without it, it is the customer's own."""

    contact_id: UUID | None = None
    channel: ConsentChannel
    purpose: ConsentPurpose
    given: Annotated[bool, Field(strict=True, description="False takes an earlier consent back")]
    given_at: Instant
    until: Instant | None = None
    evidence: Annotated[Grounds, Field(description="What shows it: a document, a recording, a click")]


class ConsentRead(Read):
    id: UUID
    customer_id: UUID
    contact_id: UUID | None
    channel: ConsentChannel
    purpose: ConsentPurpose
    given: bool
    given_at: datetime
    until: datetime | None
    evidence: Redacted
    recorded_by: UUID
    created_at: datetime


class ConsentQuery(ListQuery):
    channel: ConsentChannel | None = None
    purpose: ConsentPurpose | None = None
    current: Annotated[
        bool, Field(description="Only the latest word of each person on each channel and purpose")
    ] = False


class NoteCreate(Body, json_schema_extra={"examples": [{"text": "旺季前希望提前两周通知排期"}]}):
    text: Grounds


class NoteRead(Read):
    id: UUID
    customer_id: UUID
    author_id: UUID
    text: Redacted
    created_at: datetime
