"""Long work that a person waits for, and how far it has come."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, choice


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Stateful, Base):
    """The truth about a job; the queue only carries the wake-up.

    `starts` counts how often it was begun: a job that kills its worker is given up after a few.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "uq_jobs_key_under_way",
            "key",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        Index("ix_jobs_failed", "id", postgresql_where=text("state = 'failed'")),
    )
    transitions: ClassVar[Transitions] = {
        JobState.QUEUED: {JobState.RUNNING, JobState.CANCELLED, JobState.FAILED},
        JobState.RUNNING: {JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.RUNNING},
        JobState.DONE: set(),
        JobState.FAILED: set(),
        JobState.CANCELLED: set(),
    }

    id: Mapped[Id]
    name: Mapped[str]
    key: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    state: Mapped[JobState] = mapped_column(choice(JobState), default=JobState.QUEUED)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    starts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    requested_by: Mapped[UUID | None]
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
