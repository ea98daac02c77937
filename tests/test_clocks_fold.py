"""What becomes of a clock, whatever happens to it: a pure function of its events and its terms."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import Conflict
from app.models.clock import Clock, ClockEvent, ClockEventKind, ClockState, Verdict
from app.schemas.calendar import CalendarForm
from app.services.clocks.explain import illegitimate, in_seconds, steps
from app.services.clocks.fold import Folded, Key, fold
from app.services.clocks.legal_time import Days
from app.services.clocks.terms import EverySecond, Measure, Terms
from app.services.clocks.working_time import WorkingTime

K = ClockEventKind
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
START = datetime(2026, 11, 23, 1, tzinfo=UTC)  # Monday, 09:00 in Shanghai
WAITING = "awaiting_customer"
OLD, NEW, LAW = (UUID(int=number) for number in (1, 2, 3))

OFFICE = CalendarForm.model_validate(
    {
        "tz": "Asia/Shanghai",
        "hours": {
            day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")
        },
        "holidays": ["2026-10-01"],
        "date_overrides": {"2026-11-28": [["09:00", "17:00"]]},
    }
)
"""A week with a make-up day 调休 on the Saturday."""
NIGHT = CalendarForm.model_validate(
    {"tz": "Europe/Zurich", "hours": {day: [["20:00", "28:00"]] for day in ("fri", "sat", "sun")}}
)
"""Zürich, over midnight; on the last Sunday of October an hour comes twice."""
MEASURES: dict[str, Measure] = {
    "elapsed": EverySecond(),
    "office": WorkingTime(OFFICE),
    "night": WorkingTime(NIGHT),
}


def terms(measure: Measure, hours: float = 10) -> Terms:
    return Terms(hours * HOUR, (50, 80, 100), frozenset({WAITING}), measure)


LEGAL = Terms(
    timedelta(days=7), (50, 80, 100), frozenset(), EverySecond(), Days(7, ZoneInfo("Asia/Shanghai"))
)


def event(kind: ClockEventKind, at: datetime, **details: Any) -> ClockEvent:
    if kind in {K.STARTED, K.RETARGETED}:
        details = {"policy_id": OLD} | details
    if kind is K.PAUSED:
        details = {"reason": WAITING} | details
    return ClockEvent(kind=kind, at=at, **details)


def folded(*happened: tuple[Any, ...], measure: str = "elapsed", hours: float = 10, new: float = 5) -> Folded:
    """The fold of a clock of ten hours, started at nine o'clock, and of what happened so many hours later."""
    events = [event(K.STARTED, START)]
    for kind, after, *details in happened:
        events.append(event(kind, START + after * HOUR, **(details[0] if details else {})))
    by: dict[Key, Terms] = {
        (OLD, None): terms(MEASURES[measure], hours),
        (NEW, None): terms(MEASURES[measure], new),
        (LAW, None): LEGAL,
    }
    return fold(events, by)


def after(hours: float) -> datetime:
    return START + hours * HOUR


def test_a_clock_that_nothing_happens_to_is_due_when_its_limit_is_over() -> None:
    assert folded().due_at == after(10)
    assert folded().alarms == {50: after(5), 80: after(8), 100: after(10)}
    # 10 working hours from Monday 09:00: 8 on Monday, 2 on Tuesday
    assert folded(measure="office").due_at == datetime(2026, 11, 24, 3, tzinfo=UTC)


def test_met_one_second_late_is_late_and_at_the_very_instant_is_not() -> None:
    for seconds, late in ((-1, False), (0, False), (1, True)):
        assert folded((K.MET, 10 + seconds / 3600)).is_late is late


def test_a_pause_puts_off_what_is_left_and_nothing_else() -> None:
    clock = folded((K.PAUSED, 4), (K.RESUMED, 7))
    assert (clock.due_at, clock.paused) == (after(13), 3 * HOUR)
    assert clock.alarms == {50: after(8), 80: after(11), 100: after(13)}
    assert folded((K.PAUSED, 4)).due_at is None
    assert folded((K.PAUSED, 4)).alarms == {}


def test_a_pause_ends_by_itself_when_its_time_has_come_whoever_notices() -> None:
    pause = (K.PAUSED, 4, {"until": after(6)})
    assert folded(pause).resumes_at == folded(pause).next_at([]) == after(6)
    assert folded(pause, (K.RESUMED, 9)).due_at == after(12)
    assert folded(pause, (K.RESUMED, 5)).due_at == after(11)
    assert folded(pause, (K.MET, 12)).is_late is False
    assert folded(pause, (K.MET, 12.001)).is_late is True
    assert folded(pause, (K.PAUSED, 7), (K.RESUMED, 8)).due_at == after(13)


def test_who_pauses_when_it_is_too_late_stays_late() -> None:
    clock = folded((K.PAUSED, 11), (K.RESUMED, 20))
    assert clock.due_at == after(10)
    assert folded((K.PAUSED, 11)).due_at == after(10)
    assert folded((K.PAUSED, 11), (K.MET, 12)).is_late is True
    assert folded((K.PAUSED, 10), (K.MET, 12)).is_late is False


