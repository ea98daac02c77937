"""What must be done by when, and what has happened to each such clock."""

from datetime import date, datetime
from enum import StrEnum
from math import floor
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Integer

from app.clock import now
from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, choice


class ClockKind(StrEnum):
    """Who set the limit: the law, an agreement with the customer, or the house."""

    STATUTORY = "statutory"
    CONTRACT = "contract"
    INTERNAL = "internal"


class ClockMetric(StrEnum):
    """What has to be done within the limit."""

    ASSIGNMENT = "assignment"
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"


class ClockSubject(StrEnum):
    """What clocks run on."""

    COMPLAINT = "complaint"


class Counting(StrEnum):
    """How a limit is counted.

    `legal_days`: whole days of the zone, the first one left out, to the end of the last (Civil Code of China,
    art. 201-203). `elapsed`: every second. `working`: the seconds in which the policy's calendar is open.
    """

    LEGAL_DAYS = "legal_days"
    ELAPSED = "elapsed"
    WORKING = "working"


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    CANCELLED = "cancelled"
    WAIVED = "waived"


class ClockEventKind(StrEnum):
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETARGETED = "retargeted"
    MET = "met"
    REVOKED = "revoked"
    """What met the clock did not hold: the answer was not accepted. It runs on as if it had never been met."""
    CANCELLED = "cancelled"
    WAIVED = "waived"


class Verdict(StrEnum):
    """What became of a clock; one that is still open and past its time is breached, too."""

    OPEN = "open"
    MET = "met"
    BREACHED = "breached"
    CANCELLED = "cancelled"
    WAIVED = "waived"


class WaiverState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    DECLINED = "declined"


class SlaPolicy(Base):
    """One version of a limit, for those subjects that fit all its conditions; an empty condition fits everything.

    Of the policies of one kind and metric that are in force and fit, the one with the lowest `rank` counts, then the
    one whose code comes first. `amount` is days for `legal_days`, else seconds. `alarms`: shares of the limit, in per
    cent, at which somebody is told. Versions are only ever added; `valid_until` alone may be set later.
    """

    __tablename__ = "sla_policies"
    __table_args__ = (
        UniqueConstraint("code", "number"),
        CheckConstraint("amount > 0", name="takes_time"),
        CheckConstraint(
            "(counting = 'working' OR moves_past_holidays) = (calendar_id IS NOT NULL)",
            name="calendar_if_asked",
        ),
        CheckConstraint("counting = 'legal_days' OR NOT moves_past_holidays", name="legal_days_move"),
        CheckConstraint(
            "(kind <> 'statutory' AND counting <> 'legal_days') OR pause_reasons = '{}'",
            name="statutory_never_pauses",
        ),
    )

    id: Mapped[Id]
    code: Mapped[str]
    number: Mapped[int]
    rank: Mapped[int]
    subject_type: Mapped[ClockSubject] = mapped_column(choice(ClockSubject))
    kind: Mapped[ClockKind] = mapped_column(choice(ClockKind))
    metric: Mapped[ClockMetric] = mapped_column(choice(ClockMetric))
    counting: Mapped[Counting] = mapped_column(choice(Counting))
    amount: Mapped[int]
    zone: Mapped[str] = mapped_column(server_default="Asia/Shanghai")
    moves_past_holidays: Mapped[bool] = mapped_column(server_default=text("false"))
    calendar_id: Mapped[UUID | None] = mapped_column(ForeignKey("calendars.id"))
    categories: Mapped[list[str]] = mapped_column(server_default="{}")
    severities: Mapped[list[str]] = mapped_column(server_default="{}")
    tiers: Mapped[list[str]] = mapped_column(server_default="{}")
    channels: Mapped[list[str]] = mapped_column(server_default="{}")
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customers.id"), index=True)
    pause_reasons: Mapped[list[str]] = mapped_column(server_default="{}")
    alarms: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{50,80,100}")
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]
    shipped: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]


