"""Calendars: when work is done."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query

from app.models.calendar import Calendar, CalendarVersion
from app.paging import ListQuery, Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.calendar import (
    CalendarCreate,
    CalendarRead,
    CalendarSummary,
    CalendarVersionCreate,
    CalendarVersionRead,
    CalendarYear,
    CalendarYearQuery,
)
from app.security import Principal
from app.services import calendars

router = CourierRouter(prefix="/calendars", tags=["calendars"])

Reader = Annotated[Principal, holder_of(Scope.CALENDARS_READ)]
Writer = Annotated[Principal, holder_of(Scope.CALENDARS_WRITE)]
Year = Annotated[int, Path(ge=1901, le=2199, examples=[2026])]


@router.get("", summary="List calendars", response_model=Page[CalendarSummary])
async def list_calendars(query: Annotated[ListQuery, Query()], _: Reader, session: Reading) -> dict[str, Any]:
    """By their codes."""
    return await paginate(session, calendars.listed(), query)


@router.post("", summary="Create a calendar", status_code=201, response_model=CalendarRead)
async def create_calendar(body: CalendarCreate, tag: Tag, actor: Writer, session: OnceSession) -> Calendar:
    """With its first version. A code that another calendar has is a conflict."""
    calendar = await calendars.create(session, actor, body)
    tag.settle(calendar.version)
    return calendar


@router.get("/{calendar_id}", summary="Read a calendar", response_model=CalendarRead)
async def get_calendar(calendar_id: UUID, tag: Tag, _: Reader, session: Reading) -> Calendar:
    """With all its versions."""
    calendar = await calendars.get(session, calendar_id)
    tag.settle(calendar.version)
    return calendar


@router.get("/{calendar_id}/years/{year}", summary="Read a calendar's year", response_model=CalendarYear)
async def get_calendar_year(
    calendar_id: UUID, year: Year, query: Annotated[CalendarYearQuery, Query()], _: Reader, session: Reading
) -> dict[str, Any]:
    """Which of its days are open, and why the others are not."""
    return await calendars.year(session, calendar_id, year, query.number)


@router.post(
    "/{calendar_id}/versions",
    summary="Add a calendar's version",
    status_code=201,
    response_model=CalendarVersionRead,
)
async def add_calendar_version(
    calendar_id: UUID, body: CalendarVersionCreate, actor: Writer, session: OnceSession
) -> CalendarVersion:
    """A version never changes: whatever is to be different is a new one."""
    return await calendars.add_version(session, actor, calendar_id, body)
