"""What a calendar says of local days, and how much work lies before any local time: no day is walked through."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date
from itertools import accumulate, pairwise
from typing import NamedTuple

from app.models.calendar import StepReason
from app.schemas.calendar import CalendarHours, minutes
from app.services.clocks.step import counts
from app.services.clocks.zones import DAY

_MINUTE = DAY // 1440
_EPOCH = date(1970, 1, 1).toordinal()
_THURSDAY = 3


class Piece(NamedTuple):
    """From and to, in microseconds since a day's midnight."""

    start: int
    end: int
    why: StepReason


class Day(NamedTuple):
    """A whole local day in pieces without gaps, and the work in it."""

    pieces: list[Piece]
    total: int


_HOLIDAY = Day([Piece(0, DAY, StepReason.HOLIDAY)], 0)


class LocalDays:
    """Seven ordinary days, and the special ones with how much work lies before each."""

    def __init__(self, form: CalendarHours) -> None:
        self._hours = [_pieces(intervals, StepReason.WORKING) for _, intervals in form.hours]
        self._overrides = {_number(day): intervals for day, intervals in form.date_overrides.items()}
        self._breaks = {
            _number(day): _pieces(intervals, StepReason.BREAK) for day, intervals in form.breaks.items()
        }
        self._holidays = {_number(day) for day in form.holidays}
        self._week = [_day(self._hours[each] + _tail(self._hours[each - 1])) for each in range(7)]
        self._before_weekday = list(accumulate((day.total for day in self._week), initial=0))
        named = self._holidays | self._overrides.keys() | self._breaks.keys()
        self._special = {at: self._built(at) for at in sorted(named | {at + 1 for at in named})}
        self._numbers = list(self._special)
        more = (day.total - self._week[_weekday(at)].total for at, day in self._special.items())
        self._more = list(accumulate(more, initial=0))
        """How much more work there is before each special day than in ordinary weeks."""
        self._before = [self._ordinarily(at) + self._more[nth] for nth, at in enumerate(self._numbers)]
        reasons = {piece.why for day in self._week for piece in day.pieces}
        self._always = reasons.pop() if len(reasons) == 1 else None

    def worked(self, local: int) -> int:
        """How much work lies between Monday 1969-12-29 and this local time; less than none before."""
        at, midnight = local // DAY, local % DAY
        worked = self._ordinarily(at) + self._more[bisect_left(self._numbers, at)]
        for start, end, why in self._day(at).pieces:
            if start >= midnight:
                break
            if counts(why):
                worked += min(end, midnight) - start
        return worked

    def reached(self, worked: int) -> int:
        """The first local time before which there is so much work; there must be one."""
        passed = bisect_left(self._before, worked) - 1
        if passed >= 0 and worked <= self._before[passed] + self._special[self._numbers[passed]].total:
            return self._within(self._numbers[passed], worked - self._before[passed])
        weeks, rest = divmod(worked - self._more[passed + 1] - 1, self._before_weekday[-1])
        weekday = bisect_left(self._before_weekday, rest + 1) - 1
        return self._within(weeks * 7 + weekday - _THURSDAY, rest + 1 - self._before_weekday[weekday])

    def begins(self, start: int, end: int) -> Iterator[tuple[int, StepReason]]:
        """Where the pieces begin that hold between two local times; where all days are alike, they are one."""
        at = start // DAY
        while (midnight := at * DAY) < end:
            if self._always and at not in self._special:
                yield max(midnight, start), self._always
                nth = bisect_left(self._numbers, at)
                at = self._numbers[nth] if nth < len(self._numbers) else end // DAY + 1
                continue
            for begin, finish, why in self._day(at).pieces:
                if start < midnight + finish and midnight + begin < end:
                    yield max(midnight + begin, start), why
            at += 1

    def day(self, day: date) -> Day:
        return self._day(_number(day))

    def _day(self, at: int) -> Day:
        return self._special.get(at) or self._week[_weekday(at)]

    def _ordinarily(self, at: int) -> int:
        """Work before a day if there were ordinary weeks only."""
        weeks, weekday = divmod(at + _THURSDAY, 7)
        return weeks * self._before_weekday[-1] + self._before_weekday[weekday]

    def _within(self, at: int, work: int) -> int:
        """When of a day so much of its work is done; it has at least that."""
        for start, end, why in self._day(at).pieces:
            if counts(why):
                if work <= end - start:
                    return at * DAY + start + work
                work -= end - start
        raise AssertionError(at, work)

    def _built(self, at: int) -> Day:
        if at in self._holidays:
            return _HOLIDAY
        breaks = self._breaks.get(at, []) + _tail(self._breaks.get(at - 1, []))
        closed = self._overrides.get(at) == []
        otherwise = StepReason.CLOSED_DAY if closed else StepReason.OUTSIDE_HOURS
        return _day(breaks + self._begun(at) + _tail(self._begun(at - 1)), otherwise)

    def _begun(self, at: int) -> list[Piece]:
        """The shifts that begin on a day."""
        usual = self._hours[_weekday(at)]
        if at in self._holidays:
            return []
        if at in self._overrides:
            return _pieces(self._overrides[at], StepReason.SPECIAL_HOURS if usual else StepReason.MAKE_UP_DAY)
        return usual


def _number(day: date) -> int:
    return day.toordinal() - _EPOCH


def _weekday(at: int) -> int:
    return (at + _THURSDAY) % 7


def _pieces(intervals: list[list[str]], why: StepReason) -> list[Piece]:
    return [Piece(minutes(start) * _MINUTE, minutes(end) * _MINUTE, why) for start, end in intervals]


def _tail(begun: list[Piece]) -> list[Piece]:
    """What of a day's shifts reaches into the next day."""
    return [Piece(max(each.start - DAY, 0), each.end - DAY, each.why) for each in begun if each.end > DAY]


def _day(layers: list[Piece], otherwise: StepReason = StepReason.OUTSIDE_HOURS) -> Day:
    """A day of which the first layer that covers a moment decides."""
    edges = sorted({0, DAY}.union(*((min(each.start, DAY), min(each.end, DAY)) for each in layers)))
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        why = next((each.why for each in layers if each.start <= start and end <= each.end), otherwise)
        if pieces and pieces[-1].why is why:
            pieces[-1] = pieces[-1]._replace(end=end)
        else:
            pieces.append(Piece(start, end, why))
    return Day(pieces, sum(each.end - each.start for each in pieces if counts(each.why)))
