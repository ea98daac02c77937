"""Limits, and the clocks that run on them, as they come in and go out."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AliasChoices, Field, computed_field, field_validator, model_validator

from app.models.calendar import StepReason
from app.models.clock import (
    ClockKind,
    ClockMetric,
    ClockState,
    ClockSubject,
    Counting,
    Verdict,
    WaiverState,
)
from app.paging import ListQuery
from app.schemas.base import WHOLE, Body, Day, Grounds, Line, Read, Word, Zone, refused
from app.schemas.customer import Tier
from app.schemas.masking import Redacted

LONGEST_DAYS = 3660
LONGEST_S = LONGEST_DAYS * 86_400

PauseReason = Annotated[
    Word, Field(examples=["awaiting_customer"], json_schema_extra={"x-code-list": "pause_reason"})
]
"""Why a clock rests; the list is data."""
Share = Annotated[int, Field(ge=1, le=100), WHOLE]
Conditions = Annotated[list[Word], Field(max_length=50)]
"""One of these; whatever it is, if empty."""


class SlaPolicyVersion(
    Body,
    json_schema_extra={
        "examples": [
            {
                "rank": 10,
                "counting": "elapsed",
                "amount": 7200,
                "tiers": ["strategic", "key"],
                "pause_reasons": ["awaiting_customer"],
                "alarms": [50, 80, 100],
                "valid_from": "2027-01-01",
                "source": "顺丰框架协议 2027 第 8 条",
            }
        ]
    },
):
    """How long, how it is counted, and for whom. Of several that fit, the lowest rank counts."""

    rank: Annotated[int, Field(ge=0, le=10_000), WHOLE] = 100
    counting: Counting
    amount: Annotated[
        int, Field(ge=1, le=LONGEST_S, description="Days for `legal_days`, otherwise seconds"), WHOLE
    ]
    zone: Annotated[Zone, Field(description="Whose days are counted")] = "Asia/Shanghai"
    moves_past_holidays: Annotated[
        bool,
        Field(
            description="Whether a period of `legal_days` that ends on a day off ends on the next working day"
        ),
    ] = False
    calendar_id: Annotated[
        UUID | None, Field(description="For `working`, and where days off move the end")
    ] = None
    categories: Conditions = []
    severities: Conditions = []
    tiers: Annotated[list[Tier], Field(max_length=50)] = []
    channels: Conditions = []
    customer_id: Annotated[UUID | None, Field(description="For this customer only")] = None
    pause_reasons: Annotated[
        list[PauseReason], Field(max_length=50, description="For what it may be paused; never, if empty")
    ] = []
    alarms: Annotated[
        list[Share], Field(max_length=20, description="At which per cent of the limit somebody is told")
    ] = [50, 80, 100]
    valid_from: Day
    source: Annotated[Line, Field(description="The text that says so")]

    @field_validator("alarms")
    @classmethod
    def _once_each(cls, alarms: list[int]) -> list[int]:
        return sorted(set(alarms))

    @model_validator(mode="after")
    def _counts_by_what_it_needs(self) -> Self:
        legal = self.counting is Counting.LEGAL_DAYS
        if legal and self.amount > LONGEST_DAYS:
            raise refused("a limit of days has at most ten years", "按天计算的时限最长十年")
        if self.moves_past_holidays and not legal:
            raise refused("only whole days move past days off", "只有按天计算的时限可顺延至节假日后")
        if (self.counting is Counting.WORKING or self.moves_past_holidays) != (self.calendar_id is not None):
            raise refused(
                "name a calendar for working time and for days off, and nowhere else",
                "按工作时间计算或顺延节假日时须指定日历，其他情况不得指定",
            )
        if legal and self.pause_reasons:
            raise refused(
                "whole days run on whatever happens; they can't be paused", "按天计算的时限不得暂停"
            )
        return self


class SlaPolicyCreate(
    SlaPolicyVersion,
    json_schema_extra={
        "examples": [
            {
                "code": "contract_resolution_shunfeng",
                "kind": "contract",
                "metric": "resolution",
                "rank": 10,
                "counting": "elapsed",
                "amount": 172800,
                "tiers": ["key"],
                "pause_reasons": ["awaiting_customer", "awaiting_evidence"],
                "valid_from": "2027-01-01",
                "source": "顺丰框架协议 2027 第 8 条",
            }
        ]
    },
):
    """A limit of its own."""

    code: Word
    subject_type: ClockSubject = ClockSubject.COMPLAINT
    kind: ClockKind
    metric: ClockMetric

    @model_validator(mode="after")
    def _law_never_rests(self) -> Self:
        if self.kind is ClockKind.STATUTORY and self.pause_reasons:
            raise refused(
                "a statutory limit is never paused; leave the reasons out",
                "法定时限不得暂停，请勿填写暂停原因",
            )
        return self


class SlaPolicyEnd(Body, json_schema_extra={"examples": [{"valid_until": "2027-12-31"}]}):
    """From when on no clock starts by it."""

    valid_until: Annotated[Day, Field(description="The first day on which it no longer holds")]


class SlaPolicyRead(Read):
    id: UUID
    code: str
    number: int
    rank: int
    subject_type: ClockSubject
    kind: ClockKind
    metric: ClockMetric
    counting: Counting
    amount: Annotated[int, Field(description="Days for `legal_days`, otherwise seconds")]
    zone: str
    moves_past_holidays: bool
    calendar_id: UUID | None
    categories: list[str]
    severities: list[str]
    tiers: list[Tier]
    channels: list[str]
    customer_id: UUID | None
    pause_reasons: list[PauseReason]
    alarms: list[int]
    valid_from: date
    valid_until: date | None
    source: str
    shipped: Annotated[bool, Field(description="Came with the product")]
    created_at: datetime


class SlaPolicyQuery(ListQuery):
    code: Annotated[Word | None, Field(description="All versions of this one")] = None
    kind: ClockKind | None = None
    metric: ClockMetric | None = None


class RetargetedClock(Read):
    """A clock, when it is due, and when it would be; null while it is paused."""

    clock_id: UUID
    subject_type: ClockSubject
    subject_id: UUID
    due_at: datetime | None
    new_due_at: datetime | None


class RetargetPreview(Read):
    """What a retarget would do at this moment."""

    code: str
    number: Annotated[int, Field(description="The version that the clocks would be brought to")]
    calendar_version_id: UUID | None
    clocks: Annotated[int, Field(description="How many would change their terms")]
    items: Annotated[list[RetargetedClock], Field(description="The first 200 of them, the oldest first")]


class ClockRead(Read, populate_by_name=True):
    """A limit at work, as of now."""

    id: UUID
    subject_type: ClockSubject
    subject_id: UUID
    cycle: int
    kind: ClockKind
    metric: ClockMetric
    policy_id: UUID
    state: ClockState
    verdict: Verdict
    started_at: datetime
    due_at: Annotated[datetime | None, Field(description="Null while it is paused")]
    stopped_at: datetime | None
    elapsed_seconds: Annotated[
        int, Field(validation_alias="elapsed_s", description="Used up by the last thing that happened to it")
    ]
    paused_seconds: Annotated[
        int, Field(validation_alias="paused_s", description="Rested by the last thing that happened to it")
    ]
    remaining_seconds: Annotated[
        int | None,
        Field(
            description="From now until it is due, on the wall clock; negative once it is late; null unless it runs"
        ),
    ]


class ClockStep(Read):
    """A stretch of time, and why it counted or did not."""

    since: Annotated[
        datetime, Field(serialization_alias="from", validation_alias=AliasChoices("since", "from"))
    ]
    until: Annotated[datetime, Field(serialization_alias="to", validation_alias=AliasChoices("until", "to"))]
    counted: bool
    seconds: int
    why: StepReason
    pause_reason: PauseReason | None = None


class ClockExplanation(Read):
    """How a clock's due time came about: the seconds that counted add up to `total_seconds`.

    For a paused clock the steps lead up to now, and add up to what was used.
    """

    clock: ClockKind
    metric: ClockMetric
    cycle: int
    state: ClockState
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    verdict: Verdict
    steps: list[ClockStep]
    illegitimate_seconds: Annotated[
        int, Field(description="Rested while the customer was waited for, after the customer had written")
    ]

    @computed_field
    def total_seconds(self) -> int:
        """All that counted."""
        return sum(step.seconds for step in self.steps if step.counted)


class WaiverRequest(Body, json_schema_extra={"examples": [{"reason": "台风期间快件滞留，承运网点停运"}]}):
    """Why a limit should not count."""

    reason: Grounds


class WaiverDecision(Body, json_schema_extra={"examples": [{"note": "已核实气象局红色预警"}]}):
    """Why it is granted, or not."""

    note: Grounds


class ClockWaiverRead(Read):
    id: UUID
    clock: ClockRead
    state: WaiverState
    reason: Redacted
    requested_by: UUID
    requested_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    note: Redacted | None


class ClockWaiverQuery(ListQuery):
    state: WaiverState | None = None