def test_a_retarget_counts_the_rest_of_the_new_limit_from_where_it_was_set() -> None:
    assert folded((K.RETARGETED, 3, {"policy_id": NEW})).due_at == after(5)
    assert folded((K.RETARGETED, 3, {"policy_id": NEW}), new=20).due_at == after(20)
    paused = folded((K.PAUSED, 1), (K.RESUMED, 3), (K.RETARGETED, 4, {"policy_id": NEW}))
    assert (paused.due_at, paused.used, paused.paused) == (after(7), 2 * HOUR, 2 * HOUR)


def test_nobody_is_late_before_the_instant_at_which_a_shorter_limit_was_set() -> None:
    clock = (K.RETARGETED, 7, {"policy_id": NEW})
    assert folded(clock).due_at == after(7)
    assert folded(clock, (K.MET, 7)).is_late is False
    assert folded(clock, (K.MET, 7.001)).is_late is True


def test_what_was_late_before_a_retarget_stays_late_unless_the_new_limit_leaves_time() -> None:
    late = (K.RETARGETED, 12, {"policy_id": NEW})
    assert folded(late).due_at == after(10)
    assert folded(late, new=11).due_at == after(10)
    assert folded(late, new=14).due_at == after(14)
    assert folded(late, new=14).alarms[100] == after(10), "it was told once, and is not told again"


def test_what_is_taken_back_has_never_been() -> None:
    for stop in (K.MET, K.CANCELLED):
        clock = folded((K.PAUSED, 1), (K.RESUMED, 2), (stop, 3), (K.REVOKED, 5))
        untouched = folded((K.PAUSED, 1), (K.RESUMED, 2))
        assert clock == untouched
    again = folded((K.MET, 3), (K.REVOKED, 5), (K.MET, 11))
    assert again.is_late is True
    with pytest.raises(Conflict):
        folded((K.PAUSED, 3), (K.REVOKED, 5))


def test_the_law_s_days_can_t_be_paused_and_end_a_pause_when_they_take_over() -> None:
    legal = event(K.STARTED, START, policy_id=LAW)
    by: dict[Key, Terms] = {(LAW, None): LEGAL, (OLD, None): terms(EverySecond())}
    assert fold([legal], by).due_at == datetime(2026, 11, 30, 16, tzinfo=UTC)
    with pytest.raises(Conflict):
        fold([legal, event(K.PAUSED, after(1))], by)
    taken_over = folded((K.PAUSED, 4), (K.RETARGETED, 5, {"policy_id": LAW}))
    assert taken_over.state is ClockState.RUNNING
    assert taken_over.due_at == datetime(2026, 11, 30, 16, tzinfo=UTC)


def test_the_alarms_of_the_law_s_days_are_shares_of_the_way_to_their_end() -> None:
    clock = fold([event(K.STARTED, START, policy_id=LAW)], {(LAW, None): LEGAL})
    span = datetime(2026, 11, 30, 16, tzinfo=UTC) - START
    assert clock.alarms == {50: START + span / 2, 80: START + span * 0.8, 100: START + span}


def test_a_share_that_was_not_used_up_before_a_clock_stood_is_not_told_of() -> None:
    by: dict[Key, Terms] = {(LAW, None): LEGAL}
    assert fold([event(K.STARTED, START, policy_id=LAW), event(K.MET, after(1))], by).alarms == {}
    assert folded((K.MET, 5)).alarms == {}
    assert folded((K.MET, 5.001)).alarms == {50: after(5)}
    assert folded((K.PAUSED, 5), (K.RESUMED, 6)).alarms[50] == after(6)


def test_a_clock_waived_or_cancelled_is_neither_late_nor_in_time() -> None:
    for stop in (K.CANCELLED, K.WAIVED):
        assert folded((stop, 11)).is_late is None
    waived = folded((K.MET, 11), (K.WAIVED, 30))
    assert (waived.state, waived.stopped_at, waived.is_late) == (ClockState.WAIVED, after(11), True)


@pytest.mark.parametrize("kind", [K.PAUSED, K.MET, K.CANCELLED, K.RETARGETED, K.RESUMED])
def test_nothing_but_a_waiver_happens_to_a_clock_that_was_met(kind: ClockEventKind) -> None:
    with pytest.raises(Conflict):
        folded((K.MET, 1), (kind, 2))


def test_a_verdict_comes_from_the_instants_whenever_it_is_asked() -> None:
    clock = Clock(state=ClockState.RUNNING, due_at=after(10))
    assert [clock.verdict_at(after(at)) for at in (9, 10, 10.001)] == [
        Verdict.OPEN,
        Verdict.OPEN,
        Verdict.BREACHED,
    ]
    assert Clock(state=ClockState.PAUSED).verdict_at(after(99)) is Verdict.OPEN
    assert Clock(state=ClockState.MET, due_at=after(1), is_late=False).verdict_at(after(99)) is Verdict.MET


