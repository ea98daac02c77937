"""How complaints belong together, who follows one, and two that were made one."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, choice


class ComplaintLinkKind(StrEnum):
    RELATED = "related"
    CAUSED_BY = "caused_by"
    SAME_INCIDENT = "same_incident"


class ComplaintLink(Base):
    __tablename__ = "complaint_links"

    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    kind: Mapped[ComplaintLinkKind] = mapped_column(choice(ComplaintLinkKind), primary_key=True)
    other_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True, index=True)
    created_at: Mapped[CreatedAt]


class ComplaintWatcher(Base):
    """A member of staff who follows a complaint without working on it."""

    __tablename__ = "complaint_watchers"

    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    added_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class ComplaintMergeCause(StrEnum):
    """Whether a person joined them, or the rule for one report by two channels."""

    BY_HAND = "by_hand"
    DUPLICATE = "duplicate"


class ComplaintMerge(Base):
    """Two complaints made one. `is_counted_anew`: the merged one was older, and the survivor's clocks start there."""

    __tablename__ = "complaint_merges"

    id: Mapped[Id]
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), index=True)
    merged_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), index=True)
    cause: Mapped[ComplaintMergeCause] = mapped_column(choice(ComplaintMergeCause))
    reason: Mapped[str | None]
    is_counted_anew: Mapped[bool]
    merged_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    undone_by: Mapped[UUID | None]
    undone_at: Mapped[datetime | None]


class ComplaintMergedRow(Base):
    """A row that a merge of complaints changed; see `MergedRow`, of customers."""

    __tablename__ = "complaint_merged_rows"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    merge_id: Mapped[UUID] = mapped_column(ForeignKey("complaint_merges.id"), index=True)
    table_name: Mapped[str]
    key: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str | None]
