"""How a customer's data stay true: who confirms what how often, who did, and what follows from it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice


class VerifiedField(StrEnum):
    """The parts of a customer's record that are confirmed one by one."""

    NAME = "name"
    CONTACTS = "contacts"
    PHONES = "phones"
    ADDRESSES = "addresses"
    NEEDS = "needs"
    BILLING = "billing"


class ConfirmationMethod(StrEnum):
    CALL = "call"
    VISIT = "visit"
    DOCUMENT = "document"
    MESSAGE = "message"
    SELF_SERVICE = "self_service"
    REGISTER = "register"


class VerificationRule(Base):
    """So often this department confirms these fields; a rule for a tier goes before the one for all."""

    __tablename__ = "verification_rules"

    code: Mapped[str] = mapped_column(primary_key=True)
    department: Mapped[str]
    tier: Mapped[str | None]
    fields: Mapped[list[str]]
    every_days: Mapped[int]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]


class StalenessWeight(Base):
    """How much a field's age counts, and after how many days it is as stale as can be."""

    __tablename__ = "staleness_weights"

    field: Mapped[VerifiedField] = mapped_column(choice(VerifiedField), primary_key=True)
    weight: Mapped[int]
    stale_after_days: Mapped[int]
    source: Mapped[str]


class Confirmation(Base):
    """Somebody made sure that a field is true. Only ever inserted: the latest one counts."""

    __tablename__ = "confirmations"
    __table_args__ = (Index(None, "customer_id", "field", "confirmed_at"),)

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    field: Mapped[VerifiedField] = mapped_column(choice(VerifiedField))
    method: Mapped[ConfirmationMethod] = mapped_column(choice(ConfirmationMethod))
    note: Mapped[str | None]
    confirmed_by: Mapped[UUID]
    confirmed_at: Mapped[CreatedAt]


class ProposalState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"


class Proposal(Stateful, Versioned, Base):
    """A change that somebody who may not write customers asks for; `base_version` is the customer they saw."""

    __tablename__ = "proposals"
    __table_args__ = (Index(None, "customer_id"), Index(None, "created_at", "id"))
    transitions: ClassVar[Transitions] = {
        ProposalState.PROPOSED: {ProposalState.APPROVED, ProposalState.REJECTED},
        ProposalState.APPROVED: set(),
        ProposalState.REJECTED: set(),
    }

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    base_version: Mapped[int]
    changes: Mapped[dict[str, Any]]
    evidence: Mapped[str]
    state: Mapped[ProposalState] = mapped_column(choice(ProposalState), default=ProposalState.PROPOSED)
    proposed_by: Mapped[UUID]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class TaskState(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Task(Stateful, Versioned, Base):
    """Somebody's work on a customer's data: one for each period of a rule, however often the worker looks.

    Without an `assignee_id` it is the whole department's.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("customer_id", "rule", "due_at"),
        Index(
            "uq_tasks_one_open",
            "customer_id",
            "department",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index(None, "assignee_id"),
        Index(None, "due_at", "id"),
    )
    transitions: ClassVar[Transitions] = {
        TaskState.OPEN: {TaskState.DONE, TaskState.CANCELLED},
        TaskState.DONE: set(),
        TaskState.CANCELLED: set(),
    }

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    rule: Mapped[str]
    department: Mapped[str]
    fields: Mapped[list[str]]
    due_at: Mapped[datetime]
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    state: Mapped[TaskState] = mapped_column(choice(TaskState), default=TaskState.OPEN)
    note: Mapped[str | None]
    closed_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
