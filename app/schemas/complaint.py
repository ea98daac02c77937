"""Complaints: what is registered, what is done about them, what is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.models.clock import ClockKind, ClockMetric
from app.models.code import Severity
from app.models.complaint import (
    AssignmentRule,
    ComplainantRole,
    ComplaintChannel,
    ComplaintOutcome,
    ComplaintState,
)
from app.paging import Cursor, ListQuery
from app.schemas.base import WHOLE, Body, Grounds, Instant, Line, Phone, Prose, Read, TrackingNo, Word
from app.schemas.clock import ClockRead, PauseReason
from app.schemas.masking import MaskedName, MaskedPhone, Redacted

Category = Annotated[
    str, Field(max_length=64, examples=["damage"], json_schema_extra={"x-code-list": "complaint_category"})
]
"""What a complaint is about. The list is data and may grow, so that it is no enumeration."""


class Complainant(Body):
    """Who complains; often not our customer, but the recipient."""

    name: Line
    phone: Phone | None = None
    role: ComplainantRole
    has_authority: Annotated[
        bool, Field(description="May claim in the name of whoever sent the consignment")
    ] = False


class ComplaintRegistration(Body):
    """What every complaint needs, whoever brings it."""

    category: Category
    description: Grounds
    tracking_nos: Annotated[list[TrackingNo], Field(max_length=50)] = []
    remedy_sought: Annotated[
        Line, Field(description="In a word or two: what the complainant wants", examples=["compensation"])
    ]
    complainant: Complainant
    message_id: Annotated[
        Word | None,
        Field(description="What the channel called the message: the same again is the same complaint"),
    ] = None


class ComplaintCreate(
    ComplaintRegistration,
    json_schema_extra={
        "examples": [
            {
                "category": "damage",
                "description": "外箱破损，茶叶罐变形，要求赔偿",
                "tracking_nos": ["SF7444496931331"],
                "remedy_sought": "compensation",
                "complainant": {"name": "李明", "phone": "13800138000", "role": "recipient"},
                "channel": "hotline",
                "severity": "high",
            }
        ]
    },
):
    channel: ComplaintChannel = ComplaintChannel.HOTLINE
    severity: Severity = Severity.MEDIUM
    customer_id: Annotated[
        UUID | None, Field(description="If left out, the customer of the consignments, where they have one")
    ] = None
    received_at: Annotated[
        Instant | None, Field(description="When the first word came in; the clocks start there")
    ] = None


class ComplainantRead(Read):
    name: MaskedName
    phone: MaskedPhone | None
    role: ComplainantRole
    has_authority: bool


class ComplaintRow(Read):
    """A complaint in a list."""

    id: UUID
    number: Annotated[str, Field(examples=["C-2026-000123"])]
    status: ComplaintState
    category: Category
    severity: Severity
    priority: Annotated[int, Field(description="The higher, the sooner")]
    channel: ComplaintChannel
    customer_id: UUID | None
    tracking_nos: list[str]
    complainant: ComplainantRead
    description: Redacted
    remedy_sought: Redacted
    cycle: Annotated[int, Field(description="1, and one more with each reopening")]
    repeat_of_id: UUID | None
    repeats: int
    merged_into_id: UUID | None
    team_id: UUID | None
    handler_id: UUID | None
    escalation: int
    received_at: datetime
    acknowledged_at: datetime | None
    responded_at: datetime | None
    due_at: Annotated[datetime | None, Field(description="The earlier of what law and agreement ask")]
    waiting_reason: PauseReason | None
    waiting_until: datetime | None
    waiting_text: Redacted | None
    closed_at: datetime | None
    outcome: ComplaintOutcome | None
    archived_at: datetime | None
    version: int


class AnswerRead(Read):
    """What was found, and what the customer was told."""

    number: int
    cycle: int
    finding: Redacted
    liable_party: Annotated[str, Field(json_schema_extra={"x-code-list": "case_liable_party"})]
    root_cause: Annotated[str, Field(json_schema_extra={"x-code-list": "root_cause"})]
    remedy: Redacted
    text: Redacted
    channel: ComplaintChannel
    told_at: datetime
    answered_by: UUID


class ComplaintRead(ComplaintRow):
    """A complaint with its clocks and answers."""

    clocks: list[ClockRead]
    answers: list[AnswerRead]
    ended_because: Redacted | None


class ComplaintFilters(BaseModel):
    """Of a list and of a search alike."""

    status: ComplaintState | None = None
    open: Annotated[bool | None, Field(description="Whether somebody still owes something")] = None
    category: Category | None = None
    severity: Severity | None = None
    channel: ComplaintChannel | None = None
    customer_id: UUID | None = None
    tracking_no: TrackingNo | None = None
    handler_id: UUID | None = None
    team_id: UUID | None = None
    watcher_id: Annotated[UUID | None, Field(description="Who follows it")] = None
    unassigned: Annotated[bool | None, Field(description="Whether it waits for a handler")] = None


class ComplaintQuery(ComplaintFilters, ListQuery):
    sort: Literal["-received_at", "received_at", "due_at"] = "-received_at"


class ComplaintSearch(
    ComplaintFilters, Body, json_schema_extra={"examples": [{"q": "外箱破损", "open": True}]}
):
    """Looked for with a body, for names and numbers have no place in an address."""

    q: Annotated[
        Line | None,
        Field(description="Words of the description; two characters next to each other, the start of a word"),
    ] = None
    number: Annotated[str | None, Field(max_length=40, examples=["C-2026-000123"])] = None
    complainant_phone: Phone | None = None
    limit: Annotated[int, Field(ge=1, le=200), WHOLE] = 50
    cursor: Cursor = None


class ClockQuery(BaseModel, extra="forbid"):
    """Which clock; of several cycles the latest, unless one is named."""

    clock: ClockKind = ClockKind.STATUTORY
    metric: ClockMetric = ClockMetric.RESOLUTION
    cycle: Annotated[int | None, Field(ge=1)] = None


class ComplaintNote(Body, json_schema_extra={"examples": [{"note": "已致电收件人"}]}):
    note: Prose | None = None


class ComplaintGrounds(Body, json_schema_extra={"examples": [{"reason": "客户来电撤诉"}]}):
    reason: Grounds


class ComplaintPause(
    Body,
    json_schema_extra={
        "examples": [
            {
                "reason": "awaiting_customer",
                "until": "2026-11-25T10:00:00+08:00",
                "text": "请补充外包装照片",
            }
        ]
    },
):
    """No pause stops what the law asks for."""

    reason: PauseReason
    until: Annotated[Instant | None, Field(description="It ends by itself then, if not before")] = None
    text: Annotated[Prose | None, Field(description="What the customer is told")] = None


class AnswerCreate(
    Body,
    json_schema_extra={
        "examples": [
            {
                "finding": "分拨中心装卸时外箱受压",
                "liable_party": "carrier_hub",
                "root_cause": "handling",
                "remedy": "按实际损失赔偿 128 元",
                "text": "经核实，外箱在分拨中心受压，我司将赔偿 128 元并致歉。",
                "channel": "hotline",
            }
        ]
    },
):
    """All of it is needed: without one part there is no answer."""

    finding: Grounds
    liable_party: Annotated[str, Field(max_length=64, json_schema_extra={"x-code-list": "case_liable_party"})]
    root_cause: Annotated[str, Field(max_length=64, json_schema_extra={"x-code-list": "root_cause"})]
    remedy: Grounds
    text: Annotated[Grounds, Field(description="As the customer was told")]
    channel: ComplaintChannel
    told_at: Annotated[Instant | None, Field(description="When the customer was told; now, if left out")] = (
        None
    )


class ComplaintAssign(
    Body, json_schema_extra={"examples": [{"handler_id": "0192f0c1-2d3e-7abc-8def-0123456789ab"}]}
):
    """Without a handler, the rule decides."""

    handler_id: UUID | None = None
    note: Prose | None = None


class AssignmentRead(Read):
    """A decision that can be read back."""

    number: int
    handler_id: UUID | None
    team_id: UUID | None
    rule: AssignmentRule
    considered: Annotated[
        list[dict[str, Any]], Field(description="Whom the rule looked at, the best first, and why not")
    ]
    assigned_by: UUID
    created_at: datetime


class ComplaintFields(Body, json_schema_extra={"examples": [{"severity": "critical", "category": "loss"}]}):
    """What may be put right; limits that hang on it are counted anew, and nothing that has run is lost."""

    category: Category | None = None
    severity: Severity | None = None
    customer_id: UUID | None = None
    tracking_nos: Annotated[list[TrackingNo] | None, Field(max_length=50)] = None
    remedy_sought: Line | None = None
