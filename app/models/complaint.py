"""A customer says that something went wrong, and somebody answers for it (ISO 10002)."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Computed, Date, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, UpdatedAt, Versioned, choice
from app.models.clock import Clock
from app.models.code import Severity

NEVER = "9999-01-01 00:00:00+00"


class ComplaintState(StrEnum):
    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    WAITING = "waiting"
    ANSWERED = "answered"
    CLOSED = "closed"
    CLOSED_NOT_ACCEPTED = "closed_not_accepted"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"


OPEN_STATES = (
    ComplaintState.RECEIVED,
    ComplaintState.ACKNOWLEDGED,
    ComplaintState.INVESTIGATING,
    ComplaintState.WAITING,
    ComplaintState.ANSWERED,
    ComplaintState.REOPENED,
)
"""Somebody still owes something."""


class ComplaintChannel(StrEnum):
    HOTLINE = "hotline"
    ONLINE_CHAT = "online_chat"
    EMAIL = "email"
    WECHAT = "wechat"
    APP = "app"
    COUNTER = "counter"
    PARTNER_API = "partner_api"
    REGULATOR = "regulator"
    MARKETPLACE = "marketplace"
    INTERNAL = "internal"
    DELIVERY_EXCEPTION = "delivery_exception"


class ComplainantRole(StrEnum):
    SENDER = "sender"
    RECIPIENT = "recipient"
    MERCHANT = "merchant"
    PLATFORM = "platform"
    AGENT = "agent"


class ComplaintOutcome(StrEnum):
    """How the customer took the answer, as far as one could learn."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    UNREACHED = "unreached"


class AssignmentRule(StrEnum):
    """Why somebody got a complaint, or nobody."""

    OWN_TEAM = "own_team"
    SKILL = "skill"
    LOAD = "load"
    OVERFLOW = "overflow"
    BY_HAND = "by_hand"


class CaseTree(StrEnum):
    """Trees of words with which a case is described."""

    COMPLAINT_CATEGORY = "complaint_category"
    ROOT_CAUSE = "root_cause"
    LIABLE_PARTY = "case_liable_party"


class CaseTerm(Base):
    """A word of a tree; `authority_code` is what the postal authority's statistics call it, where they know it."""

    __tablename__ = "case_terms"
    __table_args__ = (ForeignKeyConstraint(["tree", "parent_code"], ["case_terms.tree", "case_terms.code"]),)

    tree: Mapped[CaseTree] = mapped_column(choice(CaseTree), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    parent_code: Mapped[str | None]
    zh: Mapped[str]
    en: Mapped[str]
    authority_code: Mapped[str | None]
    position: Mapped[int]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]


_OPEN = text("state NOT IN ('closed', 'closed_not_accepted', 'withdrawn', 'merged')")


