"""How a complaint ends: the written report, what the customer says to the answer, and an end without a yes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, CreatedAt, Id, Stateful, Transitions, choice


class ReportState(StrEnum):
    DRAFT = "draft"
    CONFIRMED = "confirmed"


class CallBackMethod(StrEnum):
    """How the customer was asked what they say to the answer."""

    CALL = "call"
    MESSAGE = "message"
    LINK = "link"
    PARTNER = "partner"
    """In the partner's portal, by whoever complains there."""


class ConfirmationDemand(StrEnum):
    """What a customer's yes has to be for a case to be closed."""

    CALL = "call"
    """Said to a person of ours."""
    ANY = "any"
    """However it was given."""


class ClosingState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    DECLINED = "declined"


class ComplaintReport(Base):
    """One version of the written report, as the system composed it. Only ever inserted: a later word is a new version.

    `number` is the same for all versions. It covers the answer `answer_number` of its cycle, and the request
    `closing_id` to end without the customer's yes, where there was one. `sha256` is of the canonical JSON of
    `content`: sorted keys, no blanks, UTF-8.
    """

    __tablename__ = "complaint_reports"
    __table_args__ = (
        UniqueConstraint("number", "version"),
        ForeignKeyConstraint(
            ["complaint_id", "answer_number"], ["complaint_answers.complaint_id", "complaint_answers.number"]
        ),
    )

    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[str]
    cycle: Mapped[int]
    answer_number: Mapped[int]
    closing_id: Mapped[UUID | None] = mapped_column(ForeignKey("complaint_closings.id"))
    content: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Null once it was forgotten."""
    sha256: Mapped[bytes]
    composed_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    confirmation: Mapped["ReportConfirmation | None"] = relationship(lazy="raise", viewonly=True)

    @property
    def state(self) -> ReportState:
        return ReportState.DRAFT if self.confirmation is None else ReportState.CONFIRMED

    @property
    def confirmed_by(self) -> UUID | None:
        return self.confirmation.confirmed_by if self.confirmation else None

    @property
    def confirmed_at(self) -> datetime | None:
        return self.confirmation.confirmed_at if self.confirmation else None

    @property
    def pdf_sha256(self) -> bytes | None:
        return self.confirmation.sha256 if self.confirmation else None


class ReportConfirmation(Base):
    """That somebody stands for a version of a report, with the very bytes of its PDF. Only ever inserted."""

    __tablename__ = "complaint_report_confirmations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["complaint_id", "version"], ["complaint_reports.complaint_id", "complaint_reports.version"]
        ),
    )

    complaint_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pdf: Mapped[bytes | None] = mapped_column(deferred=True)
    sha256: Mapped[bytes]
    """Of the PDF."""
    confirmed_by: Mapped[UUID]
    confirmed_at: Mapped[CreatedAt]


class ConfirmationRule(Base):
    """What a customer's yes has to be, for those complaints that fit all its conditions; an empty one fits everything.

    Of the rules in force that fit, the one with the lowest `rank` counts. `share`: of those that fit, so many per
    cent are drawn, each by its own id, so that the same are drawn whenever one looks.
    """

    __tablename__ = "confirmation_rules"

    code: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(unique=True)
    severities: Mapped[list[str]]
    tiers: Mapped[list[str]]
    share: Mapped[int | None]
    demand: Mapped[ConfirmationDemand] = mapped_column(choice(ConfirmationDemand))
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    source: Mapped[str]


class ComplaintCallBack(Base):
    """One attempt to learn what the customer says to an answer. Only ever inserted.

    `by_answerer`: whoever answered asked as well. `accepted` is null where nobody was reached, or nothing was said.
    """

    __tablename__ = "complaint_call_backs"
    __table_args__ = (
        Index(None, "complaint_id", "attempted_at", "id"),
        ForeignKeyConstraint(
            ["complaint_id", "answer_number"], ["complaint_answers.complaint_id", "complaint_answers.number"]
        ),
        CheckConstraint("reached OR accepted IS NULL", name="who_speaks_was_reached"),
    )

    id: Mapped[Id]
    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"))
    cycle: Mapped[int]
    answer_number: Mapped[int]
    method: Mapped[CallBackMethod] = mapped_column(choice(CallBackMethod))
    reached: Mapped[bool]
    accepted: Mapped[bool | None]
    note: Mapped[str | None]
    attempted_at: Mapped[datetime]
    made_by: Mapped[UUID]
    by_answerer: Mapped[bool]
    created_at: Mapped[CreatedAt]


class ConfirmationLink(Base):
    """A token with which the customer says yes or no to an answer, once; a new one takes the old one's place."""

    __tablename__ = "confirmation_links"
    __table_args__ = (
        ForeignKeyConstraint(
            ["complaint_id", "answer_number"], ["complaint_answers.complaint_id", "complaint_answers.number"]
        ),
    )

    complaint_id: Mapped[UUID] = mapped_column(primary_key=True)
    answer_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class ComplaintClosing(Stateful, Base):
    """A request to end a complaint though the customer does not accept the answer, decided by a superior."""

    __tablename__ = "complaint_closings"
    __table_args__ = (
        Index(
            "uq_complaint_closings_one_open",
            "complaint_id",
            "answer_number",
            unique=True,
            postgresql_where=text("state = 'requested'"),
        ),
        Index(None, "complaint_id", "requested_at"),
        CheckConstraint("decided_by <> requested_by", name="decided_by_another"),
        CheckConstraint("means_exhausted AND told_of_appeal", name="all_was_done"),
    )
    transitions: ClassVar[Transitions] = {
        ClosingState.REQUESTED: {ClosingState.APPROVED, ClosingState.DECLINED},
        ClosingState.APPROVED: set(),
        ClosingState.DECLINED: set(),
    }

    id: Mapped[Id]
    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"))
    cycle: Mapped[int]
    answer_number: Mapped[int]
    state: Mapped[ClosingState] = mapped_column(choice(ClosingState), default=ClosingState.REQUESTED)
    reason: Mapped[str]
    means_exhausted: Mapped[bool]
    told_of_appeal: Mapped[bool]
    """Of the right to go to the postal authority (12305)."""
    requested_by: Mapped[UUID]
    requested_at: Mapped[CreatedAt]
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None]