class Clock(Base):
    """A limit at work on one subject. Everything here but the identity is the fold of its events.

    `paused_s` and `elapsed_s` are what the fold says up to the last event. A paused clock has no `due_at`, unless it
    was past it already. `next_at`: when the sweep must look at it again, for an alarm or for a pause that ends by
    itself. It counts no versions: whoever moves a clock holds its row, and nobody edits one. Which moves there are, the
    fold says (`services/clocks/fold.py`).
    """

    __tablename__ = "clocks"
    __table_args__ = (
        Index(
            "uq_clocks_once_a_cycle",
            "subject_id",
            "cycle",
            "kind",
            "metric",
            unique=True,
            postgresql_where=text("state <> 'cancelled'"),
        ),
        Index(None, "subject_id"),
        Index("ix_clocks_next_at", "next_at", "id", postgresql_where=text("next_at IS NOT NULL")),
        Index(None, "due_at", "id"),
        Index("ix_clocks_live", "policy_id", "id", postgresql_where=text("state IN ('running', 'paused')")),
    )

    id: Mapped[Id]
    subject_type: Mapped[ClockSubject] = mapped_column(choice(ClockSubject))
    subject_id: Mapped[UUID]
    customer_id: Mapped[UUID | None]
    cycle: Mapped[int]
    kind: Mapped[ClockKind] = mapped_column(choice(ClockKind))
    metric: Mapped[ClockMetric] = mapped_column(choice(ClockMetric))
    policy_id: Mapped[UUID] = mapped_column(ForeignKey("sla_policies.id"))
    calendar_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("calendar_versions.id"))
    state: Mapped[ClockState] = mapped_column(choice(ClockState), default=ClockState.RUNNING)
    started_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    is_late: Mapped[bool | None]
    """Whether it was met after it was due; null while it was not met."""
    paused_s: Mapped[int] = mapped_column(default=0)
    elapsed_s: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]

    def verdict_at(self, instant: datetime) -> Verdict:
        """What is to be said of it at this instant, if nothing else happened until then."""
        if self.state in {ClockState.CANCELLED, ClockState.WAIVED}:
            return Verdict(self.state)
        if self.state is ClockState.MET:
            return Verdict.BREACHED if self.is_late else Verdict.MET
        return Verdict.BREACHED if self.due_at is not None and self.due_at < instant else Verdict.OPEN

    @property
    def verdict(self) -> Verdict:
        return self.verdict_at(now())

    @property
    def remaining_seconds(self) -> int | None:
        """From now until it is due, on the wall clock; negative once it is late. Null unless it runs."""
        if self.state is not ClockState.RUNNING or self.due_at is None:
            return None
        return floor((self.due_at - now()).total_seconds())


class ClockEvent(Base):
    """One thing that happened to a clock, in order of `number`; `at` is when it counts. Only ever inserted.

    A start and a retarget name the policy and the calendar's version; a pause its reason and, if it ends by itself,
    when.
    """

    __tablename__ = "clock_events"

    clock_id: Mapped[UUID] = mapped_column(ForeignKey("clocks.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[ClockEventKind] = mapped_column(choice(ClockEventKind))
    at: Mapped[datetime]
    reason: Mapped[str | None]
    until: Mapped[datetime | None]
    policy_id: Mapped[UUID | None]
    calendar_version_id: Mapped[UUID | None]
    actor_id: Mapped[UUID]
    recorded_at: Mapped[CreatedAt]


class ClockAlarm(Base):
    """That somebody was told at this share of a clock's limit: a second time there is none. Only ever inserted."""

    __tablename__ = "clock_alarms"

    clock_id: Mapped[UUID] = mapped_column(ForeignKey("clocks.id"), primary_key=True)
    share: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    fired_at: Mapped[CreatedAt]


class ClockWaiver(Stateful, Base):
    """A request that a clock should not count, decided by somebody else."""

    __tablename__ = "clock_waivers"
    __table_args__ = (
        Index(
            "uq_clock_waivers_one_open",
            "clock_id",
            unique=True,
            postgresql_where=text("state = 'requested'"),
        ),
        Index(None, "state", "requested_at", "id"),
        CheckConstraint("decided_by <> requested_by", name="decided_by_another"),
    )
    transitions: ClassVar[Transitions] = {
        WaiverState.REQUESTED: {WaiverState.APPROVED, WaiverState.DECLINED},
        WaiverState.APPROVED: set(),
        WaiverState.DECLINED: set(),
    }

    id: Mapped[Id]
    clock_id: Mapped[UUID] = mapped_column(ForeignKey("clocks.id"), index=True)
    state: Mapped[WaiverState] = mapped_column(choice(WaiverState), default=WaiverState.REQUESTED)
    reason: Mapped[str]
    requested_by: Mapped[UUID]
    requested_at: Mapped[CreatedAt]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None]
