"""Which version of a calendar a policy counts by on a day, and the terms that versions of both come to."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Date, cast, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict
from app.models.calendar import Calendar, CalendarVersion
from app.models.clock import Counting, SlaPolicy
from app.services.clocks.fold import Key
from app.services.clocks.legal_time import Days
from app.services.clocks.ready import working_time
from app.services.clocks.terms import EverySecond, Terms
from app.services.clocks.working_time import WorkingTime

EVERY_SECOND = EverySecond()


async def keys(
    session: AsyncSession, policies: Sequence[SlaPolicy], at: datetime
) -> list[tuple[SlaPolicy, Key]]:
    """Each policy with its own version and that of its calendar which holds on the day of `at`, there."""
    wanted = {policy.calendar_id for policy in policies if policy.calendar_id is not None}
    held = await _in_force(session, wanted, at) if wanted else {}
    for policy in policies:
        if policy.calendar_id is not None and policy.calendar_id not in held:
            raise Conflict(
                f"The calendar of {policy.code} has no version for that day.",
                f"时限规则 {policy.code} 的日历在当日没有生效的版本。",
            )
    return [(policy, (policy.id, held.get(policy.calendar_id))) for policy in policies]


async def _in_force(session: AsyncSession, ids: set[UUID], at: datetime) -> dict[UUID | None, UUID]:
    day = cast(func.timezone(Calendar.zone, literal(at)), Date)
    rows = await session.execute(
        select(CalendarVersion.calendar_id, CalendarVersion.id)
        .join(Calendar, Calendar.id == CalendarVersion.calendar_id)
        .where(Calendar.id.in_(ids), CalendarVersion.valid_from <= day)
        .order_by(
            CalendarVersion.calendar_id, CalendarVersion.valid_from.desc(), CalendarVersion.number.desc()
        )
        .ext(distinct_on(CalendarVersion.calendar_id))
    )
    return {row.calendar_id: row.id for row in rows}


async def terms(session: AsyncSession, wanted: Iterable[Key]) -> dict[Key, Terms]:
    """The terms that these pairs of versions come to."""
    pairs = set(wanted)
    found = await session.scalars(select(SlaPolicy).where(SlaPolicy.id.in_({policy for policy, _ in pairs})))
    policies = {policy.id: policy for policy in found}
    worked = await _calendars(session, {version for _, version in pairs if version is not None})
    return {
        (policy_id, version_id): _terms(policies[policy_id], worked.get(version_id))
        for policy_id, version_id in pairs
    }


async def _calendars(session: AsyncSession, ids: set[UUID]) -> dict[UUID | None, WorkingTime]:
    versions = (
        await session.scalars(select(CalendarVersion).where(CalendarVersion.id.in_(ids))) if ids else ()
    )
    return {version.id: working_time(version) for version in versions}


def _terms(policy: SlaPolicy, calendar: WorkingTime | None) -> Terms:
    legal = policy.counting is Counting.LEGAL_DAYS
    rests = calendar.rests if calendar is not None and policy.moves_past_holidays else None
    return Terms(
        target=timedelta(days=policy.amount) if legal else timedelta(seconds=policy.amount),
        alarms=tuple(policy.alarms),
        pauses=frozenset(policy.pause_reasons),
        measure=calendar if calendar is not None and not legal else EVERY_SECOND,
        period=Days(policy.amount, ZoneInfo(policy.zone), rests) if legal else None,
    )
