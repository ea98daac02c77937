"""Working time agrees with an oracle that walks through time and asks of each minute, and keeps its laws everywhere."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.errors import NoWorkingTime
from app.services.clocks import zones
from app.services.clocks.working_time import WorkingTime
from tests.test_working_time import WEEK, calendar

ZONES = ("Asia/Shanghai", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo")
TURNS = {
    "Asia/Shanghai": ("1991-04-14", "1991-09-15"),
    "Europe/Zurich": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Sao_Paulo": ("2018-02-18", "2018-11-04"),
}
"""Days on which clocks were turned; in São Paulo at midnight, on Lord Howe by half an hour."""
MINUTE = timedelta(minutes=1)
SPAN = 4 * 24 * 60


# An oracle that knows nothing of the engine


def minutes_of(wall: str) -> int:
    return int(wall[:2]) * 60 + int(wall[3:])


class Oracle:
    """Goes through time minute by minute, and asks of each what the rules say of its local time."""

    def __init__(
        self, form: dict[str, Any], start: datetime, pauses: list[tuple[datetime, datetime]]
    ) -> None:
        self.form, self.start, self.pauses = form, start, pauses
        zone = ZoneInfo(form["tz"])
        self.open = [
            self.says((start + nth * MINUTE).astimezone(zone)) and not self.stands(start + nth * MINUTE)
            for nth in range(SPAN)
        ]

    def stands(self, moment: datetime) -> bool:
        return any(since <= moment < until for since, until in self.pauses)

    def says(self, local: datetime) -> bool:
        day, minute = local.date(), local.hour * 60 + local.minute
        before = day - timedelta(days=1)
        if day.isoformat() in self.form["holidays"]:
            return False
        if self.covers(self.form["breaks"].get(day.isoformat(), []), minute):
            return False
        if self.covers(self.form["breaks"].get(before.isoformat(), []), minute + 1440):
            return False
        return self.covers(self.begun(day), minute) or self.covers(self.begun(before), minute + 1440)

    def begun(self, day: date) -> list[list[str]]:
        if day.isoformat() in self.form["holidays"]:
            return []
        usual = self.form["hours"].get(WEEK[day.weekday()], [])
        found: list[list[str]] = self.form["date_overrides"].get(day.isoformat(), usual)
        return found

    @staticmethod
    def covers(intervals: list[list[str]], minute: int) -> bool:
        return any(minutes_of(start) <= minute < minutes_of(end) for start, end in intervals)


def wall(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def intervals(draw: st.DrawFn, least: int = 0) -> list[list[str]]:
    """Several a day and apart; the last may go past midnight."""
    drawn = draw(st.sets(st.integers(0, 95), min_size=2 * least, max_size=6))
    edges = sorted(drawn)[: len(drawn) // 2 * 2]
    past_midnight: bool = draw(st.booleans())
    if edges and past_midnight:
        edges[-1] = draw(st.integers(edges[-2] + 1, edges[-2] + 96))
    return [[wall(15 * start), wall(15 * end)] for start, end in zip(edges[::2], edges[1::2], strict=True)]


@st.composite
def forms(draw: st.DrawFn) -> tuple[dict[str, Any], datetime]:
    """A calendar with everything that a calendar may have, and a moment at most two days before clocks are turned."""
    tz = draw(st.sampled_from(ZONES))
    turned = date.fromisoformat(draw(st.sampled_from(TURNS[tz])))
    near = st.integers(-2, 2).map(lambda days: (turned + timedelta(days=days)).isoformat())
    form = {
        "tz": tz,
        "hours": draw(st.dictionaries(st.sampled_from(WEEK), intervals())),
        "holidays": draw(st.lists(near, max_size=3, unique=True)),
        "date_overrides": draw(st.dictionaries(near, intervals(), max_size=3)),
        "breaks": draw(st.dictionaries(near, intervals(least=1), max_size=3)),
    }
    start = datetime(turned.year, turned.month, turned.day, tzinfo=UTC)
    return form, start + timedelta(minutes=draw(st.integers(-2 * 1440, 0)))


def pauses_after(start: datetime) -> st.SearchStrategy[list[tuple[datetime, datetime]]]:
    """In any order, overlapping, some of them from before the start."""
    pause = st.tuples(st.integers(-600, SPAN), st.integers(1, 4000))
    made = pause.map(lambda each: (start + each[0] * MINUTE, start + (each[0] + each[1]) * MINUTE))
    return st.lists(made, max_size=4)


@given(made=forms(), data=st.data())
def test_the_oracle_agrees(made: tuple[dict[str, Any], datetime], data: st.DataObject) -> None:
    """On what has passed, on each step, and on what is due: at the end of the last minute that it takes."""
    form, start = made
    pauses = data.draw(pauses_after(start))
    oracle, time = Oracle(form, start, pauses), calendar(**form)
    until = data.draw(st.integers(0, SPAN))
    end = start + until * MINUTE
    assert time.elapsed(start, end, pauses) == sum(oracle.open[:until]) * MINUTE
    for step in time.steps(start, end, pauses):
        first, last = ((moment - start) // MINUTE for moment in (step.since, step.until))
        assert set(oracle.open[first:last]) == {step.counted}
    counted = [nth for nth, is_open in enumerate(oracle.open) if is_open]
    for target in data.draw(st.sets(st.integers(1, len(counted)), max_size=5)) if counted else ():
        assert time.due(start, target * MINUTE, pauses) == start + (counted[target - 1] + 1) * MINUTE


# What holds of any calendar, anywhere between 1901 and 2199

moments = st.datetimes(datetime(1901, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the strategy adds the zone
targets = st.timedeltas(timedelta(microseconds=1), timedelta(days=400))


def due_of(time: WorkingTime, *asked: Any) -> datetime:
    """Or no example at all, where the calendar has too little time."""
    try:
        return time.due(*asked)
    except NoWorkingTime:
        assume(condition=False)
        raise


@given(made=forms(), start=moments, target=targets)
def test_what_has_passed_when_it_is_due_is_the_target(
    made: tuple[dict[str, Any], datetime], start: datetime, target: timedelta
) -> None:
    time = calendar(**made[0])
    due = due_of(time, start, target)
    assert time.elapsed(start, due) == target
    assert time.elapsed(start, due - timedelta(microseconds=1)) == target - timedelta(microseconds=1)


@given(made=forms(), start=moments, targets=st.tuples(targets, targets), later=targets)
def test_more_is_due_later_and_what_starts_later_is_not_due_earlier(
    made: tuple[dict[str, Any], datetime],
    start: datetime,
    targets: tuple[timedelta, timedelta],
    later: timedelta,
) -> None:
    time = calendar(**made[0])
    less, more = sorted(targets)
    assert due_of(time, start, less) <= due_of(time, start, more)
    assert due_of(time, start, less) <= due_of(time, start + later, less)


@given(made=forms(), start=moments, target=targets, begun=targets, length=targets)
def test_a_pause_moves_what_is_due_by_the_working_time_in_it(
    made: tuple[dict[str, Any], datetime],
    start: datetime,
    target: timedelta,
    begun: timedelta,
    length: timedelta,
) -> None:
    time = calendar(**made[0])
    before = due_of(time, start, target)
    pause = (start + begun, start + begun + length)
    assume(pause[0] < before)
    paused = due_of(time, start, target, [pause])
    assert paused == due_of(time, start, target + time.elapsed(*pause))
    assert time.elapsed(start, paused, [pause]) == target


@given(made=forms(), start=moments, length=st.timedeltas(timedelta(), timedelta(days=90)), data=st.data())
def test_the_steps_are_gapless_and_add_up(
    made: tuple[dict[str, Any], datetime], start: datetime, length: timedelta, data: st.DataObject
) -> None:
    time, end = calendar(**made[0]), start + length
    pauses = data.draw(pauses_after(start))
    steps = list(time.steps(start, end, pauses))
    edges = [start, *(step.until for step in steps)]
    assert [step.since for step in steps] == edges[:-1]
    assert edges[-1] == end
    assert all(step.length > timedelta() for step in steps)
    assert all(one.why is not other.why for one, other in pairwise(steps))
    counted = sum((step.length for step in steps if step.counted), timedelta())
    assert counted == time.elapsed(start, end, pauses)


@given(tz=st.sampled_from([*ZONES, "Africa/Casablanca", "Asia/Gaza", "Pacific/Apia"]), moment=moments)
@example(tz="Pacific/Apia", moment=datetime(2011, 12, 30, 10, tzinfo=UTC))
def test_the_turns_of_a_zone_say_what_the_zone_says(tz: str, moment: datetime) -> None:
    turns = zones.turns(tz)
    nth = sum(since <= zones.count(moment) for since in turns.since) - 1
    assert timedelta(microseconds=turns.offset[nth]) == moment.astimezone(ZoneInfo(tz)).utcoffset()
