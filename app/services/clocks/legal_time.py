"""The law's time, counted as the Civil Code of China (民法典) says in articles 200 to 204. Nothing pauses it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.errors import NoWorkingTime
from app.models.calendar import StepReason
from app.services.clocks.step import Step

_LONGEST_REST = 366


@dataclass(frozen=True, slots=True)
class Hours:
    """A term that runs from the moment itself (art. 201 II): 24 hours, or strictly 7 x 24."""

    within: timedelta

    def due(self, start: datetime) -> datetime:
        return start + self.within

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """None where `end` comes first."""
        return max(end - start, timedelta())

    def steps(self, start: datetime, end: datetime) -> Iterator[Step]:
        if start < end:
            yield Step(start, end, StepReason.CALENDAR_TIME)


@dataclass(frozen=True, slots=True)
class Days:
    """A term of calendar days: the first does not count (art. 201 I), the last ends at its 24:00 (art. 203 II).

    Where `rests` tells which days are free of work, one that would end on such a day ends with the next that is not
    (art. 203 I). Days are those of `zone`; 24:00 is where its next date begins, whatever clocks do at midnight.
    """

    days: int
    zone: ZoneInfo
    rests: Callable[[date], bool] | None = None

    def due(self, start: datetime) -> datetime:
        """Raises `NoWorkingTime` where rest does not end within a year."""
        last = self._date(start) + timedelta(days=self.days)
        for _ in range(_LONGEST_REST):
            if self.rests is None or not self.rests(last):
                return self._end(last)
            last += timedelta(days=1)
        raise NoWorkingTime

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """What counted up to `end`; when it is due, that is the days of the term."""
        return sum((step.length for step in self.steps(start, end) if step.counted), timedelta())

    def steps(self, start: datetime, end: datetime) -> Iterator[Step]:
        """At most four: the day of the start, the term, the rest that moves its end, and what comes too late."""
        first = self._date(start)
        edges = (self._end(first), self._end(first + timedelta(days=self.days)), self.due(start), end)
        counted = (StepReason.CALENDAR_TIME, StepReason.REST_DAY, StepReason.CALENDAR_TIME)
        for since, until, why in zip((start, *edges), edges, (StepReason.FIRST_DAY, *counted), strict=False):
            if since < min(until, end):
                yield Step(since, min(until, end), why)

    def _date(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _end(self, day: date) -> datetime:
        return datetime.combine(day + timedelta(days=1), time(), self.zone).astimezone(UTC)
