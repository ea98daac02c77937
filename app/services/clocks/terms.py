"""What a clock counts by: the length of its limit, and the measure that turns seconds into instants."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.models.calendar import StepReason
from app.services.clocks.legal_time import Days
from app.services.clocks.step import Step


class Measure(Protocol):
    """A way to count seconds. `due(start, d)` is the first instant by which `d` were counted."""

    def due(self, start: datetime, target: timedelta) -> datetime: ...

    def elapsed(self, start: datetime, end: datetime) -> timedelta: ...

    def steps(self, start: datetime, end: datetime) -> Iterable[Step]: ...


class EverySecond:
    """All time counts."""

    def due(self, start: datetime, target: timedelta) -> datetime:
        return start + target

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        return end - start

    def steps(self, start: datetime, end: datetime) -> Iterable[Step]:
        return [Step(start, end, StepReason.CALENDAR_TIME)]


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a policy together with one of its calendar.

    A `period` of legal days runs from the clock's start to its end, whatever happens; any other limit is used up second
    by second.
    """

    target: timedelta
    alarms: tuple[int, ...]
    pauses: frozenset[str]
    """Reasons for which it may be paused; none for what the law sets."""
    measure: Measure
    period: Days | None = None

    def due(self, started: datetime, since: datetime, used: timedelta) -> datetime:
        """When the limit is used up, if time counts from `since` on and `used` was used before."""
        if self.period:
            return max(since, self.period.due(started))
        return self._reach(since, self.target - used)

    def reach(self, share: int, started: datetime, since: datetime, used: timedelta) -> datetime:
        """When `share` per cent of the limit are used up; `since` where they are already."""
        if self.period:
            return max(since, started + (self.period.due(started) - started) * share / 100)
        return self._reach(since, self.target * share / 100 - used)

    def _reach(self, since: datetime, rest: timedelta) -> datetime:
        return self.measure.due(since, rest) if rest > timedelta() else since
