"""Working time: how much of it passed, and when something is due. Pure, and exact to the microsecond.

A moment counts where its local time lies inside the hours, so that an hour which clocks go through twice counts twice,
and one that they leap over not at all. Any distance costs the same: a few look-ups in sorted lists.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from app.errors import NoWorkingTime
from app.models.calendar import StepReason
from app.schemas.calendar import CalendarForm
from app.services.clocks.local_days import LocalDays
from app.services.clocks.step import Step, counts
from app.services.clocks.zones import LAST, count, instant, turns

Pauses = Sequence[tuple[datetime, datetime]]
"""When a clock stood, in any order; they may overlap."""


class WorkingTime:
    """A calendar made ready to count by; it never changes."""

    def __init__(self, form: CalendarForm) -> None:
        self._days = LocalDays(form)
        self._since, self._offset = turns(form.tz)
        self._local = [
            self._days.worked(at + offset) for at, offset in zip(self._since, self._offset, strict=True)
        ]
        """Work before the local time that each turn leads to, counted in local time."""
        self._before = [0]
        """Work before each turn, counted from the first."""
        for nth, at in enumerate(self._since[1:]):
            passed = self._days.worked(at + self._offset[nth]) - self._local[nth]
            self._before.append(self._before[nth] + passed)

    def due(self, start: datetime, target: timedelta, pauses: Pauses = ()) -> datetime:
        """The first moment at which `target` of working time has passed since `start`: where it fills a shift, its end.

        Raises `NoWorkingTime` where that is not reached by the end of 2199.
        """
        needed = target // timedelta(microseconds=1)
        if needed <= 0:
            return start
        begun = count(start)
        needed += self._worked(begun)
        for since, until in _merged(pauses, begun, LAST):
            if self._worked(since) >= needed:
                break
            needed += self._worked(until) - self._worked(since)
        return instant(self._reached(needed))

    def elapsed(self, start: datetime, end: datetime, pauses: Pauses = ()) -> timedelta:
        """Working time between two moments; none where `end` comes first."""
        begun, ended = count(start), max(count(end), count(start))
        stood = (self._worked(until) - self._worked(since) for since, until in _merged(pauses, begun, ended))
        return timedelta(microseconds=self._worked(ended) - self._worked(begun) - sum(stood))

    def steps(self, start: datetime, end: datetime, pauses: Pauses = ()) -> Iterator[Step]:
        """Every stretch from `start` to `end` with why it counts or not; those that count add up to `elapsed`.

        They are made one by one. Who wants a page of them goes on with `start` where the page ended.
        """
        at, ended = count(start), count(end)
        for since, until in _merged(pauses, at, ended):
            yield from self._steps(at, since)
            yield Step(instant(since), instant(until), StepReason.PAUSED)
            at = until
        yield from self._steps(at, ended)

    def rests(self, day: date) -> bool:
        """Whether no work is done on this local date."""
        return self._days.day(day).total == 0

    def day(self, day: date) -> tuple[timedelta, StepReason]:
        """The work of a local date, by its clocks if they are not turned, and what most of it is or keeps it closed."""
        pieces, total = self._days.day(day)
        longest = max(pieces, key=lambda piece: (counts(piece.why), piece.end - piece.start))
        return timedelta(microseconds=total), longest.why

    def _worked(self, at: int) -> int:
        nth = self._turn(at)
        return self._before[nth] + self._days.worked(at + self._offset[nth]) - self._local[nth]

    def _turn(self, at: int) -> int:
        """Which turn of the clocks was the last one."""
        return max(bisect_right(self._since, at) - 1, 0)

    def _reached(self, worked: int) -> int:
        if worked > self._worked(LAST):
            raise NoWorkingTime
        nth = max(bisect_left(self._before, worked) - 1, 0)
        return self._days.reached(worked - self._before[nth] + self._local[nth]) - self._offset[nth]

    def _steps(self, start: int, end: int) -> Iterator[Step]:
        """Pieces that follow one another for the same reason are one step."""
        since, why = instant(start), None
        for at, following in self._begins(start, end):
            if following is not why:
                if why is not None:
                    until = instant(at)
                    yield Step(since, until, why)
                    since = until
                why = following
        if why is not None:
            yield Step(since, instant(end), why)

    def _begins(self, start: int, end: int) -> Iterator[tuple[int, StepReason]]:
        """Where the calendar's pieces begin between two moments; they end, too, where clocks are turned."""
        for nth in range(self._turn(start), len(self._since)):
            offset = self._offset[nth]
            since = max(start, self._since[nth]) if nth else start
            until = min(end, self._since[nth + 1]) if nth + 1 < len(self._since) else end
            if since >= until:
                return
            for at, why in self._days.begins(since + offset, until + offset):
                yield at - offset, why


def _merged(pauses: Pauses, start: int, end: int) -> list[tuple[int, int]]:
    """What of the pauses lies between, in order and apart."""
    merged: list[tuple[int, int]] = []
    for since, until in sorted((max(count(each[0]), start), min(count(each[1]), end)) for each in pauses):
        if since >= until:
            continue
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
        else:
            merged.append((since, until))
    return merged
