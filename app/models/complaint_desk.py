"""Who works complaints, and whom a late one is taken up to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, UpdatedAt, Versioned


class Handler(Versioned, Base):
    """A member of staff who works complaints: how many at a time, what kinds, and for which regions.

    No `skills` means any category, no `regions` (GB/T 2260, two or four digits) anywhere.
    """

    __tablename__ = "complaint_handlers"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    capacity: Mapped[int]
    skills: Mapped[list[str]]
    regions: Mapped[list[str]]
    is_on_duty: Mapped[bool]
    last_assigned_at: Mapped[datetime | None]
    updated_at: Mapped[UpdatedAt]


class ComplaintEscalation(Base):
    """That somebody up the line was told of a complaint: for a share of a clock once, by hand as often as asked.

    `level`: 0 is the handler, 1 who leads him, 2 who leads them.
    """

    __tablename__ = "complaint_escalations"
    __table_args__ = (
        Index(None, "to_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "complaint_id"),
        Index("uq_complaint_escalations_once", "clock_id", "share", unique=True),
    )

    id: Mapped[Id]
    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"))
    level: Mapped[int]
    to_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    clock_id: Mapped[UUID | None] = mapped_column(ForeignKey("clocks.id"))
    share: Mapped[int | None]
    reason: Mapped[str | None]
    created_at: Mapped[CreatedAt]
