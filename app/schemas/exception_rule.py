"""Rules about exceptions, and what followed from them."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.models.code import Severity
from app.models.exception_rule import ExceptionAction, FollowUpState
from app.paging import ListQuery
from app.schemas.base import Read, Reason, TrackingNo


class ExceptionRuleRead(Read):
    """For exceptions that fit all its conditions; of several rules the one that stands first counts."""

    code: str
    rank: int
    reasons: Annotated[list[Reason], Field(description="One of these; any, if empty")]
    tiers: Annotated[
        list[str], Field(description="The customer's tier is one of these; any, if empty", examples=[["key"]])
    ]
    action: ExceptionAction
    severity: Annotated[Severity | None, Field(description="Of the complaint; the exception's own, if null")]
    valid_from: date
    valid_until: date | None
    source: str


class FollowUpQuery(ListQuery):
    state: FollowUpState | None = None
    action: ExceptionAction | None = None
    reason: Reason | None = None
    tracking_no: TrackingNo | None = None
    complaint_id: UUID | None = None
    sort: Literal["-created_at", "created_at"] = "-created_at"


class FollowUpRead(Read):
    """What a rule made of one exception: a complaint, or a task that somebody does."""

    id: UUID
    exception_id: UUID
    customer_id: UUID
    tracking_no: str
    reason: Reason
    severity: Severity
    rule: Annotated[str, Field(description="Code of the rule; see `/v1/exception-rules`")]
    action: ExceptionAction
    complaint_id: UUID | None
    joined: Annotated[bool, Field(description="Whether the complaint stood open before")]
    state: FollowUpState
    done_by: UUID | None
    done_at: datetime | None
    created_at: datetime
    version: int
