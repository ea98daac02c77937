"""Groups of customers: picked by hand, or by a filter that is data."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, UpdatedAt, Versioned, choice


class SegmentKind(StrEnum):
    STATIC = "static"
    DYNAMIC = "dynamic"


class RfmClass(StrEnum):
    """What recency, frequency and value together say of a customer."""

    CHAMPION = "champion"
    LOYAL = "loyal"
    BIG_SPENDER = "big_spender"
    RECENT = "recent"
    STEADY = "steady"
    AT_RISK = "at_risk"
    LAPSED = "lapsed"
    SILENT = "silent"


class Segment(Versioned, Base):
    """A dynamic one has a `filter`, whose every wording is kept and counted in `filter_version`."""

    __tablename__ = "segments"
    __table_args__ = (
        Index(None, "created_at", "id"),
        CheckConstraint("(kind = 'dynamic') = (filter IS NOT NULL)", name="filter_where_dynamic"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[SegmentKind] = mapped_column(choice(SegmentKind))
    filter: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    filter_version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class SegmentVersion(Base):
    """A wording of a segment's filter. Only ever inserted."""

    __tablename__ = "segment_versions"

    segment_id: Mapped[UUID] = mapped_column(ForeignKey("segments.id"), primary_key=True)
    filter_version: Mapped[int] = mapped_column(primary_key=True)
    filter: Mapped[dict[str, Any]]
    changed_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class SegmentMember(Base):
    """A customer in a static segment, from when to when and by whose hand."""

    __tablename__ = "segment_members"
    __table_args__ = (
        Index(
            "uq_segment_members_once",
            "segment_id",
            "customer_id",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index(None, "customer_id"),
    )

    id: Mapped[Id]
    segment_id: Mapped[UUID] = mapped_column(ForeignKey("segments.id"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    added_by: Mapped[UUID]
    added_at: Mapped[CreatedAt]
    removed_by: Mapped[UUID | None]
    removed_at: Mapped[datetime | None]


class SegmentSnapshot(Base):
    """How many were in a segment on a day, and how many came and went since the snapshot before."""

    __tablename__ = "segment_snapshots"

    segment_id: Mapped[UUID] = mapped_column(ForeignKey("segments.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    size: Mapped[int]
    joined: Mapped[int]
    left: Mapped[int]
    created_at: Mapped[CreatedAt]


class SegmentSeen(Base):
    """Who was in a segment at its latest snapshot."""

    __tablename__ = "segment_seen"

    segment_id: Mapped[UUID] = mapped_column(ForeignKey("segments.id"), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