class Complaint(Stateful, Versioned, Base):
    """One matter of one complainant, under one number through all its cycles.

    The complainant need not be a customer of ours. `message_id` is what the channel called the first word: the same
    one again is the same complaint. `cycle` counts up with each reopening. `repeat_of_id`: the complaint of the same
    person on the same matter that came before this one. `due_at` is the earlier of what the law and the agreement
    ask. `waiting_text` is what the customer is told about a pause.
    """

    __tablename__ = "complaints"
    __table_args__ = (
        UniqueConstraint("channel", "message_id"),
        Index(None, "received_at", "id"),
        Index(None, "customer_id", "received_at"),
        Index(None, "search", postgresql_using="gin"),
        Index(None, "category", "received_at", "id"),
        Index(None, "state", "received_at", "id"),
        Index(None, "handler_id", "received_at", "id"),
        Index("ix_complaints_complainant", "complainant_normal", "category", "received_at"),
        Index("ix_complaints_open_due", "due_or_never", "id", postgresql_where=_OPEN),
        Index("ix_complaints_open_by_received", "received_at", "id", postgresql_where=_OPEN),
        Index("ix_complaints_open_by_handler", "handler_id", "received_at", "id", postgresql_where=_OPEN),
        Index("ix_complaints_open_by_category", "category", "received_at", "id", postgresql_where=_OPEN),
        Index(None, "waiting_until", postgresql_where=text("waiting_until IS NOT NULL")),
        Index(None, "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        Index(
            "ix_complaints_unarchived",
            "closed_at",
            postgresql_where=text("archived_at IS NULL AND closed_at IS NOT NULL"),
        ),
        Index("ix_complaints_archived", "archived_at", postgresql_where=text("anonymised_at IS NULL")),
    )
    transitions: ClassVar[Transitions] = {
        ComplaintState.RECEIVED: {
            ComplaintState.ACKNOWLEDGED,
            ComplaintState.WITHDRAWN,
            ComplaintState.MERGED,
        },
        ComplaintState.ACKNOWLEDGED: {
            ComplaintState.INVESTIGATING,
            ComplaintState.WAITING,
            ComplaintState.WITHDRAWN,
            ComplaintState.MERGED,
        },
        ComplaintState.INVESTIGATING: {
            ComplaintState.ANSWERED,
            ComplaintState.WAITING,
            ComplaintState.WITHDRAWN,
            ComplaintState.MERGED,
        },
        ComplaintState.WAITING: {
            ComplaintState.INVESTIGATING,
            ComplaintState.WITHDRAWN,
            ComplaintState.MERGED,
        },
        ComplaintState.ANSWERED: {
            ComplaintState.INVESTIGATING,
            ComplaintState.CLOSED,
            ComplaintState.CLOSED_NOT_ACCEPTED,
            ComplaintState.WITHDRAWN,
            ComplaintState.MERGED,
        },
        ComplaintState.CLOSED: {ComplaintState.REOPENED},
        ComplaintState.CLOSED_NOT_ACCEPTED: {ComplaintState.REOPENED},
        ComplaintState.REOPENED: {
            ComplaintState.INVESTIGATING,
            ComplaintState.WITHDRAWN,
            ComplaintState.MERGED,
        },
        ComplaintState.WITHDRAWN: {ComplaintState.REOPENED},
        ComplaintState.MERGED: set(),
    }

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    state: Mapped[ComplaintState] = mapped_column(choice(ComplaintState), default=ComplaintState.RECEIVED)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customers.id"))
    category: Mapped[str]
    severity: Mapped[Severity] = mapped_column(choice(Severity))
    priority: Mapped[int]
    channel: Mapped[ComplaintChannel] = mapped_column(choice(ComplaintChannel))
    message_id: Mapped[str | None]
    description: Mapped[str]
    remedy_sought: Mapped[str]
    complainant_name: Mapped[str]
    complainant_phone: Mapped[str | None]
    complainant_normal: Mapped[str | None]
    complainant_role: Mapped[ComplainantRole] = mapped_column(choice(ComplainantRole))
    has_authority: Mapped[bool]
    """Whether the complainant may claim in the consignment's name."""
    cycle: Mapped[int] = mapped_column(default=1)
    repeat_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("complaints.id"), index=True)
    repeats: Mapped[int] = mapped_column(default=0)
    not_accepted: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How often the customer said no to an answer."""
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("complaints.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"), index=True)
    handler_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    escalation: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    responded_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    due_or_never: Mapped[datetime] = mapped_column(
        Computed(f"coalesce(due_at, timestamptz '{NEVER}')", persisted=True)
    )
    """What lists go by: what is due at no time stands behind all that is."""
    waiting_reason: Mapped[str | None]
    waiting_until: Mapped[datetime | None]
    waiting_text: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    outcome: Mapped[ComplaintOutcome | None] = mapped_column(choice(ComplaintOutcome))
    ended_because: Mapped[str | None]
    """Why it was withdrawn, or closed though the customer did not accept."""
    archived_at: Mapped[datetime | None]
    anonymised_at: Mapped[datetime | None]
    created_by: Mapped[UUID]
    search: Mapped[Any] = mapped_column(
        TSVECTOR, Computed("search_terms(description, '')", persisted=True), deferred=True
    )
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    parcels: Mapped[list["ComplaintParcel"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", order_by="ComplaintParcel.tracking_no"
    )

    answers: Mapped[list["ComplaintAnswer"]] = relationship(lazy="raise", order_by="ComplaintAnswer.number")
    clocks: Mapped[list[Clock]] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin=lambda: foreign(Clock.subject_id) == Complaint.id,
        order_by=Clock.id,
    )

    @property
    def status(self) -> ComplaintState:
        return self.state

    @property
    def complainant(self) -> dict[str, Any]:
        return {
            "name": self.complainant_name,
            "phone": self.complainant_phone,
            "role": self.complainant_role,
            "has_authority": self.has_authority,
        }

    @property
    def tracking_nos(self) -> list[str]:
        return [parcel.tracking_no for parcel in self.parcels]


class ComplaintParcel(Base):
    """A consignment that a complaint is about; known to us or not."""

    __tablename__ = "complaint_parcels"

    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    tracking_no: Mapped[str] = mapped_column(primary_key=True, index=True)


class ComplaintAnswer(Base):
    """What was found and what the customer was told, once a cycle or again where it was not accepted.

    Only ever inserted. `told_at` is when the customer was told, which stops the law's clock.
    """

    __tablename__ = "complaint_answers"
    __table_args__ = (Index(None, "told_at"),)

    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cycle: Mapped[int]
    finding: Mapped[str]
    liable_party: Mapped[str]
    root_cause: Mapped[str]
    remedy: Mapped[str]
    text: Mapped[str]
    channel: Mapped[ComplaintChannel] = mapped_column(choice(ComplaintChannel))
    told_at: Mapped[datetime]
    answered_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class ComplaintAssignment(Base):
    """Who got a complaint, and why this one: the rule, and whom else it looked at. Only ever inserted."""

    __tablename__ = "complaint_assignments"

    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    handler_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    rule: Mapped[AssignmentRule] = mapped_column(choice(AssignmentRule))
    considered: Mapped[list[dict[str, Any]]]
    assigned_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
