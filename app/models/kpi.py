"""What the figures mean: versioned definitions, and what others have published to compare with."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Date
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, choice


class KpiUnit(StrEnum):
    SECONDS = "seconds"
    SHARE = "share"
    PER_MILLION = "per_million"


class TimeBase(StrEnum):
    """Whether every second counts, or those in which a calendar is open."""

    CALENDAR = "calendar"
    BUSINESS = "business"


class KpiDefinition(Base):
    """One version of what a figure says. `period_by` is the instant that puts a case into a period.

    `parameters`: numbers that the figure is counted with, such as the days within which a reopening counts.
    """

    __tablename__ = "kpi_definitions"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    zh: Mapped[str]
    en: Mapped[str]
    unit: Mapped[KpiUnit] = mapped_column(choice(KpiUnit))
    population: Mapped[str]
    period_by: Mapped[str]
    time_base: Mapped[TimeBase] = mapped_column(choice(TimeBase))
    exclusions: Mapped[list[str]]
    text_zh: Mapped[str]
    text_en: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    valid_from: Mapped[date] = mapped_column(Date)
    source: Mapped[str]


class KpiBenchmark(Base):
    """A figure that somebody published, of a period."""

    __tablename__ = "kpi_benchmarks"

    name: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    valid_until: Mapped[date] = mapped_column(Date)
    zh: Mapped[str]
    en: Mapped[str]
    value: Mapped[Decimal]
    source: Mapped[str]
