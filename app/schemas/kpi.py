"""Figures and what they are made of."""

import re
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from app.models.clock import ClockKind, ClockMetric
from app.models.kpi import KpiUnit, TimeBase
from app.models.shipment import Service
from app.paging import ListQuery
from app.schemas.base import Instant, Read, Word, Zone, refused
from app.schemas.complaint import Category

Boundary = AwareDatetime | date
_WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class PeriodQuery(BaseModel):
    """The period is half open; a date means its midnight in `tz`."""

    model_config = ConfigDict(extra="forbid")

    from_: Annotated[Boundary, Field(alias="from", examples=["2018-03-01"])]
    to: Annotated[
        Boundary, Field(description="The first instant that no longer counts", examples=["2018-04-01"])
    ]
    tz: Annotated[Zone, Field(description="IANA zone that dates are counted in")] = "Asia/Shanghai"
    customer_id: UUID | None = None

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _written_out(cls, value: object) -> object:
        if isinstance(value, str) and not _WRITTEN.match(value):
            raise refused(
                "write a date as 2026-03-01, or an instant as RFC 3339",
                "日期请写作 2026-03-01，时间按 RFC 3339 书写",
            )
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if type(self.from_) is not type(self.to):
            raise refused(
                "give from and to both as dates or both as instants", "from 与 to 应同为日期或同为时间"
            )
        if self.to <= self.from_:
            raise refused(
                "to must come after from; the period is half open", "to 必须晚于 from；区间左闭右开"
            )
        return self


class OnTimeQuery(PeriodQuery):
    service: Service | None = None


class KpiQuery(PeriodQuery):
    """Of one customer or category, and as it was known at an instant."""

    category: Category | None = None
    as_of: Annotated[
        Instant | None, Field(description="Recount it as of then; later events are left out")
    ] = None


class KpiRowsQuery(KpiQuery, ListQuery):
    part: Annotated[
        Word | None, Field(description="Only cases that count as this", examples=["breached"])
    ] = None


class Spread(Read):
    """In seconds; net is without the pauses that the limit's rule allows, where the figure tells the two apart."""

    median_s: float | None
    p90_s: float | None
    net_median_s: float | None
    net_p90_s: float | None


class BenchmarkRead(Read):
    code: str
    valid_from: date
    valid_until: date
    zh: str
    en: str
    value: float
    source: str


class DefinitionRead(Read):
    """One version of what a figure says."""

    name: str
    version: int
    zh: str
    en: str
    unit: KpiUnit
    population: str
    period_by: Annotated[str, Field(description="The instant that puts a case into a period")]
    time_base: TimeBase
    exclusions: list[str]
    text_zh: str
    text_en: str
    parameters: Annotated[dict[str, int], Field(examples=[{"within_days": 30}])]
    valid_from: date
    source: str
    benchmarks: list[BenchmarkRead]


class KpiFigure(Read):
    """`value` is a median where the unit is seconds, else numerator by denominator (times a million)."""

    numerator: int
    denominator: int
    value: float | None
    spread: Spread | None


class KpiGroup(KpiFigure):
    by: Annotated[str, Field(examples=["category"])]
    key: str | None


class KpiValues(KpiFigure):
    """The figure of a period, what its cases count as, and the same by group."""

    kpi: str
    definition: Annotated[str, Field(examples=["first_response/1"])]
    from_: Annotated[datetime | date, Field(alias="from")]
    to: datetime | date
    as_of: datetime
    unit: KpiUnit
    parts: Annotated[dict[str, int], Field(description="How many cases count as what", examples=[{"met": 1}])]
    groups: list[KpiGroup]
    benchmarks: list[BenchmarkRead]


class KpiRow(Read):
    """One case behind a figure: a complaint, one of its cycles, or one of its clocks."""

    key: str
    complaint_id: UUID
    number: str
    customer_id: UUID | None
    category: Category
    cause: Annotated[str | None, Field(json_schema_extra={"x-code-list": "root_cause"})]
    at: Annotated[datetime, Field(description="What put it into the period")]
    part: Annotated[str, Field(description="What it counts as", examples=["answered"])]
    kind: Annotated[ClockKind | None, Field(description="Of the clock")]
    metric: ClockMetric | None
    cycle: int | None
    seconds: int | None
    net_seconds: int | None


class Ratio(Read):
    numerator: int
    denominator: int
    value: float | None


class OnTimeExclusions(Read):
    cancelled: int
    held_before_handover: int
    delivery_time_unknown: int


class OnTimeRead(Ratio):
    """The adjusted figure at the top, the raw one beside it, and every exclusion counted."""

    kpi: str
    definition: Annotated[str, Field(examples=["on_time/1"])]
    from_: Annotated[datetime | date, Field(alias="from")]
    to: datetime | date
    raw: Ratio
    excluded: OnTimeExclusions
    delivered: Annotated[int, Field(description="Delivered at a known time")]
    delivered_late: Annotated[int, Field(description="Of these, after the promised instant")]
    delivered_on_later_date: Annotated[
        int, Field(description="Of these, on a later date than promised, in `tz`")
    ]
