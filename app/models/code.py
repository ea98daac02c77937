"""Code lists: what the words mean, who says so, and since when. All of it is data."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Date, Index, Interval, PrimaryKeyConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import column, func, literal_column

from app.models.base import Base, CreatedAt, Id, choice


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class LiableParty(StrEnum):
    CARRIER = "carrier"
    SENDER = "sender"
    RECIPIENT = "recipient"
    AUTHORITY = "authority"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class ClosesBy(StrEnum):
    """What ends an exception without a person: any later movement, the parcel's arrival, or nothing."""

    MOVEMENT = "movement"
    DELIVERY = "delivery"
    NEVER = "never"


class Code(Base):
    """A word of one of the code lists, with its label in both languages."""

    __tablename__ = "codes"
    __table_args__ = (PrimaryKeyConstraint("list", "code"),)

    list: Mapped[str]
    code: Mapped[str]
    zh: Mapped[str]
    en: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)


class ExceptionReason(Base):
    """What an exception's reason means for whoever must act, pay or answer."""

    __tablename__ = "exception_reasons"

    code: Mapped[str] = mapped_column(primary_key=True)
    liable_party: Mapped[LiableParty] = mapped_column(choice(LiableParty))
    severity: Mapped[Severity] = mapped_column(choice(Severity))
    auto_open: Mapped[bool]
    closes_by: Mapped[ClosesBy] = mapped_column(choice(ClosesBy))
    sla_excused: Mapped[bool]
    action_by: Mapped[str]
    claim_type: Mapped[str | None]
    complaint_category: Mapped[str | None]
    valid_from: Mapped[date] = mapped_column(Date)
    source: Mapped[str]


class CarrierSource(Base):
    """Who pushes, and which code lists its codes are looked up in, the more general one first."""

    __tablename__ = "carrier_sources"

    source: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    lists: Mapped[list[str]]


class CarrierCode(Base):
    """What a carrier's code means from one day to another; `reason_code` is empty where it does not matter.

    A row with neither status nor reason is informational: it changes nothing.
    """

    __tablename__ = "carrier_codes"
    __table_args__ = (
        ExcludeConstraint(
            (column("list"), "="),
            (column("code"), "="),
            (column("reason_code"), "="),
            (func.daterange(column("valid_from"), column("valid_until"), literal_column("'[)'")), "&&"),
            name="ex_carrier_codes_one_meaning_a_day",
            using="gist",
        ),
        Index(None, "list", "code"),
    )

    id: Mapped[Id]
    list: Mapped[str]
    code: Mapped[str]
    reason_code: Mapped[str] = mapped_column(default="")
    status: Mapped[str | None]
    reason: Mapped[str | None]
    name: Mapped[str]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]
    shipped: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[CreatedAt]


class UnmappedCode(Base):
    """A code that came in and has no meaning yet: one row, one alert, however often it comes."""

    __tablename__ = "unmapped_codes"
    __table_args__ = (PrimaryKeyConstraint("source", "code", "reason_code"),)

    source: Mapped[str]
    code: Mapped[str]
    reason_code: Mapped[str]
    first_seen_at: Mapped[CreatedAt]
    last_seen_at: Mapped[CreatedAt]
    seen: Mapped[int] = mapped_column(default=1)


class SilenceKind(StrEnum):
    NO_FIRST_SCAN = "no_first_scan"
    NO_MOVEMENT = "no_movement"
    PAST_PROMISE = "past_promise"
    RETIRE = "retire"


class SilenceRule(Base):
    """After how long without a word a parcel is an exception; a rule without a service holds for all."""

    __tablename__ = "silence_rules"

    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[SilenceKind] = mapped_column(choice(SilenceKind))
    service: Mapped[str | None]
    after: Mapped[Any] = mapped_column(Interval)
    reason: Mapped[str | None]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]
