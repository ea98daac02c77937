"""What follows from a delivery exception: a complaint, a task, or nothing. All of it is data."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice
from app.models.code import Severity


class ExceptionAction(StrEnum):
    COMPLAINT = "complaint"
    TASK = "task"
    NONE = "none"


class ExceptionRule(Base):
    """For exceptions that fit all its conditions; an empty condition fits everything.

    Of the rules in force that fit, the one with the lowest `rank` counts, then the one whose code comes first.
    Without a `severity`, the complaint is as severe as the exception.
    """

    __tablename__ = "exception_rules"

    code: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int]
    reasons: Mapped[list[str]]
    tiers: Mapped[list[str]]
    action: Mapped[ExceptionAction] = mapped_column(choice(ExceptionAction))
    severity: Mapped[Severity | None] = mapped_column(choice(Severity))
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]


class FollowUpState(StrEnum):
    OPEN = "open"
    DONE = "done"


class FollowUp(Stateful, Versioned, Base):
    """What a rule made of one exception, once and for all: a second one there is none.

    A complaint is named, whether it was opened for this exception or stood open already; then there is nothing left
    to do here. A task waits until somebody has done it.
    """

    __tablename__ = "exception_follow_ups"
    __table_args__ = (
        Index(None, "state", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "tracking_no"),
    )
    transitions: ClassVar[Transitions] = {
        FollowUpState.OPEN: {FollowUpState.DONE},
        FollowUpState.DONE: set(),
    }

    id: Mapped[Id]
    exception_id: Mapped[UUID] = mapped_column(unique=True)
    customer_id: Mapped[UUID]
    tracking_no: Mapped[str]
    reason: Mapped[str]
    severity: Mapped[Severity] = mapped_column(choice(Severity))
    rule: Mapped[str]
    action: Mapped[ExceptionAction] = mapped_column(choice(ExceptionAction))
    complaint_id: Mapped[UUID | None] = mapped_column(ForeignKey("complaints.id"), index=True)
    joined: Mapped[bool]
    """Whether the complaint had been there before."""
    state: Mapped[FollowUpState] = mapped_column(choice(FollowUpState), default=FollowUpState.OPEN)
    done_by: Mapped[UUID | None]
    done_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
