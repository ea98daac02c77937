"""Calendars: when work is done, as data. What a clock counts by."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Date, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id


class YearCertainty(StrEnum):
    """Whether a year's holidays were announced, or are only what they will probably be."""

    CONFIRMED = "confirmed"
    PROVISIONAL = "provisional"


class StepReason(StrEnum):
    """Why time counted for a clock, or did not."""

    WORKING = "working"
    SPECIAL_HOURS = "special_hours"
    MAKE_UP_DAY = "make_up_day"
    CALENDAR_TIME = "calendar_time"
    OUTSIDE_HOURS = "outside_hours"
    CLOSED_DAY = "closed_day"
    HOLIDAY = "holiday"
    BREAK = "break"
    PAUSED = "paused"
    FIRST_DAY = "first_day"
    REST_DAY = "rest_day"


class Calendar(Base):
    """A name for working time in one zone. What it says stands in its versions."""

    __tablename__ = "calendars"

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    zh: Mapped[str]
    en: Mapped[str]
    zone: Mapped[str]
    created_at: Mapped[CreatedAt]
    versions: Mapped[list["CalendarVersion"]] = relationship(
        lazy="raise", back_populates="calendar", order_by="CalendarVersion.number.desc()"
    )

    @property
    def version(self) -> int:
        """The number of the newest."""
        return max(version.number for version in self.versions)


class CalendarVersion(Base):
    """What a calendar says for clocks that start on `valid_from` or later; of one day the later number holds.

    Only ever inserted: a due time can be worked out again from the version it came from. `hours`, `date_overrides`
    and `breaks` stand as they were written; `years` tells of each year how sure its holidays are.
    """

    __tablename__ = "calendar_versions"
    __table_args__ = (
        UniqueConstraint("calendar_id", "number"),
        CheckConstraint("number > 0", name="counted_from_one"),
    )

    id: Mapped[Id]
    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("calendars.id"))
    number: Mapped[int]
    valid_from: Mapped[date] = mapped_column(Date)
    hours: Mapped[dict[str, Any]]
    holidays: Mapped[list[date]] = mapped_column(ARRAY(Date))
    date_overrides: Mapped[dict[str, Any]]
    breaks: Mapped[dict[str, Any]]
    years: Mapped[dict[str, Any]]
    source: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[CreatedAt]
    calendar: Mapped[Calendar] = relationship(lazy="joined", innerjoin=True, back_populates="versions")
