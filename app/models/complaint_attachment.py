"""Files that belong to a complaint, sealed piece by piece."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id, choice
from app.models.complaint_message import CaseVisibility


class ComplaintAttachment(Base):
    """One file. `sealed_key` opens its parts; without one they are gone. `size` and `sha256` are of the content."""

    __tablename__ = "complaint_attachments"
    __table_args__ = (Index(None, "complaint_id", "created_at", "id"),)

    id: Mapped[Id]
    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"))
    visibility: Mapped[CaseVisibility] = mapped_column(choice(CaseVisibility))
    media_type: Mapped[str]
    extension: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes | None]
    sealed_key: Mapped[bytes | None]
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None]


class ComplaintAttachmentPart(Base):
    """A piece of a file's content, in order and sealed."""

    __tablename__ = "complaint_attachment_parts"

    attachment_id: Mapped[UUID] = mapped_column(ForeignKey("complaint_attachments.id"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
