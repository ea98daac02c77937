"""Two records become one customer, written down so that it can be undone."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class MergeSide(StrEnum):
    """Whose value of a field is kept."""

    SURVIVOR = "survivor"
    MERGED = "merged"
    BOTH = "both"


class MergeRule(StrEnum):
    """Why it is kept."""

    SURVIVORS = "survivors"
    LATEST = "latest"
    LONGEST = "longest"
    LIVELIEST = "liveliest"
    BOTH = "both"
    CHOSEN = "chosen"


class Merge(Base):
    """`fields` says for each field whose value was kept, and by which rule."""

    __tablename__ = "merges"

    id: Mapped[Id]
    survivor_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    merged_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    fields: Mapped[dict[str, Any]]
    merged_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    undone_by: Mapped[UUID | None]
    undone_at: Mapped[datetime | None]


class MergedRow(Base):
    """A row that a merge changed: as it was, and by which key and digest it is known since.

    Without a `digest` the merge has removed it. Holds what the row held, names and numbers included.
    """

    __tablename__ = "merged_rows"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    merge_id: Mapped[UUID] = mapped_column(ForeignKey("merges.id"), index=True)
    table_name: Mapped[str]
    key: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str | None]
