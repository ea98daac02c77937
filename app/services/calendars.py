"""Calendars as they are kept: a change is a new version, so that what was due stays explained."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.errors import Conflict, NotFound, NoWorkingTime
from app.models.calendar import Calendar, CalendarVersion
from app.schemas.calendar import CalendarCreate, CalendarForm, CalendarHours, CalendarVersionCreate
from app.security import Principal
from app.services import events
from app.services.clocks.ready import working_time
from app.services.clocks.working_time import WorkingTime


def listed() -> Select[Calendar]:
    return select(Calendar).order_by(Calendar.code, Calendar.id)


async def get(session: AsyncSession, calendar_id: UUID) -> Calendar:
    """With its versions."""
    found = select(Calendar).where(Calendar.id == calendar_id).options(selectinload(Calendar.versions))
    calendar = await session.scalar(found)
    if calendar is None:
        raise NotFound
    return calendar


def in_force(calendar_id: UUID, day: date) -> Select[CalendarVersion]:
    """The version that clocks count by which start on this day."""
    return (
        select(CalendarVersion)
        .where(CalendarVersion.calendar_id == calendar_id, CalendarVersion.valid_from <= day)
        .order_by(CalendarVersion.valid_from.desc(), CalendarVersion.number.desc())
        .limit(1)
    )


async def create(session: AsyncSession, actor: Principal, body: CalendarCreate) -> Calendar:
    if await session.scalar(select(Calendar.id).where(Calendar.code == body.code)):
        raise Conflict("Another calendar has this code.", "已有日历使用此代码。", pointer="/body/code")
    await _must_reach(body.version, body.zone, "/body/version/hours")
    calendar = Calendar(**body.model_dump(exclude={"version"}), versions=[_version(body.version, 1, actor)])
    session.add(calendar)
    await session.flush()
    await events.record(session, actor, "calendar.created", subject(calendar), code=calendar.code)
    return calendar


async def add_version(
    session: AsyncSession, actor: Principal, calendar_id: UUID, body: CalendarVersionCreate
) -> CalendarVersion:
    """Of two at the same time one is refused: both would have the same number."""
    calendar = await get(session, calendar_id)
    await _must_reach(body, calendar.zone, "/body/hours")
    version = _version(body, calendar.version + 1, actor)
    calendar.versions.insert(0, version)
    await session.flush()
    await events.record(
        session, actor, "calendar.version_added", subject(calendar), code=calendar.code, number=version.number
    )
    return version


async def year(session: AsyncSession, calendar_id: UUID, year: int, number: int | None) -> dict[str, Any]:
    """What each day of a year is by one version, or by the newest."""
    found = select(CalendarVersion).where(CalendarVersion.calendar_id == calendar_id)
    if number is not None:
        found = found.where(CalendarVersion.number == number)
    version = await session.scalar(found.order_by(CalendarVersion.number.desc()).limit(1))
    if version is None:
        raise NotFound
    hours = working_time(version)
    first = date(year, 1, 1)
    days = (first + timedelta(days=nth) for nth in range((date(year + 1, 1, 1) - first).days))
    return {
        "year": year,
        "number": version.number,
        "certainty": version.years.get(str(year)),
        "days": [_day(hours, day) for day in days],
    }


def subject(calendar: Calendar) -> events.Subject:
    return events.Subject("calendar", calendar.id)


def _version(body: CalendarVersionCreate, number: int, actor: Principal) -> CalendarVersion:
    """As it was written; only its holidays have a column of dates."""
    fields = body.model_dump(mode="json", exclude={"valid_from", "holidays"})
    holidays = sorted(set(body.holidays))
    return CalendarVersion(
        number=number, valid_from=body.valid_from, holidays=holidays, created_by=actor.id, **fields
    )


def _day(hours: WorkingTime, day: date) -> dict[str, Any]:
    work, why = hours.day(day)
    return {"day": day, "open": bool(work), "seconds": work // timedelta(seconds=1), "why": why}


async def _must_reach(body: CalendarVersionCreate, zone: str, pointer: str) -> None:
    """A version by which nothing could ever become due is refused."""
    form = CalendarForm(tz=zone, **body.model_dump(include=set(CalendarHours.model_fields)))
    begins = datetime.combine(body.valid_from, time(), UTC)
    try:
        hours = await asyncio.to_thread(WorkingTime, form)
        hours.due(begins, timedelta(microseconds=1))
    except NoWorkingTime:
        raise NoWorkingTime(pointer) from None
