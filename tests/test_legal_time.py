"""The law's terms end where the Civil Code of China says, in articles 200 to 204."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NoWorkingTime
from app.services.clocks.legal_time import Days, Hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
NATIONAL_DAY = {date(2026, 10, day) for day in range(1, 8)}


def at(written: str) -> datetime:
    return datetime.fromisoformat(written)


def rests(day: date) -> bool:
    """国庆节 2026, and weekends but for the Saturday that is worked for it."""
    return day in NATIONAL_DAY or (day.weekday() > 4 and day != date(2026, 10, 10))


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-11-22T00:00+08:00", "2026-11-30T00:00+08:00"),
        ("2026-11-22T23:59:59.999999+08:00", "2026-11-30T00:00+08:00"),
        ("2026-11-22T16:00Z", "2026-12-01T00:00+08:00"),
        ("2027-12-28T09:00+08:00", "2028-01-05T00:00+08:00"),
    ],
)
def test_seven_days_end_at_midnight_after_the_seventh_and_the_first_does_not_count(
    received: str, due: str
) -> None:
    assert Days(7, SHANGHAI).due(at(received)) == at(due)


def test_a_term_that_ends_in_a_holiday_is_moved_past_it_only_where_the_rule_says_so() -> None:
    received = at("2026-09-24T10:00+08:00")
    assert Days(7, SHANGHAI).due(received) == at("2026-10-02T00:00+08:00")
    assert Days(7, SHANGHAI, rests).due(received) == at("2026-10-09T00:00+08:00")


def test_a_saturday_that_is_worked_is_no_rest() -> None:
    assert Days(7, SHANGHAI, rests).due(at("2026-10-03T10:00+08:00")) == at("2026-10-11T00:00+08:00")
    assert Days(7, SHANGHAI, rests).due(at("2026-10-10T10:00+08:00")) == at("2026-10-20T00:00+08:00")


def test_the_strict_form_is_seven_times_twenty_four_hours() -> None:
    term, received = Hours(timedelta(hours=7 * 24)), at("2026-11-22T15:04:05.678901+08:00")
    assert term.due(received) == at("2026-11-29T15:04:05.678901+08:00")
    assert term.elapsed(received, term.due(received)) == timedelta(days=7)
    assert [step.length for step in term.steps(received, term.due(received))] == [timedelta(days=7)]
    assert term.elapsed(received, received - timedelta(1)) == timedelta()
    assert list(term.steps(received, received)) == []


def test_the_steps_name_the_first_day_the_rest_that_moved_the_end_and_what_is_late() -> None:
    start, end = at("2026-09-24T10:00+08:00"), at("2026-10-09T12:00+08:00")
    told = [
        (step.until.astimezone(SHANGHAI), step.why.value)
        for step in Days(7, SHANGHAI, rests).steps(start, end)
    ]
    assert told == [
        (at("2026-09-25T00:00+08:00"), "first_day"),
        (at("2026-10-02T00:00+08:00"), "calendar_time"),
        (at("2026-10-09T00:00+08:00"), "rest_day"),
        (end, "calendar_time"),
    ]


def test_a_term_that_would_be_moved_for_ever_says_so() -> None:
    with pytest.raises(NoWorkingTime):
        Days(7, SHANGHAI, lambda _: True).due(at("2026-11-22T10:00+08:00"))


@pytest.mark.parametrize(
    ("zone", "received", "due"),
    [
        ("America/Sao_Paulo", "2018-11-02T12:00-03:00", "2018-11-04T03:00Z"),
        ("America/Sao_Paulo", "2018-02-16T12:00-02:00", "2018-02-18T03:00Z"),
        ("America/Havana", "2026-10-30T12:00-04:00", "2026-11-01T04:00Z"),
        ("Pacific/Apia", "2011-12-28T12:00-10:00", "2011-12-30T10:00Z"),
    ],
    ids=["midnight leapt over", "the last hour twice", "the first hour twice", "a date leapt over"],
)
def test_a_day_ends_where_its_date_does_even_where_clocks_are_turned_at_midnight(
    zone: str, received: str, due: str
) -> None:
    assert Days(1, ZoneInfo(zone)).due(at(received)) == at(due)
    last = (at(due) - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
    assert last == at(received).date() + timedelta(days=1)
    assert at(due).astimezone(ZoneInfo(zone)).date() > last


@given(
    # Shanghai had summer time before.
    start=st.datetimes(datetime(1992, 1, 1), datetime(2190, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # the strategy adds the zone
    days=st.integers(0, 60),
    length=st.timedeltas(timedelta(), timedelta(days=90)),
    moved=st.booleans(),
)
def test_the_steps_are_gapless_and_add_up(
    start: datetime, days: int, length: timedelta, *, moved: bool
) -> None:
    term, end = Days(days, SHANGHAI, rests if moved else None), start + length
    steps = list(term.steps(start, end))
    edges = [start, *(step.until for step in steps)]
    assert [step.since for step in steps] == edges[:-1]
    assert edges[-1] == end
    due = term.due(start)
    assert due.astimezone(SHANGHAI).date() > start.astimezone(SHANGHAI).date() + timedelta(days=days)
    assert term.elapsed(start, due) == timedelta(days=days)
