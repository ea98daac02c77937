"""Personal data got, or may have got, where it should not be."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice


class LeakState(StrEnum):
    REPORTED = "reported"
    INVESTIGATING = "investigating"
    CONTAINED = "contained"
    NOTIFIED = "notified"
    CLOSED = "closed"
    NOT_A_LEAK = "not_a_leak"


class LeakGrade(StrEnum):
    """As the annex of the rules on reporting grades an incident; all but the general ones are reported."""

    GENERAL = "general"
    LARGER = "larger"
    MAJOR = "major"
    ESPECIALLY_MAJOR = "especially_major"


class LeakIncident(Stateful, Versioned, Base):
    """`kinds` to `contact` are what article 57 of the PIPL wants told; `due_at` is when the authority must know."""

    __tablename__ = "leak_incidents"
    __table_args__ = (Index(None, "created_at", "id"),)
    transitions: ClassVar[Transitions] = {
        LeakState.REPORTED: {LeakState.INVESTIGATING, LeakState.NOT_A_LEAK},
        LeakState.INVESTIGATING: {LeakState.CONTAINED, LeakState.NOT_A_LEAK},
        LeakState.CONTAINED: {LeakState.NOTIFIED, LeakState.NOT_A_LEAK},
        LeakState.NOTIFIED: {LeakState.CLOSED},
        LeakState.CLOSED: set(),
        LeakState.NOT_A_LEAK: set(),
    }

    id: Mapped[Id]
    state: Mapped[LeakState] = mapped_column(choice(LeakState), default=LeakState.REPORTED)
    description: Mapped[str]
    discovered_at: Mapped[datetime]
    reported_by: Mapped[UUID]
    grade: Mapped[LeakGrade | None] = mapped_column(choice(LeakGrade))
    due_at: Mapped[datetime | None]
    kinds: Mapped[list[str]]
    cause: Mapped[str | None]
    harm: Mapped[str | None]
    measures: Mapped[str | None]
    advice: Mapped[str | None]
    contact: Mapped[str | None]
    authority_told_at: Mapped[datetime | None]
    people_told_at: Mapped[datetime | None]
    untold_because: Mapped[str | None]
    finding: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    customers: Mapped[list["LeakCustomer"]] = relationship(lazy="raise", cascade="all, delete-orphan")

    @property
    def customer_ids(self) -> list[UUID]:
        return [touched.customer_id for touched in self.customers]


class LeakCustomer(Base):
    """A customer whom the leak touches."""

    __tablename__ = "leak_customers"

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("leak_incidents.id"), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), primary_key=True, index=True)
