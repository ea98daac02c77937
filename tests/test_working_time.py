"""Working time agrees with other systems' tests and keeps its conventions."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from app.errors import NoWorkingTime
from app.models.calendar import StepReason
from app.schemas.calendar import CalendarForm
from app.services.clocks.working_time import WorkingTime

VECTORS = json.loads((Path(__file__).parent / "data" / "clock_vectors.json").read_text("utf-8"))
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def calendar(tz: str = "Asia/Shanghai", hours: Any = None, **rest: Any) -> WorkingTime:
    return WorkingTime(CalendarForm.model_validate({"tz": tz, "hours": hours or {}, **rest}))


def at(written: str) -> datetime:
    return datetime.fromisoformat(written)


def spans(written: list[list[str]]) -> list[tuple[datetime, datetime]]:
    return [(at(since), at(until)) for since, until in written]


OFFICE: dict[str, Any] = {day: [["09:00", "18:00"]] for day in WEEK[:5]}


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["id"])
def test_every_vector_agrees(vector: dict[str, Any]) -> None:
    time = calendar(**VECTORS["calendars"][vector["calendar"]])
    start, pauses = at(vector["start"]), spans(vector.get("pauses", []))
    if vector["op"] == "due":
        assert time.due(start, timedelta(seconds=vector["seconds"]), pauses) == at(vector["expect"])
    else:
        expected = timedelta(seconds=vector["expect"])
        assert time.elapsed(start, at(vector["end"]), pauses) == expected
        steps = time.steps(start, at(vector["end"]), pauses)
        assert sum((step.length for step in steps if step.counted), timedelta()) == expected


def reasons(time: WorkingTime, since: str, until: str) -> list[tuple[str, str]]:
    """Each step's local end in hours and minutes, and why."""
    zone = ZoneInfo("Asia/Shanghai")
    return [
        (f"{step.until.astimezone(zone):%d %H:%M}", step.why.value)
        for step in time.steps(at(since), at(until))
    ]


def test_each_step_says_why() -> None:
    """国庆节: 1 October is a holiday, on Saturday the 10th 调休 is made up for, a fire drill breaks the 9th."""
    time = calendar(
        hours=OFFICE,
        holidays=["2026-10-07"],
        date_overrides={
            "2026-10-10": [["09:00", "18:00"]],
            "2026-10-08": [["10:00", "12:00"]],
            "2026-10-12": [],
        },
        breaks={"2026-10-09": [["12:00", "13:00"]]},
    )
    assert reasons(time, "2026-10-07T12:00+08:00", "2026-10-13T12:00+08:00") == [
        ("08 00:00", "holiday"),
        ("08 10:00", "outside_hours"),
        ("08 12:00", "special_hours"),
        ("09 09:00", "outside_hours"),
        ("09 12:00", "working"),
        ("09 13:00", "break"),
        ("09 18:00", "working"),
        ("10 09:00", "outside_hours"),
        ("10 18:00", "make_up_day"),
        ("12 00:00", "outside_hours"),
        ("13 00:00", "closed_day"),
        ("13 09:00", "outside_hours"),
        ("13 12:00", "working"),
    ]


def test_a_night_shift_belongs_to_the_day_it_begins_on_and_ends_where_a_holiday_begins() -> None:
    """On the holiday's own evening none begins, so that the morning after has none to end."""
    nights = {day: [["22:00", "30:00"]] for day in WEEK}
    time = calendar(hours=nights, holidays=["2026-10-01"], date_overrides={"2026-10-04": []})
    assert reasons(time, "2026-09-30T12:00+08:00", "2026-10-05T12:00+08:00") == [
        ("30 22:00", "outside_hours"),
        ("01 00:00", "working"),
        ("02 00:00", "holiday"),
        ("02 22:00", "outside_hours"),
        ("03 06:00", "working"),
        ("03 22:00", "outside_hours"),
        ("04 06:00", "working"),
        ("05 00:00", "closed_day"),
        ("05 12:00", "outside_hours"),
    ]


def test_a_break_may_go_past_midnight_and_cuts_whatever_shift_it_meets() -> None:
    always = {day: [["00:00", "24:00"]] for day in WEEK}
    time = calendar(hours=always, breaks={"2026-10-01": [["23:00", "25:30"]]})
    assert reasons(time, "2026-10-01T12:00+08:00", "2026-10-02T12:00+08:00") == [
        ("01 23:00", "working"),
        ("02 01:30", "break"),
        ("02 12:00", "working"),
    ]


def test_an_hour_that_clocks_go_through_twice_counts_twice_and_one_leapt_over_not_at_all() -> None:
    always = calendar("Europe/Zurich", {day: [["00:00", "24:00"]] for day in WEEK})
    early = calendar("Europe/Zurich", {day: [["02:00", "03:00"]] for day in WEEK})
    autumn = at("2026-10-25T00:00+02:00"), at("2026-10-26T00:00+01:00")
    spring = at("2026-03-29T00:00+01:00"), at("2026-03-30T00:00+02:00")
    assert [time.elapsed(*autumn) for time in (always, early)] == [timedelta(hours=25), timedelta(hours=2)]
    assert [time.elapsed(*spring) for time in (always, early)] == [timedelta(hours=23), timedelta()]
    assert early.due(autumn[0], timedelta(minutes=90)) == at("2026-10-25T02:30+01:00")


