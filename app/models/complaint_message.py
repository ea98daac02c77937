"""What is said about a complaint: to and from the customer, and among ourselves; and the wordings for it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, choice
from app.models.complaint import ComplaintChannel


class CaseVisibility(StrEnum):
    """Who may see it: the customer as well, or the house alone."""

    PUBLIC = "public"
    INTERNAL = "internal"


class MessageDirection(StrEnum):
    IN = "in"
    OUT = "out"


class TemplatePurpose(StrEnum):
    ACKNOWLEDGEMENT = "acknowledgement"
    WAITING = "waiting"
    ANSWER = "answer"
    CONFIRMATION = "confirmation"
    CLOSING = "closing"
    REOPENED = "reopened"
    OTHER = "other"


class MessageTemplate(Base):
    """One version of a wording in both languages. Only ever inserted; the highest `number` of a code is used."""

    __tablename__ = "message_templates"

    code: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    purpose: Mapped[TemplatePurpose] = mapped_column(choice(TemplatePurpose))
    zh: Mapped[str]
    en: Mapped[str]
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class ComplaintMessage(Base):
    """One thing that was said. What is public has a channel and a direction; a note among ourselves has neither.

    `message_id` is what the channel called it: the same one again is the same message. `said_at` is when it was said,
    `created_at` when we learned of it.
    """

    __tablename__ = "complaint_messages"
    __table_args__ = (
        UniqueConstraint("channel", "message_id"),
        ForeignKeyConstraint(
            ["template_code", "template_number"], ["message_templates.code", "message_templates.number"]
        ),
        CheckConstraint(
            "(visibility = 'public') = (channel IS NOT NULL AND direction IS NOT NULL)", name="public_is_sent"
        ),
        CheckConstraint("visibility = 'public' OR message_id IS NULL", name="notes_have_no_channel"),
        Index(None, "complaint_id", "created_at", "id"),
    )

    id: Mapped[Id]
    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"))
    visibility: Mapped[CaseVisibility] = mapped_column(choice(CaseVisibility))
    direction: Mapped[MessageDirection | None] = mapped_column(choice(MessageDirection))
    channel: Mapped[ComplaintChannel | None] = mapped_column(choice(ComplaintChannel))
    message_id: Mapped[str | None]
    text: Mapped[str]
    template_code: Mapped[str | None]
    template_number: Mapped[int | None]
    written_by: Mapped[UUID]
    said_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
