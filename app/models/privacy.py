"""What the law asks of whoever keeps people's data: their requests, holds, and how long it may be kept."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Interval, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice


class PrivacyRequestKind(StrEnum):
    ACCESS = "access"
    CORRECTION = "correction"
    ERASURE = "erasure"
    WITHDRAW_CONSENT = "withdraw_consent"
    PORTABILITY = "portability"


class PrivacyRequestState(StrEnum):
    RECEIVED = "received"
    VERIFIED = "verified"
    DONE = "done"
    REFUSED = "refused"


class RefusalGround(StrEnum):
    """Why the law lets a request be refused."""

    IDENTITY_NOT_PROVEN = "identity_not_proven"
    RETENTION_REQUIRED = "retention_required"
    LEGAL_HOLD = "legal_hold"
    SECRECY_REQUIRED = "secrecy_required"
    NOT_FEASIBLE = "not_feasible"
    NOT_PERSONAL_DATA = "not_personal_data"


class PrivacyRequest(Stateful, Versioned, Base):
    """A person asks what is known of them, or that it be put right, handed over or forgotten (PIPL, articles 44-50).

    Of a customer that is a person, or of one `contact_id` of any customer. Nothing is done before `identity` says
    how it was made sure that the person asks.
    """

    __tablename__ = "privacy_requests"
    __table_args__ = (
        Index(None, "created_at", "id"),
        Index("ix_privacy_requests_due_at", "due_at", postgresql_where=text("closed_at IS NULL")),
    )
    transitions: ClassVar[Transitions] = {
        PrivacyRequestState.RECEIVED: {PrivacyRequestState.VERIFIED, PrivacyRequestState.REFUSED},
        PrivacyRequestState.VERIFIED: {PrivacyRequestState.DONE, PrivacyRequestState.REFUSED},
        PrivacyRequestState.DONE: set(),
        PrivacyRequestState.REFUSED: set(),
    }

    id: Mapped[Id]
    kind: Mapped[PrivacyRequestKind] = mapped_column(choice(PrivacyRequestKind))
    state: Mapped[PrivacyRequestState] = mapped_column(
        choice(PrivacyRequestState), default=PrivacyRequestState.RECEIVED
    )
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]
    note: Mapped[str | None]
    identity: Mapped[str | None]
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[UUID | None]
    copied_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    refused_on: Mapped[RefusalGround | None] = mapped_column(choice(RefusalGround))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class LegalHold(Versioned, Base):
    """While it stands, nothing of the customer is erased or runs out: a court, an authority or a dispute needs it.

    Or nothing of one complaint, whose complainant need not be a customer; then of its customer neither.
    """

    __tablename__ = "legal_holds"
    __table_args__ = (
        Index(None, "placed_at", "id"),
        Index("ix_legal_holds_standing", "customer_id", postgresql_where=text("lifted_at IS NULL")),
        Index(
            "ix_legal_holds_complaint_id", "complaint_id", postgresql_where=text("complaint_id IS NOT NULL")
        ),
        CheckConstraint("num_nonnulls(customer_id, complaint_id) = 1", name="of_one"),
    )

    id: Mapped[Id]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customers.id"))
    complaint_id: Mapped[UUID | None] = mapped_column(ForeignKey("complaints.id"))
    reason: Mapped[str]
    until: Mapped[datetime | None]
    placed_by: Mapped[UUID]
    placed_at: Mapped[CreatedAt]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[UUID | None]
    lift_reason: Mapped[str | None]


class LegalTerm(Base):
    """How soon the law wants something, from a day on. `provisional` until somebody has read the source itself."""

    __tablename__ = "legal_terms"

    code: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    within: Mapped[timedelta] = mapped_column(Interval)
    source: Mapped[str]
    provisional: Mapped[bool]


class RetentionClass(StrEnum):
    ENDED_CUSTOMERS = "ended_customers"
    WAYBILLS = "waybills"
    RAW_PUSHES = "raw_pushes"
    WITHDRAWN_DOCUMENTS = "withdrawn_documents"
    COMPLAINTS = "complaints"
    AUDIT_TRAIL = "audit_trail"


class RetentionAction(StrEnum):
    ANONYMISE = "anonymise"
    KEEP = "keep"


class RetentionRule(Base):
    """How long a class of data keeps its people, from a day on, and what happens then."""

    __tablename__ = "retention_rules"

    retention_class: Mapped[RetentionClass] = mapped_column(choice(RetentionClass), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    keep: Mapped[timedelta | None] = mapped_column(Interval)
    action: Mapped[RetentionAction] = mapped_column(choice(RetentionAction))
    source: Mapped[str]
    provisional: Mapped[bool]