def test_a_target_of_nothing_is_due_at_once_and_nothing_passes_backwards() -> None:
    time, sunday = calendar(hours=OFFICE), at("2026-11-22T12:00+08:00")
    assert time.due(sunday, timedelta()) == sunday
    assert time.elapsed(sunday, sunday - timedelta(days=9)) == timedelta()
    assert list(time.steps(sunday, sunday - timedelta(days=9))) == []


def test_what_is_due_with_a_pause_that_starts_then_is_due_then() -> None:
    time, start = calendar(hours=OFFICE), at("2026-11-23T09:00+08:00")
    noon = start + timedelta(hours=3)
    assert time.due(start, timedelta(hours=3), [(noon, noon + timedelta(hours=1))]) == noon


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"hours": {"mon": []}},
        {"date_overrides": {"2026-11-20": [["09:00", "18:00"]]}},
        {"date_overrides": {"2026-12-01": [["09:00", "18:00"]]}},
        {"hours": {"mon": [["09:00", "18:00"]]}, "holidays": ["2026-11-23"], "tz": "Europe/Zurich"},
    ],
    ids=["nothing", "an empty day", "over", "too little", "too far"],
)
def test_a_calendar_without_working_time_in_reach_says_so(form: dict[str, Any]) -> None:
    with pytest.raises(NoWorkingTime):
        calendar(**form).due(at("2026-11-22T12:00+08:00"), timedelta(days=9200))


def test_a_calendar_that_has_one_day_in_a_hundred_years_finds_it() -> None:
    time = calendar(date_overrides={"2126-02-28": [["09:00", "10:00"]]})
    assert time.due(at("2026-11-22T12:00+08:00"), timedelta(hours=1)) == at("2126-02-28T10:00+08:00")
    assert len(list(time.steps(at("2026-11-22T12:00+08:00"), at("2190-01-01T00:00Z")))) == 3


@pytest.mark.parametrize(
    ("form", "place", "words"),
    [
        ({"hours": {"mon": [["17:00", "09:00"]]}}, ("hours", "mon", 0), "ends before it begins"),
        ({"hours": {"mon": [["09:00", "09:00"]]}}, ("hours", "mon", 0), "ends before it begins"),
        ({"hours": {"mon": [["25:00", "30:00"]]}}, ("hours", "mon", 0), "begins past midnight"),
        ({"hours": {"mon": [["01:00", "30:00"]]}}, ("hours", "mon", 0), "longer than a day"),
        ({"hours": {"tue": [["13:00", "18:00"], ["09:00", "14:00"]]}}, ("hours", "tue"), "overlap"),
        ({"hours": {"tue": [["09:00", "9:30"]]}}, ("hours", "tue", 0, 1), "match pattern"),
        ({"hours": {"tue": [["09:00", "48:01"]]}}, ("hours", "tue", 0, 1), "match pattern"),
        ({"hours": {"tue": [["09:00"]]}}, ("hours", "tue", 0), "at least 2"),
        ({"hours": {"周一": []}}, ("hours", "周一"), "not permitted"),
        ({"holidays": ["2026-02-30"]}, ("holidays", 0), "date"),
        ({"breaks": {"2026-02-01": [["12:00", "11:00"]]}}, ("breaks", "2026-02-01", 0), "ends before"),
        ({"tz": "Asia/Hangzhou"}, ("tz",), "no such time zone"),
    ],
)
def test_what_a_calendar_cannot_mean_is_refused_where_it_stands(
    form: dict[str, Any], place: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(ValidationError, match=words) as refusal:
        calendar(**form)
    assert refusal.value.errors()[0]["loc"] == place


def test_full_width_digits_are_read_as_the_plain_ones() -> None:
    time = calendar(hours={"mon": [["０９：００", "１８：００"]]})
    monday = at("2026-11-23T00:00+08:00")
    assert time.elapsed(monday, monday + timedelta(days=1)) == timedelta(hours=9)


def test_rest_days_are_those_without_work() -> None:
    time = calendar(
        hours=OFFICE, holidays=["2026-10-01"], date_overrides={"2026-10-10": [["09:00", "18:00"]]}
    )
    days = [date(2026, 10, day) for day in (1, 2, 3, 10)]
    assert [time.rests(day) for day in days] == [True, False, True, False]


def test_every_reason_that_counts_can_come_up() -> None:
    """The last three belong to the law's way of counting."""
    time = calendar(
        hours=OFFICE,
        holidays=["2026-10-01"],
        date_overrides={
            "2026-10-03": [["09:00", "12:00"]],
            "2026-10-05": [["09:00", "12:00"]],
            "2026-10-06": [],
        },
        breaks={"2026-10-02": [["10:00", "11:00"]]},
    )
    pause = [(at("2026-10-07T00:00Z"), at("2026-10-08T00:00Z"))]
    found = {step.why for step in time.steps(at("2026-10-01T00:00Z"), at("2026-10-09T00:00Z"), pause)}
    assert found == set(StepReason) - {StepReason.CALENDAR_TIME, StepReason.FIRST_DAY, StepReason.REST_DAY}
