"""Why a clock is due when it is: every stretch of its time, counted or not, to the second."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.models.calendar import StepReason
from app.models.clock import Clock
from app.services.clocks import ledger
from app.services.clocks.fold import Folded, Interval, Key, fold
from app.services.clocks.step import Step
from app.services.clocks.terms import Terms

AWAITING_CUSTOMER = "awaiting_customer"
"""The reason of pauses that end when the customer writes."""

SECOND = timedelta(seconds=1)


async def explain(session: AsyncSession, clock: Clock, wrote_at: Sequence[datetime] = ()) -> dict[str, Any]:
    """The account of one clock, as `ClockExplanation`; `wrote_at` tells when the customer wrote."""
    (account,) = await ledger.read(session, [clock])
    terms = await ledger.terms_of(session, [account])
    folded = fold(account.events, terms)
    return {
        "clock": clock.kind,
        "metric": clock.metric,
        "cycle": clock.cycle,
        "state": folded.state,
        "started_at": folded.started_at,
        "due_at": folded.due_at,
        "stopped_at": folded.stopped_at,
        "verdict": clock.verdict,
        "steps": list(in_seconds(steps(folded, terms, now()))),
        "illegitimate_seconds": int(illegitimate(folded, wrote_at, now()).total_seconds()),
    }


def steps(folded: Folded, terms: dict[Key, Terms], instant: datetime) -> Iterator[tuple[Step, str | None]]:
    """From the start to where the clock is due, with the reason of each pause; to now, if it rests.

    A clock that was stopped before it was due is told as if it had run on.
    """
    own = terms[folded.key]
    if own.period and folded.due_at:
        yield from ((step, None) for step in own.period.steps(folded.started_at, folded.due_at))
        return
    for interval in _until_due(folded, instant):
        if interval.until is None or interval.until <= interval.since:
            continue
        if interval.pause is not None:
            yield Step(interval.since, interval.until, StepReason.PAUSED), interval.pause
        else:
            measure = terms[interval.key].measure
            yield from ((step, None) for step in measure.steps(interval.since, interval.until))


def _until_due(folded: Folded, instant: datetime) -> Iterator[Interval]:
    """The stretches of a clock, cut where it is due, and the last one drawn out until then."""
    end = folded.due_at or folded.stopped_at or instant
    last = folded.intervals[-1]
    for interval in folded.intervals:
        until = interval.until or max(end, interval.since)
        if interval is last and interval.pause is None:
            until = max(until, end)
        yield Interval(interval.since, min(until, end), interval.key, interval.pause)


def in_seconds(found: Iterable[tuple[Step, str | None]]) -> Iterator[dict[str, Any]]:
    """Steps in whole seconds. What counts and what does not is rounded along the way, so that the sums are right."""
    passed = {True: timedelta(), False: timedelta()}
    for step, reason in found:
        before = round(passed[step.counted] / SECOND)
        passed[step.counted] += step.until - step.since
        yield {
            "since": step.since,
            "until": step.until,
            "counted": step.counted,
            "seconds": round(passed[step.counted] / SECOND) - before,
            "why": step.why,
            "pause_reason": reason,
        }


def illegitimate(folded: Folded, wrote_at: Sequence[datetime], instant: datetime) -> timedelta:
    """How long it rested for the customer's answer after that had come: it should have run again by then."""
    total = timedelta()
    for interval in folded.intervals:
        if interval.pause == AWAITING_CUSTOMER:
            until = interval.until or min(filter(None, (folded.resumes_at, instant)))
            came = [at for at in wrote_at if interval.since <= at < until]
            total += until - min(came, default=until)
    return total
