"""Complaints as a partner's portal brings and sees them: its own customers', and nothing of how we work."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.models.clock import ClockKind, ClockMetric, ClockState
from app.models.code import Severity
from app.models.complaint import ComplaintChannel
from app.models.complaint_portal import CustomerComplaintStatus
from app.paging import ListQuery
from app.schemas.base import Body, Grounds, Read, Word
from app.schemas.complaint import Category, ComplaintRegistration
from app.schemas.masking import Redacted


class PartnerComplaintCreate(
    ComplaintRegistration,
    json_schema_extra={
        "examples": [
            {
                "category": "damage",
                "description": "外箱破损，茶叶罐变形，要求赔偿",
                "tracking_nos": ["SF7444496931331"],
                "remedy_sought": "compensation",
                "complainant": {"name": "李明", "phone": "13800138000", "role": "recipient"},
                "message_id": "T-20261122-7",
            }
        ]
    },
):
    """`message_id` is the client's own: the same one again is the same complaint."""

    channel: Literal[ComplaintChannel.PARTNER_API] = ComplaintChannel.PARTNER_API
    severity: Severity = Severity.MEDIUM
    customer_id: Annotated[
        UUID | None,
        Field(description="Which of your customers, where neither a consignment nor there being one says so"),
    ] = None
    customer_code: Annotated[Word | None, Field(description="The same, by the customer's code")] = None


class PartnerComplaintQuery(ListQuery):
    """The newest first."""


class PartnerComplaint(Read):
    """Where a complaint stands. The number of one that became a part of another leads to that other one."""

    number: Annotated[str, Field(examples=["C-2026-000123"])]
    status: CustomerComplaintStatus
    status_label: str
    category: Category
    tracking_nos: list[str]
    received_at: datetime
    due_at: datetime | None
    answer: Annotated[Redacted | None, Field(description="What was answered last, as it was told")]
    closed_at: datetime | None


class PartnerClock(Read):
    """A limit that the law or the agreement sets."""

    kind: ClockKind
    metric: ClockMetric
    state: ClockState
    started_at: datetime
    due_at: datetime | None


class PartnerComplaintRegistered(PartnerComplaint):
    id: UUID
    clocks: list[PartnerClock]


class PartnerRejection(Body, json_schema_extra={"examples": [{"reason": "赔偿金额低于货物价值"}]}):
    reason: Grounds


class PartnerMessageCreate(
    Body, json_schema_extra={"examples": [{"text": "已补充外包装照片", "message_id": "T-20261122-8"}]}
):
    """`message_id` is the client's own: the same one again is the same message."""

    text: Grounds
    message_id: Word | None = None


class PartnerMessage(Read):
    """What was written, as it is kept."""

    id: UUID
    text: Redacted
    said_at: datetime