measures = st.sampled_from(sorted(MEASURES))
minutes = st.integers(0, 3000).map(lambda number: number / 60)


@given(measures, minutes, minutes, st.integers(1, 600))
def test_resting_for_some_working_time_moves_the_end_by_as_much(
    measure: str, before: float, gap: float, target: int
) -> None:
    hours = target / 60
    plain, by = folded(measure=measure, hours=hours), MEASURES[measure]
    pause, resume = after(before), after(before + gap)
    if plain.due_at is None or plain.due_at <= pause:
        return
    clock = folded((K.PAUSED, before), (K.RESUMED, before + gap), measure=measure, hours=hours)
    assert clock.due_at is not None
    rested = by.elapsed(pause, resume)
    assert by.elapsed(START, clock.due_at) == hours * HOUR + rested


STORIES = st.lists(
    st.tuples(st.sampled_from([K.PAUSED, K.RESUMED, K.RETARGETED, K.MET, K.REVOKED]), st.integers(0, 300)),
    max_size=12,
)


def tell(story: list[tuple[ClockEventKind, int]], measure: str) -> tuple[list[ClockEvent], dict[Key, Terms]]:
    """A history of what of these can happen, so many minutes one after the other."""
    by: dict[Key, Terms] = {(OLD, None): terms(MEASURES[measure]), (NEW, None): terms(MEASURES[measure], 6)}
    events, at = [event(K.STARTED, START)], START
    for number, (kind, gap) in enumerate(story):
        at += gap * MINUTE
        details = {"policy_id": NEW if number % 2 else OLD} if kind is K.RETARGETED else {}
        until = {"until": at + 40 * MINUTE} if kind is K.PAUSED and number % 3 == 0 else {}
        try:
            fold([*events, event(kind, at, **details, **until)], by)
        except Conflict:
            continue
        events.append(event(kind, at, **details, **until))
    return events, by


@example([(K.PAUSED, 40), (K.RETARGETED, 300), (K.RETARGETED, 300)], "elapsed")
@given(STORIES, measures)
def test_the_account_of_a_clock_has_no_gap_and_adds_up_to_the_second(
    story: list[tuple[ClockEventKind, int]], measure: str
) -> None:
    events, by = tell(story, measure)
    clock = fold(events, by)
    now = events[-1].at + 99 * HOUR
    told = list(in_seconds(steps(clock, by, now)))
    edges = [START] + [step["until"] for step in told]
    assert [step["since"] for step in told] == edges[:-1]
    counted = sum(step["seconds"] for step in told if step["counted"])
    assert sum(step["seconds"] for step in told) == (edges[-1] - START).total_seconds()
    if clock.due_at is not None:
        assert edges[-1] == clock.due_at
        retargets = [each.at for each in events if each.kind is K.RETARGETED]
        own, least = by[clock.key].target, min(by[each.key].target for each in clock.intervals)
        was_late = clock.due_at <= max(retargets, default=START)
        assert counted >= (least if was_late else own).total_seconds()
        assert retargets or counted == own.total_seconds()


@given(STORIES, measures)
def test_whatever_happens_late_is_only_who_stops_after_it_was_due(
    story: list[tuple[ClockEventKind, int]], measure: str
) -> None:
    events, by = tell([*story, (K.RESUMED, 7), (K.MET, 11)], measure)
    clock = fold(events, by)
    assert clock.state is ClockState.MET
    assert clock.stopped_at is not None
    assert clock.is_late == (clock.due_at is not None and clock.due_at < clock.stopped_at)
    assert all(at < clock.stopped_at for at in clock.alarms.values())


@given(STORIES, measures)
def test_what_is_used_up_is_what_ran_and_what_is_paused_is_what_rested(
    story: list[tuple[ClockEventKind, int]], measure: str
) -> None:
    events, by = tell(story, measure)
    clock = fold(events, by)
    ended = [each for each in clock.intervals if each.until is not None]
    rested = sum((each.until - each.since for each in ended if each.pause and each.until), timedelta())
    elapsed: Callable[..., timedelta] = MEASURES[measure].elapsed
    ran = sum((elapsed(each.since, each.until) for each in ended if not each.pause), timedelta())
    assert (clock.paused, clock.used) == (rested, ran)


def test_resting_on_after_the_customer_has_written_is_counted_as_illegitimate() -> None:
    clock = folded((K.PAUSED, 1), (K.RESUMED, 5), (K.PAUSED, 6), (K.RESUMED, 8))
    assert illegitimate(clock, [after(3)], after(99)) == 2 * HOUR
    assert illegitimate(clock, [after(2), after(3), after(7)], after(99)) == 4 * HOUR
    assert illegitimate(clock, [after(0.5), after(5), after(9)], after(99)) == timedelta()
    lasting = folded((K.PAUSED, 1, {"until": after(6)}))
    assert illegitimate(lasting, [after(2)], after(4)) == 2 * HOUR
    assert illegitimate(lasting, [after(2)], after(9)) == 4 * HOUR
