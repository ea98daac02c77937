"""Customers that are possibly one and the same, and the keys by which they find each other."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, choice


class DuplicateKey(Base):
    """Two customers that share a key are compared; derived from the record, and written with it."""

    __tablename__ = "duplicate_keys"

    key: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)


class DuplicateOrigin(StrEnum):
    """What was being done when a pair was found."""

    CREATE = "create"
    CHANGE = "change"
    IMPORT = "import"
    SCAN = "scan"
    MERGE = "merge"


class DuplicatePair(Base):
    """`one_id` is the older of both. A dismissed pair is not a duplicate, and is never proposed again.

    Pairs that lead to each other are a cluster; `cluster_id` is the oldest customer in it. Of a dismissed pair it
    means nothing. When one of both is merged away the pair rests, and an undo of the merge wakes it.
    """

    __tablename__ = "duplicate_pairs"
    __table_args__ = (
        CheckConstraint("one_id < other_id", name="older_first"),
        Index("ix_duplicate_pairs_open", "cluster_id", postgresql_where=text("dismissed_at IS NULL")),
    )

    one_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    other_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
    cluster_id: Mapped[UUID]
    score: Mapped[float | None]
    found_by: Mapped[DuplicateOrigin | None] = mapped_column(choice(DuplicateOrigin))
    created_at: Mapped[CreatedAt]
    dismissed_at: Mapped[datetime | None]
    dismissed_by: Mapped[UUID | None]
    reason: Mapped[str | None]
