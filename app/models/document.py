"""Files that belong to a customer; at rest nobody reads them without a key that the database does not have."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt, Id


class Document(Base):
    """`sealed_name` is what its sender called it; it is shown with the numbers taken out, and never used as a path."""

    __tablename__ = "documents"
    __table_args__ = (Index(None, "customer_id", "created_at", "id"),)

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    sealed_name: Mapped[bytes]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class DocumentPart(Base):
    """A part of a document, sealed for its place: neither another document's nor another part's opens there."""

    __tablename__ = "document_parts"

    document_id: Mapped[UUID] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
