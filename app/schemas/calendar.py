"""Calendars as people write them, and sums made with them."""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from app.schemas.base import Body, Day, Zone, normalised, refused

_NEXT_DAY = 24 * 60
_LONGEST_TARGET = 100 * 366 * 86_400


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
Intervals = Annotated[list[Interval], Field(max_length=24), AfterValidator(_apart)]
"""Those of one day, in their order; they may touch."""
Dated = Annotated[dict[Day, Intervals], Field(max_length=1000)]
Days = Annotated[list[Day], Field(max_length=2000)]


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
