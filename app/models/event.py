"""What happened, and what is still to be done about it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, PrimaryKeyConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.models.base import Base


class Event(Base):
    """One thing that happened: timeline, audit trail and change feed at once. Only ever inserted.

    `transaction` is the writer's transaction id: a reader of the feed stays below the oldest one still
    running, and so meets no gap.
    """

    __tablename__ = "events"
    __table_args__ = (
        PrimaryKeyConstraint("id", "recorded_at"),
        Index(None, "subject_id", "recorded_at"),
        Index(None, "recorded_at", "id"),
        Index(None, "sequence"),
        Index(
            "ix_events_of_customer",
            "customer_id",
            "recorded_at",
            "id",
            postgresql_where=text("customer_id IS NOT NULL"),
        ),
        Index(None, "transaction", "id"),
        {"postgresql_partition_by": "RANGE (recorded_at)"},
    )

    id: Mapped[UUID] = mapped_column(default=uuid7)
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    transaction: Mapped[int] = mapped_column(
        BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)")
    )
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    customer_id: Mapped[UUID | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID]
    correlation_id: Mapped[str | None]
    data: Mapped[dict[str, Any]]


class Outbox(Base):
    """Work that an event leaves for one consumer; the relay locks it, does it and marks it in one transaction."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_pending",
            "available_at",
            "id",
            postgresql_where=text("done_at IS NULL AND failed_at IS NULL"),
        ),
        Index("ix_outbox_done_at", "done_at", postgresql_where=text("done_at IS NOT NULL")),
        Index("ix_outbox_failed", "consumer", postgresql_where=text("failed_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    consumer: Mapped[str]
    subject_id: Mapped[UUID]
    customer_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    available_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class IdempotencyKey(Base):
    """The first answer to a keyed request, kept for a day and given again."""

    __tablename__ = "idempotency_keys"

    principal_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class WorkerHeartbeat(Base):
    """When a worker was last seen alive, for `/health/ready`."""

    __tablename__ = "worker_heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)
    beat_at: Mapped[datetime] = mapped_column(server_default=func.now())
