"""Calendars, as people write them and as they are kept."""

from datetime import date, datetime
from itertools import pairwise
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.models.calendar import StepReason, YearCertainty
from app.schemas.base import Body, Day, Grounds, Line, Read, Word, Zone, normalised, refused

_NEXT_DAY = 24 * 60


def minutes(wall: str) -> int:
    """Minutes since the midnight that the day began with."""
    hour, _, minute = wall.partition(":")
    return int(hour) * 60 + int(minute)


def _forward(interval: list[str]) -> list[str]:
    start, end = map(minutes, interval)
    if start >= _NEXT_DAY:
        raise refused(
            "begins past midnight; write it on the day that it begins on",
            "开始时间已过午夜；请写在开始的那一天",
        )
    if end <= start:
        raise refused(
            "ends before it begins; past midnight count on: 06:00 of the next day is 30:00",
            "结束早于开始；跨午夜请继续计数：次日 06:00 写作 30:00",
        )
    if end > start + _NEXT_DAY:
        raise refused("is longer than a day", "超过一整天")
    return interval


def _apart(intervals: list[list[str]]) -> list[list[str]]:
    in_order = sorted(intervals, key=lambda interval: minutes(interval[0]))
    for (_, end), (start, _) in pairwise(in_order):
        if minutes(start) < minutes(end):
            raise refused("two intervals of this day overlap", "同一天的两个时段重叠")
    return in_order


WallTime = Annotated[
    str,
    Field(pattern=r"^([0-3][0-9]|4[0-7]):[0-5][0-9]$", examples=["09:00"]),
    BeforeValidator(lambda v: normalised(v) if isinstance(v, str) else v),
]
"""Hours and minutes of a local day; counted on past midnight, so that 30:00 is 06:00 of the next day."""
Interval = Annotated[
    list[WallTime], Field(min_length=2, max_length=2, examples=[["09:00", "17:00"]]), AfterValidator(_forward)
]
"""From, and to where it no longer holds. It belongs to the day that it begins on."""
Intervals = Annotated[list[Interval], Field(max_length=8), AfterValidator(_apart)]
"""Those of one day, in their order; they may touch."""
Dated = Annotated[dict[Day, Intervals], Field(max_length=250)]
Days = Annotated[list[Day], Field(max_length=1000)]


class WeekHours(Body):
    """The hours of an ordinary week. A day that is left out is closed."""

    mon: Intervals = []
    tue: Intervals = []
    wed: Intervals = []
    thu: Intervals = []
    fri: Intervals = []
    sat: Intervals = []
    sun: Intervals = []


class CalendarHours(Body):
    """When work is done, in local time. A holiday goes before a break, that before a date's hours, these before the week's."""

    hours: WeekHours
    holidays: Annotated[
        Days, Field(description="Closed from 00:00 to 24:00, whatever else is said of them")
    ] = []
    date_overrides: Annotated[
        Dated, Field(description="What begins on these dates instead of the week's hours; nothing, if empty")
    ] = {}
    breaks: Annotated[Dated, Field(description="Closed on these dates, whatever shift it is")] = {}


class CalendarForm(CalendarHours):
    """All that a clock has to know of a calendar."""

    tz: Annotated[Zone, Field(description="IANA zone that the hours are told in")]


_OFFICE = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
_VERSION = {
    "valid_from": "2027-01-01",
    "hours": _OFFICE,
    "holidays": ["2027-02-06"],
    "date_overrides": {"2027-02-20": [["09:00", "12:00"]]},
    "years": {"2027": "provisional"},
    "source": "国务院办公厅关于 2027 年部分节假日安排的通知",
}

Year = Annotated[str, Field(pattern="^[12][0-9]{3}$", examples=["2027"])]


class CalendarVersionCreate(CalendarHours, json_schema_extra={"examples": [_VERSION]}):
    """What holds for clocks that start on `valid_from` or later; what was said before stays as it is."""

    valid_from: Day
    years: Annotated[
        dict[Year, YearCertainty],
        Field(
            max_length=200,
            description="Whether a year's holidays were announced or are only probable",
            json_schema_extra={"additionalProperties": False},
        ),
    ] = {}
    source: Grounds


class CalendarCreate(
    Body,
    json_schema_extra={
        "examples": [
            {"code": "hz_office", "zh": "杭州办公时间", "en": "Hangzhou office", "zone": "Asia/Shanghai"}
            | {"version": _VERSION}
        ]
    },
):
    """With its first version."""

    code: Word
    zh: Line
    en: Line
    zone: Zone
    version: CalendarVersionCreate


class CalendarSummary(Read):
    id: UUID
    code: str
    zh: str
    en: str
    zone: str
    created_at: datetime


class CalendarVersionRead(Read):
    """As it was written. `created_by` is null where it came with the product."""

    id: UUID
    number: int
    valid_from: date
    hours: WeekHours
    holidays: list[date]
    date_overrides: dict[date, list[list[str]]]
    breaks: dict[date, list[list[str]]]
    years: dict[str, YearCertainty]
    source: str
    created_by: UUID | None
    created_at: datetime


class CalendarYearQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: Annotated[
        int | None, Field(ge=1, le=100_000, description="Of the version; the newest, if left out")
    ] = None


class CalendarDay(Read):
    day: date
    open: bool
    seconds: Annotated[int, Field(description="Of work, on a day on which no clock is turned")]
    why: Annotated[StepReason, Field(description="What most of its work is, or what keeps it closed")]


class CalendarYear(Read):
    """Each of its days, as one version has them."""

    year: int
    number: int
    certainty: Annotated[
        YearCertainty | None, Field(description="Null where nobody said anything of this year's holidays")
    ]
    days: list[CalendarDay]


class CalendarRead(CalendarSummary):
    """With its versions, the newest first; `version` is the number of that."""

    version: int
    versions: list[CalendarVersionRead]
